"""Whether the best trials of a study lie at an end of a parameter's range."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prefect_tuner.flows.analysis.case import FEWEST_TRIALS, Case
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.log_scale import better_log_scale
from prefect_tuner.flows.analysis.models.changed_range import Side, extended
from prefect_tuner.flows.analysis.models.numeric_scale import unit_values
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.numeric import Float, Int

_BEST = 5
"""How many of the best trials are looked at."""

_NEAR = 0.15
"""The part of a range, on the parameter's scale, that is near its end."""

_AT_END = (0.025, 0.05)
"""How far from the end the best trial may be: the first where there are many trials, the second
where there are few, which lie far from each other."""

_BY_CHANCE = 1e-3
"""How probable it may be, at the most, that a parameter without effect seems to have one."""

_BY_CHANCE_OF_LOSSES = 0.01
"""The same of losses as they are. Of ranks alone, what a strategy has come to prefer may seem to
have an effect, as it was tried with good values of other parameters."""


def best_at_bound(case: Case) -> Iterator[Finding]:
    """The best trials lie at the end of a range, towards which the metric gets better."""
    numeric = {n: each for n, each in case.space.items() if not isinstance(each, Categorical)}
    for name, parameter in numeric.items():
        for side, count in _sides_of_best(case, name, parameter, _BY_CHANCE / len(numeric)):
            end = parameter.low if side == "low" else parameter.high
            word, beyond = ("smallest", "smaller") if side == "low" else ("largest", "larger")
            yield Finding(
                "best_at_bound",
                f"the best trial has {name} at the {word} value that it may have, {end!r}, or next "
                f"to it, {count} of the 5 best lie near it, and the metric gets better towards it",
                f"try {beyond} values of {name}, if there are any that make sense",
                name,
                extended(case.space, name, side),
            )


def _sides_of_best(
    case: Case, name: str, parameter: Float | Int, chance: float
) -> Iterator[tuple[Side, int]]:
    """The sides at which the best trials lie, with how many of the five best lie near them."""
    is_active = np.array([name in trial.params for trial in case.done], dtype=bool)
    if len(case.done) < FEWEST_TRIALS or is_active.sum() < FEWEST_TRIALS:
        return
    values = [trial.params[name] for trial in case.done if name in trial.params]
    places = unit_values(parameter, np.array(values, dtype=np.float64))
    best = np.argsort(case.losses[is_active], kind="stable")[:_BEST]
    for side in _sides(parameter):
        distances = places[best] if side == "low" else 1.0 - places[best]
        count = int((distances <= _NEAR).sum())
        if distances[0] > _at_end(places.size) or count <= _BEST // 2:
            continue
        effect = case.additive.effect(name)
        of_losses = case.additive_of_losses.chance(name)
        if effect is None or effect.chance > chance or (of_losses or 0.0) > _BY_CHANCE_OF_LOSSES:
            continue
        if not (effect.is_least_at_low if side == "low" else effect.is_least_at_high):
            continue
        if side == "low" and better_log_scale(case, name) is not None:
            continue  # What is near on this scale is decades away.
        yield side, count


def _sides(parameter: Float | Int) -> tuple[Side, ...]:
    """Both, but none of a parameter with two values: each of them is an end."""
    size = parameter.cardinality
    return () if size is not None and size <= 2 else ("low", "high")


def _at_end(count: int) -> float:
    """How far from the end the best of so many trials may be."""
    least, most = _AT_END
    return min(most, max(least, 1.5 / count))
