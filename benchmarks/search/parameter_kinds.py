"""What kind of parameter a peer is handed, and the candidate that its suggestion stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeGuard

from prefect_tuner import Categorical, Float, HyperValue, Int, Params, SearchSpace


def is_range(parameter: Float | Int | Categorical) -> TypeGuard[Float | Int]:
    """Whether it is a plain range of numbers: no steps, and more than one value."""
    return (
        not isinstance(parameter, Categorical)
        and parameter.step is None
        and parameter.low < parameter.high
    )


def active_candidate(space: SearchSpace, suggested: Mapping[str, Any]) -> Params:
    """The candidate of a peer that knows no conditions and suggests every parameter.

    Args:
        space: What is searched.
        suggested: For each parameter a number of its range, or the place of its value.
    """
    values = {name: suggested_value(space[name], suggested[name]) for name in space}
    return {name: values[name] for name in space.active(values)}


def suggested_value(parameter: Float | Int | Categorical, suggested: Any) -> HyperValue:
    """The value that a number of a plain range, or a place among values, stands for."""
    if not is_range(parameter):
        return parameter.value_at(int(suggested))
    # Peers compute with logarithms, and may be past an end by the last bits.
    within = min(max(suggested, parameter.low), parameter.high)
    return float(within) if isinstance(parameter, Float) else round(within)
