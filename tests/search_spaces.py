"""Search spaces made up by hypothesis."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from prefect_tuner.hyper_value import HyperValue, exact_key
from prefect_tuner.search_space.parameters import Categorical, Float, Int, Parameter
from prefect_tuner.search_space.space import SearchSpace

UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
"""For properties: neither a slow machine nor a space without what is said of it is a failure."""

_WHOLE = st.integers(-(2**63), 2**63 - 1)
_REAL = st.floats(allow_nan=False, allow_infinity=False)
_NAME = st.text(
    st.characters(exclude_categories=["C", "Z"], include_characters=" "), min_size=1
).filter(lambda name: name not in ("__class__", "__exc_type__"))  # Of printable characters.
_SCALAR: st.SearchStrategy[Any] = st.one_of(st.booleans(), _WHOLE, _REAL, st.text(), st.none())
_KEY = st.text().filter(lambda key: not key.startswith("__"))

VALUES: st.SearchStrategy[HyperValue] = st.recursive(
    _SCALAR,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEY, inner, max_size=3),
    max_leaves=6,
)
"""All that a choice may be, to the ends of what JSON holds."""

UNITS = st.floats(0.0, 1.0)


@st.composite
def floats(draw: st.DrawFn) -> Float:
    log = draw(st.booleans())
    bounds = st.floats(min_value=5e-324, allow_infinity=False) if log else _REAL
    low, high = sorted([draw(bounds), draw(bounds)])
    return Float(low, high, log=log)


@st.composite
def stepped_floats(draw: st.DrawFn, most: int = 1000) -> Float:
    """Decimal bounds and steps as one writes them: `Float(-0.3, 1.2, step=0.1)`."""
    places = draw(st.integers(0, 6))
    first, apart = draw(st.integers(-1000, 1000)), draw(st.integers(1, 50))
    last = first + apart * draw(st.integers(0, most - 1))
    low, high, step = (float(f"{whole}e-{places}") for whole in (first, last, apart))
    return Float(low, high, step=step)


@st.composite
def ints(draw: st.DrawFn, most: int | None = None) -> Int:
    if most is not None:
        low, step = draw(st.integers(-1000, 1000)), draw(st.none() | st.integers(1, 9))
        return Int(low, low + (step or 1) * draw(st.integers(0, most - 1)), step=step)
    log = draw(st.booleans())
    bounds = st.integers(1, 2**63 - 1) if log else _WHOLE
    low, high = sorted([draw(bounds), draw(bounds)])
    return Int(low, high, log=log)


@st.composite
def categoricals(draw: st.DrawFn, most: int = 6) -> Categorical:
    choices = st.lists(VALUES, min_size=1, max_size=most, unique_by=exact_key)
    return Categorical(draw(choices), ordered=draw(st.booleans()))


def parameters() -> st.SearchStrategy[Parameter]:
    """Parameters of every kind, with domains of every size."""
    return st.one_of(floats(), stepped_floats(), ints(), ints(most=1000), categoricals())


def spaces() -> st.SearchStrategy[SearchSpace]:
    """Spaces of up to 5 parameters of every kind."""
    return st.dictionaries(_NAME, parameters(), min_size=1, max_size=5).map(SearchSpace)


def small_grids() -> st.SearchStrategy[SearchSpace]:
    """Spaces of up to 4 finite parameters, with few values each."""
    few = st.one_of(stepped_floats(most=4), ints(most=4), categoricals(most=4))
    return st.dictionaries(_NAME, few, min_size=1, max_size=4).map(SearchSpace)


def same(left: object, right: object) -> bool:
    """Whether two values are equal and of one type, to the sign of zero, however nested."""
    if isinstance(left, float) and isinstance(right, float):
        return left == right and math.copysign(1, left) == math.copysign(1, right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return list(left) == list(right) and all(map(same, left.values(), right.values()))
    return type(left) is type(right) and left == right
