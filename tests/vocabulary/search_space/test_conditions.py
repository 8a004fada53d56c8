from __future__ import annotations

import copy
import json
import pickle
import re
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, Int, InvalidConfiguration, Params, SearchSpace
from prefect_tuner.testing import exactly
from prefect_tuner.testing.spaces import search_spaces
from tests.search_spaces import UNHURRIED, UNITS

BOOSTERS: dict[str, Any] = {
    "booster": ["tree", "dart", "linear"],
    "depth": Int(1, 4, when={"booster": ["tree", "dart"]}),
    "rate_drop": Float(0.0, 0.5, step=0.25, when={"booster": "dart", "depth": [3, 4]}),
}


def every_candidate(space: SearchSpace) -> set[str]:
    """The candidates of a small finite space, from all combinations of all values."""
    values = [[p.value_at(i) for i in range(p.cardinality or 0)] for p in space.values()]
    found = set()
    for combination in product(*values):
        full = dict(zip(space, combination, strict=True))
        active = space.active(full)
        found.add(exactly({name: full[name] for name in space if name in active}))
    return found


def small(space: SearchSpace) -> bool:
    size = 1
    for parameter in space.values():
        size *= parameter.cardinality or 10**6
    return size <= 3000


@UNHURRIED
@given(search_spaces(conditional=True))
def test_json_gives_back_the_same_conditional_space(space: SearchSpace) -> None:
    again = SearchSpace(json.loads(json.dumps(space.to_json())))
    assert again == space
    assert hash(again) == hash(space)
    assert repr(again) == repr(space)
    assert again.to_json() == space.to_json()


@UNHURRIED
@given(search_spaces(conditional=True), st.data())
def test_a_candidate_holds_the_active_parameters_and_no_others(
    space: SearchSpace, data: st.DataObject
) -> None:
    units = data.draw(st.lists(UNITS, min_size=len(space), max_size=len(space)))
    params = space.from_units(units)
    assert set(space.active(params)) == set(params)
    assert list(params) == [name for name in space if name in params]
    assert space.contains(params)
    assert space.mistakes_in(params) == []
    for name in space:
        changed = dict(params)
        if name in changed:
            del changed[name]
        else:
            changed[name] = space[name].from_unit(0.5)
        assert not space.contains(changed)
        assert space.mistakes_in(changed)


@UNHURRIED
@given(search_spaces(conditional=True))
def test_every_parameter_comes_after_those_it_depends_on(space: SearchSpace) -> None:
    assert sorted(space.order) == sorted(space)
    for place, name in enumerate(space.order):
        assert set(space[name].when or ()) <= set(space.order[:place])
    if not space.is_conditional:
        assert list(space.order) == list(space)


@UNHURRIED
@given(search_spaces(conditional=True))
def test_cells_are_all_candidates_each_once(space: SearchSpace) -> None:
    assume(small(space))
    expected = every_candidate(space)
    assert space.cardinality == len(expected)
    cells = space.cells()
    assert {exactly(cells.at(place)) for place in range(len(expected))} == expected


@UNHURRIED
@given(search_spaces(conditional=True))
def test_a_value_of_a_cell_reaches_exactly_as_far_as_it_is_said_to(space: SearchSpace) -> None:
    assume(small(space) and (space.cardinality or 0) <= 300)
    cells = space.cells()
    every = [cells.at(place) for place in range(space.cardinality or 0)]
    for place, cell in enumerate(every):
        _, reach = cells.locate(place)
        assert reach.keys() == cell.keys()
        for name, places in reach.items():
            within = every[place : place + places]
            assert len(within) == places
            assert {repr(other.get(name)) for other in within} == {repr(cell[name])}


@UNHURRIED
@given(search_spaces(conditional=True))
def test_a_space_with_a_continuous_parameter_that_may_be_active_is_infinite(
    space: SearchSpace,
) -> None:
    always = [p for p in space.values() if not p.when]
    if any(parameter.cardinality is None for parameter in always):
        assert space.cardinality is None
    if all(parameter.cardinality is not None for parameter in space.values()):
        assert space.cardinality is not None


def test_conditions_are_nested() -> None:
    space = SearchSpace(BOOSTERS)
    assert space.active({"booster": "linear"}) == ["booster"]
    assert space.active({"booster": "tree", "depth": 4}) == ["booster", "depth"]
    assert space.active({"booster": "dart", "depth": 4}) == ["booster", "depth", "rate_drop"]
    # Its value makes no difference where the parent is not active.
    assert space.active({"booster": "linear", "depth": 4}) == ["booster"]
    assert space.cardinality == 1 + 4 + (2 + 2 * 3)


def test_spaces_declare_conditions_in_python_or_in_json() -> None:
    written = {
        "booster": ["tree", "dart", "linear"],
        "depth": {"type": "int", "low": 1, "high": 4, "when": {"booster": ["tree", "dart"]}},
        "rate_drop": {
            "type": "float",
            "low": 0,
            "high": 0.5,
            "step": 0.25,
            "when": {"booster": ["dart"], "depth": [3, 4]},
        },
    }
    assert SearchSpace(written) == SearchSpace(BOOSTERS)
    assert SearchSpace(written).to_json()["depth"] == written["depth"]


def test_without_conditions_the_json_says_nothing_of_them() -> None:
    data = SearchSpace({"a": Int(0, 9, when=None), "b": Categorical(["x"], when={})}).to_json()
    assert data == {
        "a": {"type": "int", "low": 0, "high": 9},
        "b": {"type": "categorical", "choices": ["x"]},
    }


