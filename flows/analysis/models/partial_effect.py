"""What one parameter does to the metric, the others being what they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import fdtrc

from prefect_tuner.flows.analysis.models.numeric_scale import unit_values
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.trial import Trial

_FEWEST_LEFT = 5
"""Trials more than the model has terms."""


@dataclass(frozen=True)
class PartialEffect:
    """Of a numeric parameter.

    Attributes:
        chance: How probable it is that a parameter without effect seems to have as large a one.
        least_at: Where in the range the loss is least, from 0 to 1 on the parameter's scale.
        is_least_at_low: Whether the loss is least at the low end of the range.
        is_least_at_high: Whether it is at the high end.
    """

    chance: float
    least_at: float
    is_least_at_low: bool
    is_least_at_high: bool


class AdditiveModel:
    """Scores as a sum of what each parameter does: a parabola of numbers, a term for each choice.

    Strategies try good values of all parameters together, so that what has no effect seems to
    matter; a model of all of them tells the parameters apart.

    Args:
        space: The search space.
        trials: With a metric.
        scores: Of these trials, less is better: losses, or their normal scores.
    """

    def __init__(self, space: SearchSpace, trials: Sequence[Trial], scores: FloatArray) -> None:
        self._columns: Mapping[str, FloatArray] = {
            name: terms
            for name in space
            if space[name].cardinality != 1 and (terms := _terms(space, name, trials)).size
        }
        self._scores = scores

    @cached_property
    def left(self) -> float:
        """The share of the scores' variance that the model leaves."""
        left, *_ = self._fit(np.hstack([np.ones((self._scores.size, 1)), *self._columns.values()]))
        return left / max(float(((self._scores - self._scores.mean()) ** 2).sum()), 1e-12)

    def chance(self, name: str) -> float | None:
        """How probable it is that a parameter without effect seems to have as large a one.

        None where there are too few trials to tell.
        """
        compared = self._compared(name)
        return None if compared is None else compared[0]

    def effect(self, name: str) -> PartialEffect | None:
        """What a numeric parameter does; None where there are too few trials to tell."""
        compared = self._compared(name)
        if compared is None:
            return None
        chance, weights = compared
        unit = np.linspace(0.0, 1.0, 21)
        curve = np.stack([unit, unit**2], axis=1) @ weights[:2]
        least = float(curve.min()) + 1e-9
        return PartialEffect(
            chance,
            float(unit[np.argmin(curve)]),
            bool(curve[0] <= least),
            bool(curve[-1] <= least),
        )

    def _compared(self, name: str) -> tuple[float, FloatArray] | None:
        """How probable the model's gain by a parameter is without effect, and its weights."""
        own = self._columns.get(name)
        if own is None:
            return None
        ones = np.ones((self._scores.size, 1))
        others = [terms for other, terms in self._columns.items() if other != name]
        reduced = np.hstack([ones, *others])
        without, _, rank_without = self._fit(reduced)
        rest, weights, rank = self._fit(np.hstack([reduced, own]))
        left, terms = self._scores.size - rank, rank - rank_without
        if left < _FEWEST_LEFT or terms == 0:
            return None
        ratio = (without - rest) / terms / max(rest / left, 1e-12)
        return float(fdtrc(terms, left, max(0.0, ratio))), weights[-own.shape[1] :]

    def _fit(self, columns: FloatArray) -> tuple[float, FloatArray, int]:
        """The sum of squares that is left, the weights of the columns, and their rank."""
        weights, _, rank, _ = np.linalg.lstsq(columns, self._scores, rcond=None)
        rest = ((self._scores - columns @ weights) ** 2).sum()
        return float(rest), np.asarray(weights, dtype=np.float64), int(rank)


def _terms(space: SearchSpace, name: str, trials: Sequence[Trial]) -> FloatArray:
    """The columns of a parameter: of a conditional one also whether it is active."""
    parameter = space[name]
    is_active = np.array([name in trial.params for trial in trials])
    if not is_active.any():
        return np.empty((len(trials), 0))
    active = [trial.params[name] for trial in trials if name in trial.params]
    if isinstance(parameter, Categorical):
        places = np.full(len(trials), -1)
        places[is_active] = [parameter.index_of(value) for value in active]
        seen = np.unique(places)
        return np.asarray(places[:, np.newaxis] == seen[1:], dtype=np.float64)
    unit = np.full(len(trials), 0.5)
    unit[is_active] = unit_values(parameter, np.array(active, dtype=np.float64))
    columns = [unit, unit**2]
    if not is_active.all():
        columns.append(is_active.astype(np.float64))
    return np.stack(columns, axis=1)
