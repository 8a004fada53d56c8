from __future__ import annotations

import json
import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, Int, InvalidConfiguration
from prefect_tuner.hyper_value import exact_key
from prefect_tuner.search_space.parameters import Parameter, parse_parameter
from tests.search_spaces import (
    UNHURRIED,
    UNITS,
    categoricals,
    floats,
    ints,
    parameters,
    same,
    stepped_floats,
)

NAN, INF = math.nan, math.inf


@UNHURRIED
@given(parameters())
def test_json_gives_back_the_same_parameter(parameter: Parameter) -> None:
    again = parse_parameter(json.loads(json.dumps(parameter.to_json())))
    assert again == parameter
    assert repr(again) == repr(parameter)


@UNHURRIED
@given(categoricals())
def test_json_keeps_the_type_of_every_choice(categorical: Categorical) -> None:
    again = parse_parameter(json.loads(json.dumps(categorical.to_json())))
    assert isinstance(again, Categorical)
    assert all(map(same, again.choices, categorical.choices))


@UNHURRIED
@given(parameters(), UNITS)
def test_every_point_of_the_unit_interval_is_a_value_of_the_domain(
    parameter: Parameter, unit: float
) -> None:
    value = parameter.from_unit(unit)
    assert parameter.contains(value)
    assert same(json.loads(json.dumps(value)), value)


@UNHURRIED
@given(st.one_of(floats(), stepped_floats(), ints(), ints(most=1000)))
def test_the_unit_interval_reaches_from_low_to_high(parameter: Float | Int) -> None:
    assert parameter.from_unit(0.0) == pytest.approx(parameter.low, rel=1e-9)
    assert parameter.from_unit(1.0) == pytest.approx(parameter.high, rel=1e-9)


@UNHURRIED
@given(st.one_of(stepped_floats(), ints(most=1000), categoricals()))
def test_each_value_number_is_in_the_domain_and_differs_from_the_others(
    parameter: Parameter,
) -> None:
    assert parameter.cardinality is not None
    values = [parameter.value_at(index) for index in range(parameter.cardinality)]
    assert all(parameter.contains(value) for value in values)
    assert len(set(map(exact_key, values))) == parameter.cardinality


@UNHURRIED
@given(stepped_floats())
def test_steps_are_the_decimal_numbers_one_writes(parameter: Float) -> None:
    assert parameter.cardinality is not None
    assert same(parameter.value_at(0), parameter.low + 0.0)
    assert same(parameter.value_at(parameter.cardinality - 1), parameter.high + 0.0)
    for index in range(parameter.cardinality):
        assert len(repr(parameter.value_at(index))) <= len("-50000.123456")


@UNHURRIED
@given(stepped_floats(), st.floats(0.01, 0.99))
def test_between_the_steps_there_is_nothing(parameter: Float, part: float) -> None:
    assume(parameter.step is not None and parameter.low < parameter.high)
    assert not parameter.contains(parameter.low + part * (parameter.step or 0.0))


def test_steps_reach_to_the_ends_of_what_floats_can_hold() -> None:
    widest = Float(-1e308, 1e308, step=1e308)
    assert [widest.value_at(index) for index in range(3)] == [-1e308, 0.0, 1e308]
    assert widest.contains(0.0)
    assert not widest.contains(1.0)
    assert Float(0.0, 1e30, step=1e15).cardinality == 10**15 + 1


def test_a_log_scale_gives_each_decade_an_equal_share() -> None:
    rate = Float(1e-4, 1.0, log=True)
    assert [rate.from_unit(k / 4) for k in range(5)] == pytest.approx([1e-4, 1e-3, 1e-2, 0.1, 1.0])


def test_an_int_on_a_log_scale_includes_both_ends() -> None:
    units = [k / 999 for k in range(1000)]
    assert {Int(1, 5, log=True).from_unit(unit) for unit in units} == {1, 2, 3, 4, 5}


def test_each_int_has_an_equal_share_of_the_unit_interval() -> None:
    values = [Int(0, 4).from_unit((k + 0.5) / 1000) for k in range(1000)]
    assert [values.count(value) for value in range(5)] == [200] * 5


def test_a_single_value_is_a_domain() -> None:
    assert Float(0.5, 0.5).cardinality == 1
    assert Float(0.5, 0.5).value_at(0) == 0.5
    assert Float(0.5, 0.5, step=0.1).contains(0.5)
    assert Int(3, 3).from_unit(0.7) == 3


def test_a_continuous_parameter_has_no_numbered_values() -> None:
    assert Float(0.0, 1.0).cardinality is None
    with pytest.raises(IndexError, match="continuous"):
        Float(0.0, 1.0).value_at(0)


def test_values_of_different_types_are_never_taken_for_each_other() -> None:
    mixed = Categorical([True, 1, 1.0, "1"])
    assert mixed.cardinality == 4
    assert [type(mixed.value_at(index)) for index in range(4)] == [bool, int, float, str]
    assert not Categorical([1]).contains(True)
    assert not Categorical([1]).contains(1.0)
    assert not Int(0, 1).contains(True)
    assert not Int(0, 1).contains(1.0)
    assert not Float(0.0, 1.0).contains(1)
    assert Categorical([1]) != Categorical([True])
    assert len({Categorical([1]), Categorical([1.0]), Categorical([True])}) == 3


def test_numpy_scalars_become_python_values() -> None:
    parameter = Float(np.float64(0.0), np.float32(0.5), step=np.float64(0.25))  # type: ignore[arg-type]
    assert [type(v) for v in (parameter.low, parameter.high, parameter.step)] == [float] * 3
    assert type(Int(np.int64(0), 3).low) is int  # type: ignore[arg-type]
    assert [type(choice) for choice in Categorical(np.array([1, 2])).choices] == [int, int]


