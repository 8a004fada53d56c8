"""Whether a range is better searched on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from prefect_tuner.flows.analysis.case import Case
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.models.changed_range import on_log_scale
from prefect_tuner.flows.analysis.models.numeric_scale import unit_values
from prefect_tuner.flows.analysis.models.partial_effect import AdditiveModel
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
"""How much likelier, as a logarithm, the metrics are by a model on the logarithmic scale."""

_BY_CHANCE = 1e-3
"""How probable it may be, at the most, that a parameter without effect seems to have one."""


def log_scale_advisable(case: Case) -> Iterator[Finding]:
    """All good values lie at the low end of a wide range, and their magnitudes explain more."""
    for name in case.parameters:
        parameter = case.space[name]
        if isinstance(parameter, Categorical):
            continue
        changed = better_on_log_scale(case, name)
        good = _good_values(case, name) if changed else []
        parts = [_part(parameter, value) for value in good]
        if not good or max(parts) > _LOWEST or float(np.median(parts)) > _USUALLY_LOWEST:
            continue
        yield Finding(
            "log_scale_advisable",
            f"the best {len(good)} trials have {name} from {min(good):.3g} to {max(good):.3g}, in "
            f"the lowest {max(parts):.2g} of its range, and its magnitude explains the metric "
            "better than its value",
            f"search {name} on a logarithmic scale",
            name,
            changed,
        )


def better_on_log_scale(case: Case, name: str) -> dict[str, Any]:
    """The space with a parameter on a logarithmic scale, if a model on it is much likelier.

    Of losses as they are: where a strategy has concentrated values at one place, ranks spread them,
    as a logarithm does. Empty for parameters of few decades, and where the scale is no better.
    """
    parameter = case.space[name]
    if isinstance(parameter, Categorical) or parameter.log or parameter.low <= 0:
        return {}
    if math.log10(parameter.high / parameter.low) < _DECADES:
        return {}
    if sum(name in trial.params for trial in case.done) < _FEWEST:
        return {}
    changed = on_log_scale(case.space, name)
    if not changed:
        return {}
    rows = case.rows_for_additive
    trials = [case.done[row] for row in rows]
    linear, on_log = (
        case.additive_of_losses,
        AdditiveModel(SearchSpace(changed), trials, case.scaled_losses[rows]),
    )
    chance = on_log.chance(name)
    if chance is None or chance > _BY_CHANCE:
        return {}
    ratio = max(linear.left, 1e-12) / max(on_log.left, 1e-12)
    return changed if len(rows) / 2 * math.log(ratio) >= _BETTER else {}


def _good_values(case: Case, name: str) -> list[float]:
    """The values of the good ones among the trials that have the parameter."""
    rows = [row for row, trial in enumerate(case.done) if name in trial.params]
    ordered = sorted(rows, key=lambda row: float(case.losses[row]))
    values = [case.done[row].params[name] for row in ordered[: max(5, round(_BEST * len(rows)))]]
    return [float(value) for value in values if isinstance(value, int | float)]


def _part(parameter: Float | Int, value: float) -> float:
    """The part of a range that lies below a value."""
    return float(unit_values(parameter, np.array([value]))[0])
