"""What a run of the benchmark asks for candidates: the strategies of this package, and peers."""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

from prefect_tuner import Params, SearchSpace, Study


class Optimizer(Protocol):
    """What a run asks for candidates."""

    def suggest(self, number: int) -> Params:
        """The candidate of trial `number`, which is the next one."""

    def tell(self, number: int, metric: float) -> None:
        """Hear of the metric of a trial."""

    @property
    def best(self) -> int:
        """The number of the trial that it calls the best, once it was told of one."""


class Ours:
    """A strategy of this package.

    Args:
        method: Its name, or JSON with its name and options.
        space: What is searched.
        seed: Of the study.
    """

    def __init__(self, method: str, space: SearchSpace, seed: int) -> None:
        spec: Any = json.loads(method) if method.startswith("{") else method
        self._study = Study(space, strategy=spec, direction="minimize", seed=seed)

    def suggest(self, number: int) -> Params:
        """The candidate of trial `number`."""
        trial = self._study.ask()
        if trial is None or trial.number != number:
            raise RuntimeError(f"trial {number} was asked for, got {trial}")
        return dict(trial.params)

    def tell(self, number: int, metric: float) -> None:
        """Hear of the metric of a trial."""
        self._study.tell(number, metric)

    @property
    def best(self) -> int:
        """The number of the study's best trial."""
        best = self._study.best_trial
        if best is None:
            raise RuntimeError("there is no best trial yet")
        return best.number


OURS: Final = {
    "gp": "gp",
    "tpe": "tpe",
    "random": "random",
    "gp-noisy": '{"name": "gp", "noisy": true}',
}
"""Our own methods in the reports, by name: a strategy, or JSON with one and its options."""