def test_an_int_is_a_bound_of_a_float() -> None:
    assert same(Float(0, 1).low, 0.0)


def test_a_bare_list_is_a_categorical() -> None:
    assert parse_parameter(["gbtree", "dart"]) == Categorical(["gbtree", "dart"])


def test_parameters_travel_by_pickle() -> None:
    for parameter in (Float(0.0, 1.0, step=0.5), Int(1, 9, log=True), Categorical([1, True])):
        assert pickle.loads(pickle.dumps(parameter)) == parameter


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        (Float, {"low": 1.0, "high": 0.0}, "low must not be above high, got low=1.0 and high=0.0"),
        (Int, {"low": 5, "high": 2}, "low must not be above high, got low=5 and high=2"),
        (
            Float,
            {"low": 0.0, "high": 1.0, "log": True},
            "with log, low must be above 0, got low=0.0",
        ),
        (
            Float,
            {"low": -1.0, "high": 1.0, "log": True},
            "with log, low must be above 0, got low=-1.0",
        ),
        (Int, {"low": 0, "high": 9, "log": True}, "with log, low must be at least 1, got low=0"),
        (Float, {"low": NAN, "high": 1.0}, "low must be a finite number, got low=nan"),
        (Float, {"low": 0.0, "high": INF}, "high must be a finite number, got high=inf"),
        (Float, {"low": 0.0, "high": 10**400}, "high must be a finite number"),
        (
            Float,
            {"low": 0.0, "high": 1.0, "step": NAN},
            "step must be a finite number, got step=nan",
        ),
        (Float, {"low": 0.0, "high": 1.0, "step": 0.3}, "step=0.3 does not fit"),
        (Float, {"low": 0.0, "high": 1.0, "step": 0.0}, "step must be above 0, got step=0.0"),
        (Float, {"low": 0.0, "high": 1.0, "step": -0.5}, "step must be above 0, got step=-0.5"),
        (Float, {"low": 0.0, "high": 1e30, "step": 1.0}, "step=1.0 is too small"),
        (
            Float,
            {"low": 0.1, "high": 1.0, "log": True, "step": 0.1},
            "log and step cannot be used together",
        ),
        (Float, {"low": "0", "high": 1.0}, "low must be a number, got low='0' (str)"),
        (Float, {"low": True, "high": 1.0}, "low must be a number, got low=True (bool)"),
        (Float, {"low": 0.0, "high": 1.0, "log": 1}, "log must be true or false, got log=1 (int)"),
        (Int, {"low": 0.0, "high": 3}, "low must be a whole number, got low=0.0 (float)"),
        (Int, {"low": 0, "high": True}, "high must be a whole number, got high=True (bool)"),
        (Int, {"low": 0, "high": NAN}, "high must be a whole number, got high=nan (float)"),
        (Int, {"low": 0, "high": 10, "step": 3}, "step=3 does not fit"),
        (Int, {"low": 0, "high": 10, "step": 0}, "step must be above 0, got step=0"),
        (
            Int,
            {"low": 0, "high": 10, "step": 2.0},
            "step must be a whole number, got step=2.0 (float)",
        ),
        (
            Int,
            {"low": 1, "high": 9, "log": True, "step": 2},
            "log and step cannot be used together",
        ),
        (
            Int,
            {"low": 0, "high": 2**63},
            "high must fit into 64 bits, got high=9223372036854775808",
        ),
        (Categorical, {"choices": []}, "choices must hold at least one value"),
        (Categorical, {"choices": "abc"}, "choices must be a list of values, got 'abc'"),
        (Categorical, {"choices": 3}, "choices must be a list of values, got 3"),
        (
            Categorical,
            {"choices": ["a", "b", "a"]},
            "each choice must be given once, got 'a' again",
        ),
        (Categorical, {"choices": [1.0, 1.0]}, "each choice must be given once, got 1.0 again"),
        (Categorical, {"choices": [NAN]}, "a choice must be a finite number, got nan"),
        (Categorical, {"choices": [2**64]}, "a choice must fit into 64 bits"),
        (
            Categorical,
            {"choices": [1], "ordered": "yes"},
            "ordered must be true or false, got ordered=",
        ),
    ],
)
def test_a_wrong_argument_is_named_with_what_would_be_right(
    kind: Any, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        kind(**arguments)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (3, "must be a Float, Int or Categorical, a list of choices, or a mapping"),
        ("lr", "must be a Float, Int or Categorical"),
        ({"low": 0, "high": 1}, "type must be one of 'float', 'int', 'categorical', got None"),
        ({"type": "flaot", "low": 0, "high": 1}, "type must be one of"),
        ({"type": ["float"]}, "type must be one of"),
        ({"type": "float", "low": 0}, "float needs 'high'"),
        ({"type": "int", "low": 0, "high": 1, "max": 3}, "int has no argument 'max', it has low"),
        ({"type": "categorical"}, "categorical needs 'choices'"),
    ],
)
def test_wrong_json_is_named_with_what_would_be_right(declared: Any, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_parameter(declared)
    assert said in str(caught.value)


def test_a_parameter_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Float(0.0, 1.0).low = 0.5  # type: ignore[misc]


def test_what_is_no_value_at_all_is_in_no_domain() -> None:
    assert not Float(0.0, 1.0).contains(math.nan)
    assert not Float(0.0, 1.0).contains("0.5")
    assert not Int(0, 1).contains(None)
    assert not Categorical([1]).contains([1])
