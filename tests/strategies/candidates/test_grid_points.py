from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Float, HyperValue, Int
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.strategies.candidates.grid_points import spread
from tests.objective_functions import number
from tests.search_spaces import UNHURRIED, floats, ints, stepped_floats


def values(parameter: Parameter) -> list[HyperValue]:
    return [parameter.value_at(index) for index in range(parameter.cardinality or 0)]


@UNHURRIED
@given(st.one_of(floats(), stepped_floats(), ints(), ints(most=1000)), st.integers(1, 50))
def test_points_are_distinct_ascending_values_of_the_domain(
    parameter: Float | Int, points: int
) -> None:
    spread_out = values(spread(parameter, points))
    assert 1 <= len(spread_out) <= points
    assert all(parameter.contains(value) for value in spread_out)
    numbers = list(map(number, spread_out))
    assert numbers == sorted(numbers)
    assert len(set(spread_out)) == len(spread_out)
    if points >= 2 and parameter.low < parameter.high:
        assert (spread_out[0], spread_out[-1]) == (parameter.low, parameter.high)


@UNHURRIED
@given(st.integers(1, 300), st.integers(1, 300))
def test_an_int_gets_as_many_points_as_it_has_values_for(values_there: int, points: int) -> None:
    assert spread(Int(1, values_there), points).cardinality == min(values_there, points)


@pytest.mark.parametrize(
    ("parameter", "points", "expected"),
    [
        (Float(0.0, 1.0), 11, [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]),
        (Float(1e-5, 1.0, log=True), 6, [1e-5, 1e-4, 1e-3, 0.01, 0.1, 1.0]),
        (Float(0.0, 1.0), 1, [0.5]),
        (Float(1e-4, 1e-2, log=True), 1, [1e-3]),
        (Float(0.0, 0.9, step=0.3), 3, [0.0, 0.6, 0.9]),
        (Float(0.0, 0.9, step=0.3), 9, [0.0, 0.3, 0.6, 0.9]),
        (Int(0, 100), 5, [0, 25, 50, 75, 100]),
        (Int(0, 10), 1, [5]),
        (Int(16, 1024, step=16), 2, [16, 1024]),
        (Int(1, 1000, log=True), 4, [1, 10, 100, 1000]),
        (Int(1, 100, log=True), 99, sorted({round(100 ** (k / 98)) for k in range(99)})),
        (Float(-1e308, 1e308), 3, [-1e308, 0.0, 1e308]),
    ],
)
def test_points_are_evenly_spaced_with_both_ends(
    parameter: Float | Int, points: int, expected: list[HyperValue]
) -> None:
    spread_out = values(spread(parameter, points))
    assert spread_out == expected
    assert [type(value) for value in spread_out] == [type(value) for value in expected]


def test_where_floats_run_out_a_point_stands_once() -> None:
    narrow = Float(1.0, math.nextafter(1.0, 2.0))
    assert values(spread(narrow, 10)) == [1.0, math.nextafter(1.0, 2.0)]
