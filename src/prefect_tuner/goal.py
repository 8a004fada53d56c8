"""The goal of a study: which of two metrics is better."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, get_args

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.redaction import shown
from prefect_tuner.trial import Direction, Trial

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_Metric = TypeVar("_Metric", float, "npt.NDArray[np.float64]")
"""A metric, or an array of them."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What makes one metric better than another.

    Attributes:
        direction: Whether a larger or a smaller metric is better.

    Raises:
        InvalidConfiguration: The direction is none.

    Example:
        ```python
        from prefect_tuner.goal import Goal

        goal = Goal("minimize")
        assert goal.is_better(0.1, than=0.2) and not goal.is_better(0.2, than=0.2)
        assert goal.is_better(0.2, than=None)
        assert goal.reaches(0.2, target=0.2)
        ```
    """

    direction: Direction

    def __post_init__(self) -> None:
        directions = get_args(Direction)
        if not (isinstance(self.direction, str) and self.direction in directions):
            raise InvalidConfiguration(
                f"direction: must be {' or '.join(map(repr, directions))}, "
                f"got {shown(self.direction)}"
            )

    def is_better(self, metric: float | None, than: float | None) -> bool:
        """Whether a metric is strictly better than another one; nothing is worse than any."""
        if metric is None or than is None:
            return metric is not None
        return metric > than if self.direction == "maximize" else metric < than

    def reaches(self, metric: float | None, target: float) -> bool:
        """Whether a metric is as good as the target, or better."""
        return metric is not None and not self.is_better(target, than=metric)

    def best(self, trials: Iterable[Trial]) -> Trial | None:
        """The trial with the best metric, the first among equals; None where none has one."""
        best: Trial | None = None
        for trial in trials:
            if self.is_better(trial.metric, than=None if best is None else best.metric):
                best = trial
        return best

    def best_so_far(self, metrics: Iterable[float | None]) -> list[float | None]:
        """The best metric after each of several trials; None before the first that has one."""
        best: float | None = None
        found: list[float | None] = []
        for metric in metrics:
            if self.is_better(metric, than=best):
                best = metric
            found.append(best)
        return found

    def loss(self, metric: _Metric) -> _Metric:
        """The metric as a number to minimise: what sorts metrics from the best to the worst.

        Args:
            metric: One, or an array of any shape.
        """
        return -metric if self.direction == "maximize" else metric
