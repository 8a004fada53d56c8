"""What a problem of the benchmark is, and the sets of problems by name.

A set is a module with the names of its problems, `FAMILIES`, and a function `load` that makes one
of them by its name; it is imported when it is asked for, since each needs packages of its own.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np

from prefect_tuner import Params, SearchSpace


class Problem(Protocol):
    """One tuning task whose optimum is known, or known well enough."""

    @property
    def name(self) -> str:
        """What it is called in stored runs and on the command line."""

    @property
    def family(self) -> str:
        """The problems it is reported with."""

    @property
    def space(self) -> SearchSpace:
        """What is searched; it may hold conditional parameters."""

    def metric(self, params: Params) -> float:
        """The metric of a candidate, smaller is better; of a noisy problem its true mean."""

    def time(self, params: Params) -> float:
        """How many seconds a candidate takes to evaluate, for the simulated clock."""

    def regret(self, metric: float) -> float:
        """How far a metric is from the optimum: 0 there, 1 at the median of the space."""


@runtime_checkable
class NoisyProblem(Problem, Protocol):
    """A problem of which single evaluations differ from their mean."""

    def observation(self, params: Params, rng: np.random.Generator) -> float:
        """One evaluation of a candidate, drawn by `rng`."""


@dataclass(frozen=True)
class ProblemSet:
    """Problems that are run and reported together.

    Attributes:
        name: As on the command line, and of the folder of the stored runs.
        families: The family of each problem.
        tuned_on: Problems that were looked at while the strategies were made.
        saturated: Problems that tell no method from another: left out of averages.
        load: Makes a problem of the set by name.
    """

    name: str
    families: Mapping[str, str]
    tuned_on: tuple[str, ...]
    saturated: tuple[str, ...]
    load: Callable[[str], Problem]


MODULES: Final = {
    "tables": "benchmarks.search.tables",
    "tasks": "benchmarks.search.tasks",
    "coco": "benchmarks.search.coco",
    "yahpo": "benchmarks.search.yahpo",
    "synthetic": "benchmarks.search.synthetic",
    "branches": "benchmarks.search.branches",
}
"""The modules of the sets. Each has `FAMILIES`, `TUNED_ON`, `SATURATED` and `load`."""


def problem_set(name: str) -> ProblemSet:
    """A set of problems by its name.

    Raises:
        LookupError: There is none of this name.
    """
    if name not in MODULES:
        raise LookupError(f"no problems are named {name!r}: there are {', '.join(MODULES)}")
    module = importlib.import_module(MODULES[name])
    return ProblemSet(name, module.FAMILIES, module.TUNED_ON, module.SATURATED, module.load)
