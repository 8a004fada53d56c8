"""Real tuning tasks with conditional spaces: models of scikit-learn and LightGBM on real data.

The data are those that scikit-learn ships, cut into fixed folds; models have fixed seeds. One
evaluation takes 10 to 60 ms. Which candidate is the best, nobody knows: metrics are compared with
the best that was found by a search of 1,000 candidates (`tasks_reference.py`) and by the stored
runs of all methods (`tasks_reference_renewal.py`). A run may find a better one; its regret is then
below zero, and the references should be renewed.

Needs the versions of scikit-learn and LightGBM in `TESTED_WITH`: with others metrics differ
somewhat, and stored runs are no longer those of the same tasks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Final, NamedTuple

from prefect_tuner import Params, SearchSpace

REFERENCES: Final = Path(__file__).parent / "stored" / "tasks" / "references.json"
"""The best metric that was found for each task, and the median of random candidates."""

TESTED_WITH: Final = {"scikit-learn": "1.9.1", "lightgbm": "4.7.0"}
"""The versions that the stored references and runs are of."""


class _Source(NamedTuple):
    family: str
    space: str
    measured: str


_SOURCES: Final = {
    "svm": _Source("kernels", "SVM", "error on 400 digits"),
    "kernel_ridge": _Source("kernels", "KERNEL_RIDGE", "root mean square error on diabetes"),
    "neighbours": _Source("kernels", "NEIGHBOURS", "Brier score on 400 digits"),
    "lightgbm": _Source("trees", "LIGHTGBM", "log loss on breast_cancer"),
    "gradient_boosting": _Source(
        "trees", "GRADIENT_BOOSTING", "root mean square error on diabetes"
    ),
    "network": _Source("networks", "NETWORK", "log loss on 300 digits"),
    "linear": _Source("networks", "LINEAR", "log loss on wine"),
    "pipeline": _Source("pipeline", "PIPELINE", "1 - area under ROC on breast_cancer"),
}

FAMILIES: Final = {name: source.family for name, source in _SOURCES.items()}
"""The family of each task, and with `tasks_` before it the module that holds it."""

TUNED_ON: Final = ("pipeline", "svm")
"""The tasks that were looked at while the strategies were made."""

SATURATED: Final = ()
"""The tasks on which random search is nearly as good as any: none."""


class Reference(NamedTuple):
    """What metrics of a task are compared with.

    Attributes:
        best: The smallest metric that is known.
        found_by: The method that found it.
        params: The candidate that has it.
        median: Of the metrics of random candidates.
        candidates: How many different ones the search evaluated, those of runs not counted.
    """

    best: float
    found_by: str
    params: Params
    median: float
    candidates: int


@dataclass(frozen=True, eq=False)
class Task:
    """One tuning task; a `Problem`.

    Attributes:
        name: Of the task.
        family: A key of `FAMILIES`.
        measured: What its metric is, and on which data; smaller is better.
        space: What is searched, with conditional parameters.
        evaluate: The metric of a candidate.
    """

    name: str
    family: str
    measured: str
    space: SearchSpace
    evaluate: Callable[[Params], float]
    _known: dict[str, float] = field(default_factory=dict, repr=False)

    @property
    def reference(self) -> Reference:
        """What metrics are compared with.

        Raises:
            LookupError: The task was never searched for it.
        """
        known = references()
        if self.name not in known:
            raise LookupError(
                f"there is no reference for the task {self.name!r}: "
                f"python -m benchmarks.search.tasks_reference {self.name}"
            )
        return known[self.name]

    def metric(self, params: Params) -> float:
        """The metric of a candidate; evaluated once, however often it is asked for."""
        key = repr(sorted(params.items()))
        if key not in self._known:
            self._known[key] = self.evaluate(params)
        return self._known[key]

    def time(self, params: Params) -> float:  # noqa: ARG002
        """One second: what a candidate takes differs from machine to machine, and is no fact."""
        return 1.0

    def regret(self, metric: float) -> float:
        """How far a metric is from the best one known: 0 there, 1 at the median."""
        best, median = self.reference.best, self.reference.median
        return (metric - best) / (median - best)


@cache
def references() -> dict[str, Reference]:
    """The stored references, by the name of the task."""
    if not REFERENCES.exists():
        return {}
    return {name: Reference(**data) for name, data in json.loads(REFERENCES.read_text()).items()}


@cache
def load(name: str) -> Task:
    """One of the tasks.

    Raises:
        ModuleNotFoundError: scikit-learn or LightGBM is not installed.
    """
    family, space, measured = _SOURCES[name]
    module = import_module(f"benchmarks.search.tasks_{family}")
    return Task(name, family, measured, getattr(module, space), getattr(module, name))
