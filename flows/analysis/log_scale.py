"""Whether a range is better searched on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from prefect_tuner.flows.analysis.case import Case
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.models.changed_range import on_log_scale
from prefect_tuner.flows.analysis.models.numeric_scale import unit_values
from prefect_tuner.flows.analysis.models.partial_effect import AdditiveModel
from prefect_tuner.flows.analysis.models.surrogate import Surrogate
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.numeric import Float, Int
from prefect_tuner.search_space.space import SearchSpace

_FEWEST = 20
"""Trials that have the parameter."""

_DECADES = 2.0
"""Between the ends of the range, at the least."""

_BEST = 0.1
"""The share of trials that are good ones; at least five are."""

_LOWEST, _USUALLY_LOWEST = 0.3, 0.15
"""The part of the range in which all good trials lie, and half of them."""

_BETTER = 8.0
"""How much likelier, as a logarithm, the metrics are by a sum of effects on the logarithmic scale,
where all good values are low."""

_BETTER_BY_SUM, _BETTER_BY_PROCESS, _BETTER_BY_BOTH = -5.0, 5.0, 7.0
"""The same where they are not, as other parameters matter more: by a sum of effects, by a model of
all parameters together, and by both, added. What a parameter does to the effect of another, a sum
does not know."""

_BY_CHANCE = 1e-3
"""How probable it may be, at the most, that a parameter without effect seems to have one."""


@dataclass(frozen=True)
class LogScale:
    """A logarithmic scale on which a parameter is better searched.

    Attributes:
        space: The search space with it, as JSON data.
        best: Where the metric is best by a sum of effects on it.
    """

    space: dict[str, Any]
    best: float


def log_scale_advisable(case: Case) -> Iterator[Finding]:
    """The best values lie at the low end of a wide range, and their magnitudes explain more."""
    for name in case.parameters:
        better = better_log_scale(case, name)
        parameter = case.space[name]
        if better is None or isinstance(parameter, Categorical):
            continue
        good = _good_values(case, name)
        part = max(_part(parameter, value) for value in good)
        where = (
            f"the best {len(good)} trials have {name} from {min(good):.3g} to {max(good):.3g}, in "
            f"the lowest {part:.2g} of its range"
            if part <= _LOWEST
            else f"the metric seems to be best with {name} near {better.best:.2g}, in the lowest "
            f"{_part(parameter, better.best):.2g} of its range"
        )
        yield Finding(
            "log_scale_advisable",
            f"{where}, and its magnitude explains the metric better than its value",
            f"search {name} on a logarithmic scale",
            name,
            better.space,
        )


def better_log_scale(case: Case, name: str) -> LogScale | None:
    """The logarithmic scale of a parameter, if a model on it is much likelier.

    Of losses as they are: where a strategy has concentrated values at one place, ranks spread them,
    as a logarithm does. None for parameters of few decades, where the best values are not the
    lowest ones, and where the scale is no better.
    """
    parameter = case.space[name]
    changed = _changed(case, name)
    if isinstance(parameter, Categorical) or not changed:
        return None
    rows = case.rows_for_additive
    trials = [case.done[row] for row in rows]
    on_log = AdditiveModel(SearchSpace(changed), trials, case.scaled_losses[rows])
    effect = on_log.effect(name)
    if effect is None or effect.chance > _BY_CHANCE:
        return None
    left = max(case.additive_of_losses.left, 1e-12), max(on_log.left, 1e-12)
    gain = len(rows) / 2 * math.log(left[0] / left[1])
    best = parameter.low * (parameter.high / parameter.low) ** effect.least_at
    is_better = gain >= _BETTER and _all_are_low(parameter, _good_values(case, name))
    if not is_better and gain >= _BETTER_BY_SUM and _part(parameter, best) <= _USUALLY_LOWEST:
        together = _gain_together(case, SearchSpace(changed))
        is_better = together >= max(_BETTER_BY_PROCESS, _BETTER_BY_BOTH - gain)
    return LogScale(changed, best) if is_better else None


def _changed(case: Case, name: str) -> dict[str, Any]:
    """The space with a parameter on a logarithmic scale, as JSON data; empty where it cannot be.

    And where its range is not wide, or too few trials have it.
    """
    parameter = case.space[name]
    if isinstance(parameter, Categorical) or parameter.log or parameter.low <= 0:
        return {}
    is_wide = math.log10(parameter.high / parameter.low) >= _DECADES
    if not is_wide or sum(name in trial.params for trial in case.done) < _FEWEST:
        return {}
    return on_log_scale(case.space, name)


def _gain_together(case: Case, changed: SearchSpace) -> float:
    """How much likelier losses are in a changed space, as a logarithm, by all parameters."""
    before = case.surrogate_of_losses
    if before is None:
        return 0.0
    rows = case.rows_for_surrogate
    after = Surrogate.of(changed, [case.done[row] for row in rows], case.scaled_losses[rows])
    return 0.0 if after is None else before.loss - after.loss


def _all_are_low(parameter: Float | Int, values: list[float]) -> bool:
    parts = [_part(parameter, value) for value in values]
    return max(parts) <= _LOWEST and float(np.median(parts)) <= _USUALLY_LOWEST


def _good_values(case: Case, name: str) -> list[float]:
    """The values of the good ones among the trials that have the parameter."""
    rows = [row for row, trial in enumerate(case.done) if name in trial.params]
    ordered = sorted(rows, key=lambda row: float(case.losses[row]))
    values = [case.done[row].params[name] for row in ordered[: max(5, round(_BEST * len(rows)))]]
    return [float(value) for value in values if isinstance(value, int | float)]


def _part(parameter: Float | Int, value: float) -> float:
    """The part of a range that lies below a value."""
    return float(unit_values(parameter, np.array([value]))[0])
