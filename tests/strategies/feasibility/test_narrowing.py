from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, Int, Params, SearchSpace
from prefect_tuner.strategies.feasibility.intervals import Interval
from prefect_tuner.strategies.feasibility.narrowing import Narrowing
from prefect_tuner.strategies.feasibility.ranges import Box, Infeasible
from tests.constraint_expressions import SIGNS, SUMS, expressions
from tests.search_spaces import UNHURRIED

WHOLE = {"a": Int(-4, 4), "b": Int(0, 6, step=2), "c": Categorical([None, 1, 3, 8])}

_COMPARISONS = st.one_of(
    st.tuples(SUMS, SIGNS, SUMS).map(" ".join),
    st.tuples(SUMS, st.sampled_from(["<", "=="]), SUMS).map(
        lambda t: " <= ".join(t[::2]) + " <= a"
    ),
    st.sampled_from(["c == None", "c in [1, 8]", "c != None and c + a <= 4", "b not in [0, 6]"]),
)
_EXPRESSIONS = expressions(_COMPARISONS)


def narrowed(space: SearchSpace) -> Box:
    narrowing = Narrowing(space)
    return narrowing.narrowed(narrowing.everything())


def is_within(params: Params, box: Box, space: SearchSpace) -> bool:
    for name, left in box.items():
        value = params[name]
        if isinstance(left, Interval):
            assert isinstance(value, int | float)
            if not left.low <= value <= left.high:
                return False
        elif space[name].index_of(value) not in left:
            return False
    return True


@settings(UNHURRIED, max_examples=50)
@given(st.lists(_EXPRESSIONS, min_size=1, max_size=3))
def test_no_feasible_candidate_is_ever_cut_off(expressions: list[str]) -> None:
    anchored = [f"({expression}) and a == a" for expression in expressions]
    space = SearchSpace(WHOLE, constraints=anchored)
    every = [
        dict(zip(space, values, strict=True))
        for values in product(range(-4, 5), range(0, 7, 2), [None, 1, 3, 8])
    ]
    feasible = [params for params in every if space.contains(params)]
    try:
        box = narrowed(space)
    except Infeasible:
        assert feasible == []
        return
    assert all(is_within(params, box, space) for params in feasible)


def is_about(left: Interval | frozenset[int], low: float, high: float) -> bool:
    assert isinstance(left, Interval)
    return [left.low, left.high] == pytest.approx([low, high])


def test_ranges_are_cut_to_what_sums_products_and_orders_leave() -> None:
    unit = Float(0.0, 1.0)
    box = narrowed(SearchSpace({"x": unit, "y": unit}, constraints=["2*x + y <= 0.5", "x >= 0.2"]))
    assert is_about(box["x"], 0.2, 0.25)
    assert is_about(box["y"], 0.0, 0.1)
    box = narrowed(SearchSpace({"a": Int(1, 99), "b": Int(8, 99)}, constraints=["a*b == 64"]))
    assert box == {"a": Interval(1.0, 8.0), "b": Interval(8.0, 64.0)}
    box = narrowed(SearchSpace({n: Int(1, 3) for n in "abc"}, constraints=["a < b < c"]))
    assert box == {"a": Interval(1.0, 1.0), "b": Interval(2.0, 2.0), "c": Interval(3.0, 3.0)}
    square = "(x - 0.5)*(x - 0.5) <= 0.01"
    box = narrowed(SearchSpace({"x": Float(-1.0, 1.0)}, constraints=[square]))
    assert is_about(box["x"], 0.4, 0.6)


def test_what_is_not_always_active_is_left_as_it_is() -> None:
    space = {"k": Categorical(["a", "b"]), "x": Float(0.0, 1.0, when={"k": ["a"]})}
    assert narrowed(SearchSpace(space, constraints=["x <= 0.1"]))["x"] == Interval(0.0, 1.0)
    box = narrowed(SearchSpace(space, constraints=["x <= 0.1", "k == 'a'"]))
    assert is_about(box["x"], 0.0, 0.1)


def test_contradictions_are_seen() -> None:
    with pytest.raises(Infeasible):
        narrowed(SearchSpace({"x": Float(0.0, 1.0)}, constraints=["x >= 0.6", "x + x <= 1.1"]))