def test_a_condition_tells_true_from_one() -> None:
    space = SearchSpace({"kind": [True, 1, 1.0], "x": Int(0, 1, when={"kind": [1]})})
    assert [space.active({"kind": kind}) for kind in (True, 1, 1.0)] == [
        ["kind"],
        ["kind", "x"],
        ["kind"],
    ]
    assert Int(0, 1, when={"kind": [1]}) != Int(0, 1, when={"kind": [True]})
    assert len({Int(0, 1, when={"k": [1]}), Int(0, 1, when={"k": [1.0]}), Int(0, 1)}) == 3


def test_whole_numbers_are_floats_where_the_parent_is_one() -> None:
    space = SearchSpace({"x": Float(0.0, 1.0, step=0.5), "n": Int(0, 1, when={"x": [1]})})
    assert space.to_json()["n"]["when"] == {"x": [1.0]}
    assert type(space.to_json()["n"]["when"]["x"][0]) is float
    assert space.contains({"x": 1.0, "n": 0})


def test_spaces_are_copied_and_pickled_whole() -> None:
    space = SearchSpace(BOOSTERS, constraints=["depth < 4"])
    assert copy.deepcopy(space) == space
    assert pickle.loads(pickle.dumps(space)) == space


def test_a_deep_chain_of_conditions_is_searched_to_its_end() -> None:
    chain: dict[str, Any] = {"p0": [True, False]}
    for depth in range(1, 100):
        chain[f"p{depth}"] = Categorical([True, False], when={f"p{depth - 1}": [True]})
    space = SearchSpace(chain)
    assert space.cardinality == 101
    assert space.contains(dict.fromkeys(chain, True))


def test_many_parents_of_one_parameter_are_counted_in_no_time() -> None:
    parents: dict[str, Any] = {f"p{i}": Int(0, 9) for i in range(60)}
    child = Int(0, 4, when={name: [3] for name in parents})
    assert SearchSpace({**parents, "child": child}).cardinality == 10**60 - 1 + 5


def test_conditions_that_cannot_be_counted_are_refused() -> None:
    parents: dict[str, Any] = {f"p{i}": Int(0, 1) for i in range(40)}
    children = {
        f"c{i}_{j}": Int(0, 1, when={f"p{i}": [0], f"p{j}": [1]})
        for i in range(40)
        for j in range(i)
    }
    with pytest.raises(InvalidConfiguration, match="too entangled"):
        SearchSpace({**parents, **children})


def a_condition(parent: str, values: object) -> dict[str, Any]:
    return {
        "a": [1, 2],
        "x": Float(0.0, 1.0),
        "n": {"type": "int", "low": 0, "high": 1, "when": {parent: values}},
    }


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        (a_condition("b", [1]), ["space.n: when.b is not known", "nown are 'a'"]),
        (a_condition("a", [3]), ["space.n: when.a: 3 (int) is not of Categorical"]),
        (a_condition("a", [True]), ["space.n: when.a: True (bool) is not of"]),
        (a_condition("x", [2.0]), ["space.n: when.x: 2.0 (float) is not of Float"]),
        (a_condition("a", []), ["space.n: Int: when.a must list at least one value"]),
        (a_condition("a", [1, 1]), ["when.a: each value must be given once, got 1 again"]),
        (a_condition("a", [None]), ["space.n: when.a: None (NoneType) is not of Categorical"]),
        (a_condition("a", None), ["space.n: when.a: None (NoneType) is not of Categorical"]),
        (a_condition("a", {"b": 1}), ["when.a: {'b': 1} (dict) is not of Categorical"]),
        (a_condition("a", [(1, 2)]), ["when.a: a value must be a number", "write [1, 2]"]),
        (a_condition("a", {1, 2}), ["when.a: a value must be a number", "write a list"]),
        (a_condition("a", [[64], [64]]), ["each value must be given once, got [64] again"]),
        (a_condition("x", [float("nan")]), ["must be a finite number, got nan"]),
        (a_condition("n", [1]), ["must not go round in a circle: n needs n"]),
        (
            {"a": Int(0, 1, when={"b": [0]}), "b": Int(0, 1, when={"a": [0]}), "c": [1]},
            ["space: conditions must not go round in a circle: a needs b, b needs a"],
        ),
        ({"a": {"type": "int", "low": 0, "high": 1, "when": ["a"]}}, ["space.a: Int: when must"]),
    ],
)
def test_a_wrong_condition_is_named(parameters: Any, said: list[str]) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        SearchSpace(parameters)
    assert all(part in str(caught.value) for part in said)


def test_all_wrong_conditions_are_told_at_once() -> None:
    parameters: dict[str, Any] = {
        "a": ["x"],
        "b": Int(0, 1, when={"a": ["y", "z"]}),
        "c": Int(0, 1, when={"aa": 1}),
        "d": {"type": "int", "low": 0, "high": 1, "when": {"a": []}},
    }
    with pytest.raises(InvalidConfiguration) as caught:
        SearchSpace(parameters, constraints=["b > 'a'", "d > 0", "e > 0"])
    assert [mistake.split(" ")[0] for mistake in caught.value.mistakes] == [
        "space.d:",
        "space.b:",
        "space.b:",
        "space.c:",
        "space:",
        "space:",
    ]


def test_what_is_active_is_said_of_a_candidate_that_is_none() -> None:
    space = SearchSpace(BOOSTERS)
    params: Params = {"booster": "tree", "rate_drop": 0.25}
    (said,) = space.mistakes_in(params)
    assert re.search(r"\['booster', 'rate_drop'\].*active.*\['booster', 'depth'\]", said)
