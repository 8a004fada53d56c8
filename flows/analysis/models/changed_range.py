"""Search spaces with the range of one parameter changed."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import HyperValue, exact_key
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.numeric import Float, Int
from prefect_tuner.search_space.space import SearchSpace

Side: TypeAlias = Literal["low", "high"]
"""One of the two ends of a range."""

_FACTOR = 10.0
"""By which a range on a logarithmic scale is extended."""


def extended(space: SearchSpace, name: str, side: Side) -> dict[str, Any]:
    """The space as JSON, with the range of a numeric parameter extended beyond one of its ends.

    By half of its width, or ten times on a logarithmic scale. Empty where there is no such range.
    """
    parameter = space[name]
    if isinstance(parameter, Categorical):
        return {}
    end = parameter.low if side == "low" else parameter.high
    sign = -1 if side == "low" else 1
    further: float
    if parameter.log:
        further = end * _FACTOR**sign
        if isinstance(parameter, Int):
            further = max(1, round(further))
    elif parameter.step is not None or isinstance(parameter, Int):
        half = max(1, ((parameter.cardinality or 2) - 1) // 2)
        further = end + sign * half * (parameter.step or 1)
        if isinstance(parameter, Float):
            further = round(further, 12)  # 0.1 * 3 is 0.30000000000000004.
    else:
        further = end + sign * (parameter.high / 2 - parameter.low / 2)
    return _with(space, name, **{side: further})


def limited(space: SearchSpace, name: str, side: Side, end: HyperValue) -> dict[str, Any]:
    """The space as JSON, with a numeric parameter that ends at a value within; empty where not."""
    return _with(space, name, **{side: end})


def on_log_scale(space: SearchSpace, name: str) -> dict[str, Any]:
    """The space as JSON, with a numeric parameter on a logarithmic scale; empty where it cannot be.

    It has no steps then, as they would be even on the other scale.
    """
    if isinstance(space[name], Categorical):
        return {}
    return _with(space, name, log=True, step=None)


def without_choice(space: SearchSpace, name: str, choice: HyperValue) -> dict[str, Any]:
    """The space as JSON, without one choice of a parameter; empty where no other is left."""
    parameter = space[name]
    if not isinstance(parameter, Categorical):
        return {}
    kept = [each for each in parameter.choices if exact_key(each) != exact_key(choice)]
    return _with(space, name, choices=kept) if kept else {}


def _with(space: SearchSpace, name: str, **changed: Any) -> dict[str, Any]:
    try:
        described = {each: parameter.to_json() for each, parameter in space.items()}
        given = {each: value for each, value in changed.items() if value is not None}
        kept = {e: v for e, v in described[name].items() if changed.get(e, v) is not None}
        described[name] = kept | given
        return SearchSpace(described, constraints=space.constraints).to_json()
    except InvalidConfiguration:  # A constraint, a condition or a step does not allow it.
        return {}
