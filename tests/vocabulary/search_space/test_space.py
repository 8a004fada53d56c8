from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, Int, InvalidConfiguration, SearchSpace
from tests.search_spaces import UNHURRIED, UNITS, same, spaces


@UNHURRIED
@given(spaces())
def test_json_gives_back_the_same_space_in_the_same_order(space: SearchSpace) -> None:
    again = SearchSpace(json.loads(json.dumps(space.to_json())))
    assert again == space
    assert list(again) == list(space)
    assert hash(again) == hash(space)


@UNHURRIED
@given(spaces(), st.data())
def test_values_keep_their_types_through_json(space: SearchSpace, data: st.DataObject) -> None:
    params = {name: parameter.from_unit(data.draw(UNITS)) for name, parameter in space.items()}
    again = json.loads(json.dumps(params))
    assert all(same(again[name], params[name]) for name in space)
    assert space.contains(again)


def test_a_space_is_declared_in_python_or_in_json() -> None:
    declared = {"lr": Float(1e-5, 0.1, log=True), "depth": Int(2, 10), "booster": ["tree", "dart"]}
    written = {
        "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
        "depth": {"type": "int", "low": 2, "high": 10},
        "booster": {"type": "categorical", "choices": ["tree", "dart"]},
    }
    assert SearchSpace(declared) == SearchSpace(written)
    assert SearchSpace(declared).to_json() == written


def test_cardinality_is_the_number_of_candidates() -> None:
    assert SearchSpace({"a": Int(0, 9), "b": [True, False]}).cardinality == 20
    assert SearchSpace({"a": Int(0, 9), "b": Float(0.0, 1.0)}).cardinality is None


def test_a_candidate_has_every_parameter_and_no_other() -> None:
    space = SearchSpace({"a": Int(0, 9), "b": [True]})
    assert space.contains({"b": True, "a": 3})
    assert not space.contains({"a": 3})
    assert not space.contains({"a": 3, "b": True, "c": 1})
    assert not space.contains({"a": 3, "b": 1})


def test_spaces_that_differ_in_order_differ() -> None:
    forwards = SearchSpace({"a": [1], "b": [2]})
    assert forwards != SearchSpace({"b": [2], "a": [1]})
    assert forwards == SearchSpace({"a": Categorical([1]), "b": [2]})
    assert forwards != {"a": [1], "b": [2]}


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({}, ["space: must hold at least one parameter, got {}"]),
        ([Float(0.0, 1.0)], ["space: must be a mapping of names to parameters"]),
        ({3: [1]}, ["space: a name must be a string of printable characters, got 3"]),
        ({"": [1]}, ["space: a name must be a string of printable characters, got ''"]),
        (
            {"a\x1b[2J": [1]},
            ["space: a name must be a string of printable characters, got 'a\\x1b[2J'"],
        ),
        (
            {"a\nb": [1]},
            ["space: a name must be a string of printable characters, got 'a\\nb'"],
        ),
        ({"lr": {"type": "float", "low": 1, "high": 0}}, ["space.lr: ", "low must not be above"]),
        ({"lr": {"type": "float", "low": 0, "high": 1, "log": True}}, ["space.lr: ", "above 0"]),
        ({"lr": {"type": "float", "low": 0, "high": 1, "step": 0.3}}, ["space.lr: ", "fit"]),
        ({"lr": {"type": "float", "low": 0, "high": float("nan")}}, ["space.lr: ", "finite"]),
        ({"booster": []}, ["space.booster: ", "at least one value"]),
        ({"booster": ["a", "a"]}, ["space.booster: ", "got 'a' again"]),
        ({"booster": "dart"}, ["space.booster: must be a Float"]),
    ],
)
def test_a_mistake_names_its_parameter(parameters: Any, said: list[str]) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        SearchSpace(parameters)
    assert all(part in str(caught.value) for part in said)


def test_all_mistakes_are_told_at_once() -> None:
    parameters: Mapping[Any, Any] = {"a": [], "b": [1], 7: [1], "c": {"type": "int", "x": 1}}
    with pytest.raises(InvalidConfiguration) as caught:
        SearchSpace(parameters)
    assert [mistake.split(":")[0] for mistake in caught.value.mistakes] == [
        "space.a",
        "space",
        "space.c",
        "space.c",
        "space.c",
    ]


def test_a_mistake_is_also_a_value_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        SearchSpace({})
