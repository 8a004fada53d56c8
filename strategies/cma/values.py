"""What CMA-ES is told of a generation's trials: numbers to minimise, one for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from prefect_tuner.goal import Goal
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.trial import Outcome, Trial

_LARGEST = 1e100
# Told apart, and next to nothing beside what differs.
_TIE = 1e-9


class Scale(NamedTuple):
    """What metrics are measured by, so that their unit makes no difference to when a run ends.

    Attributes:
        centre: The middle of the metrics of the first generation in which they differ.
        spread: Half the difference of the largest and the smallest of them.
    """

    centre: float
    spread: float

    @classmethod
    def of(cls, trials: Sequence[Trial]) -> Scale | None:
        """The scale of some trials, None where their metrics do not differ."""
        metrics = [trial.metric for trial in trials if trial.metric is not None]
        low, high = min(metrics, default=0.0), max(metrics, default=0.0)
        return cls(high / 2 + low / 2, high / 2 - low / 2) if low < high else None


def values_of(trials: Sequence[Trial], goal: Goal, scale: Scale | None) -> FloatArray | None:
    """The numbers to tell, shape (trials,), None when there is nothing to learn from them.

    A failed or pruned trial counts as the worst that completed. What is not known, since the trial
    is running or was cancelled, counts as their median. Equal ones are told in the order of their
    trials, failed ones last.

    Args:
        trials: Those of a generation.
        goal: Which of two metrics is better.
        scale: Of the metrics; None as long as none differed.
    """
    centre, spread = scale or Scale(0.0, 1.0)
    known = [
        goal.loss(trial.metric / 2 - centre / 2) / spread * 2
        for trial in trials
        if trial.metric is not None
    ]
    if not known:
        return None
    known = [min(max(value, -_LARGEST), _LARGEST) for value in known]
    worst, median = max(known), float(np.median(known))
    in_turn = iter(known)
    values = np.empty(len(trials))
    for index, trial in enumerate(trials):
        if trial.metric is not None:
            values[index] = next(in_turn)
        else:
            values[index] = worst if _has_failed(trial) else median
    has_failed = np.array([_has_failed(trial) for trial in trials])
    if np.ptp(values) == 0.0 and not has_failed.any():
        return None
    ranked = np.lexsort((has_failed, values))
    # The package divides by the distance between the quartiles.
    size = len(values)
    if values[ranked[3 * size // 4]] == values[ranked[size // 4]]:
        values[ranked] += _TIE * max(1.0, float(np.abs(values).max())) * np.arange(size)
    return values


def _has_failed(trial: Trial) -> bool:
    """Whether a trial says something against its candidate, though it has no metric."""
    return trial.outcome not in (None, Outcome.COMPLETED, Outcome.CANCELLED)
