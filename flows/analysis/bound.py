"""Whether the best trials of a study lie at an end of a parameter's range."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from prefect_tuner.flows.analysis.changed_range import Side
from prefect_tuner.flows.analysis.numeric_scale import unit_values
from prefect_tuner.flows.analysis.partial_effect import AdditiveModel
from prefect_tuner.goal import Goal
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.numeric import Float, Int
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Trial

FEWEST_TRIALS = 10
"""Trials with a metric, from which on something is said."""

_BEST = 5
"""How many of the best trials are looked at."""

_NEAR = 0.15
"""The part of a range, on the parameter's scale, that is near its end."""

_AT_END = (0.025, 0.05)
"""How far from the end the best trial may be: the first where there are many trials, the second
where there are few, which lie far from each other."""

_BY_CHANCE = 1e-3
"""How probable it may be, at the most, that a parameter without effect seems to have one."""


def bounds_of_best(
    space: SearchSpace, goal: Goal, trials: Sequence[Trial]
) -> list[tuple[str, Side, int]]:
    """The ends at which the best trials lie, and towards which the metric gets better.

    Args:
        space: The search space.
        goal: Which metrics are better.
        trials: Any of the study.

    Returns:
        For each its parameter, the side, and how many of the five best trials lie near it.
    """
    done = [trial for trial in trials if trial.metric is not None]
    if len(done) < FEWEST_TRIALS:
        return []
    losses = np.array([goal.loss(trial.metric) for trial in done if trial.metric is not None])
    model = AdditiveModel(space, done, losses)
    numeric = {n: each for n, each in space.items() if not isinstance(each, Categorical)}
    found: list[tuple[str, Side, int]] = []
    for name, parameter in numeric.items():
        is_active = np.array([name in trial.params for trial in done])
        if is_active.sum() < FEWEST_TRIALS:
            continue
        values = [trial.params[name] for trial in done if name in trial.params]
        places = unit_values(parameter, np.array(values, dtype=np.float64))
        best = np.argsort(losses[is_active], kind="stable")[:_BEST]
        for side in _sides(parameter):
            distances = places[best] if side == "low" else 1.0 - places[best]
            count = int((distances <= _NEAR).sum())
            if distances[0] > _at_end(places.size) or count <= _BEST // 2:
                continue
            effect = model.effect(name)
            if effect is None or effect.chance > _BY_CHANCE / len(numeric):
                continue
            if effect.is_least_at_low if side == "low" else effect.is_least_at_high:
                found.append((name, side, count))
    return found


def _sides(parameter: Float | Int) -> tuple[Side, ...]:
    """Both, but none of a parameter with two values: each of them is an end."""
    size = parameter.cardinality
    return () if size is not None and size <= 2 else ("low", "high")


def _at_end(count: int) -> float:
    """How far from the end the best of so many trials may be."""
    least, most = _AT_END
    return min(most, max(least, 1.5 / count))
