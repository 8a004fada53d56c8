"""Choices of any value that JSON has, kept to the type."""

from __future__ import annotations

import copy
import enum
import json
import pickle
import re
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, History, Int, InvalidConfiguration, SearchSpace, Trial
from prefect_tuner.hyper_value import copied, exact_key, exact_text, same_params, same_value
from prefect_tuner.search_space.parameters import parse_parameter
from tests.search_spaces import UNHURRIED, VALUES, categoricals, same

EQUAL_TO_PYTHON: list[Any] = [
    *(1, 1.0, True),
    *([1], [1.0], [True]),
    *({"a": 1}, {"a": 1.0}, {"a": True}),
    *([{"a": [0]}], [{"a": [0.0]}], [{"a": [False]}]),
]


def test_what_python_holds_equal_are_different_choices() -> None:
    parameter = Categorical(EQUAL_TO_PYTHON)
    assert parameter.cardinality == 12
    for place, choice in enumerate(EQUAL_TO_PYTHON):
        assert parameter.index_of(choice) == place
        assert same(parameter.value_at(place), choice)
        assert not Categorical([c for c in EQUAL_TO_PYTHON if c is not choice]).contains(choice)
    assert len({Categorical([choice]) for choice in EQUAL_TO_PYTHON}) == 12


@UNHURRIED
@given(categoricals(), VALUES)
def test_a_value_is_a_choice_exactly_where_its_json_is(parameter: Categorical, value: Any) -> None:
    texts = [exact_text(choice) for choice in parameter.choices]
    # To numbers the sign of zero makes no difference, to JSON it does.
    if "-0.0" not in "".join([*texts, exact_text(value)]):
        assert parameter.contains(value) == (exact_text(value) in texts)
    for place, choice in enumerate(parameter.choices):
        assert parameter.contains(json.loads(json.dumps(choice)))
        assert parameter.index_of(choice) == place


@UNHURRIED
@given(VALUES, VALUES)
def test_values_are_the_same_where_their_keys_are(one: Any, other: Any) -> None:
    assert same_value(one, other) == (exact_key(one) == exact_key(other))
    assert same_value(one, copied(one))
    assert same(copied(one), one)
    assert hash(exact_key(one)) == hash(exact_key(copied(one)))


@UNHURRIED
@given(categoricals())
def test_choices_are_copied_pickled_and_written_as_json(parameter: Categorical) -> None:
    again: Any
    for again in (
        copy.deepcopy(parameter),
        pickle.loads(pickle.dumps(parameter)),
        parse_parameter(json.loads(json.dumps(parameter.to_json()))),
        Categorical(parameter.choices, parameter.ordered),
    ):
        assert again == parameter
        assert hash(again) == hash(parameter)
        assert same(list(again.choices), list(parameter.choices))


def test_the_order_of_keys_makes_no_other_choice() -> None:
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}
    assert Categorical([one]).contains(other)
    assert Categorical([one]) == Categorical([other])
    assert hash(Categorical([one])) == hash(Categorical([other]))
    with pytest.raises(InvalidConfiguration, match=r"\bchoice must .*\bonce\b"):
        Categorical([one, other])


def test_a_choice_that_is_handed_out_can_be_changed_and_the_parameter_cannot() -> None:
    given_choices: list[Any] = [[64, [32]], {"tol": {"abs": 1}}]
    parameter = Categorical(given_choices, when={"a": [[1]]})
    before = json.dumps(parameter.to_json())
    handed: list[Any] = [parameter.value_at(0), parameter.from_unit(0.9), *parameter.choices]
    handed += [given_choices[0], given_choices[1], parameter.to_json()["choices"]]
    assert parameter.when is not None
    handed += [parameter.when["a"][0], parameter.to_json()["when"]["a"]]  # type: ignore[index]
    for value in handed:
        for inner in value if isinstance(value, list) else value.values():
            if isinstance(inner, list | dict):
                inner.clear()
        value.clear()
    assert json.dumps(parameter.to_json()) == before


def test_numpy_scalars_become_python_values_wherever_they_stand() -> None:
    choices = Categorical([[np.int64(64), np.bool_(True)], {"tol": np.float32(0.5)}, np.str_("a")])
    assert same(list(choices.choices), [[64, True], {"tol": 0.5}, "a"])
    (choice,) = Categorical([{np.str_("k"): 1}]).choices
    assert isinstance(choice, dict)
    assert list(map(type, choice)) == [str]


def test_choices_in_a_fixed_order_are_taken_from_wherever_they_come() -> None:
    assert Categorical({"a": 1, "b": 2}.keys()).choices == ("a", "b")
    assert Categorical(n for n in (3, 1)).choices == (3, 1)
    assert Categorical((1, 2)).choices == (1, 2)


class Colour(enum.StrEnum):
    RED = "red"


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
KINDS = "must be a number, a text, true or false, None, or a list or dict of these"


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ([(64, 32)], f"a choice {KINDS}, got (64, 32) (tuple): JSON would give back a list, write"),
        ([[(64, 32)]], f"[0] of a choice {KINDS}, got (64, 32) (tuple)"),
        ([{"layers": [1, (2,)]}], f"['layers'][1] of a choice {KINDS}, got (2,) (tuple)"),
        ([{1}], f"a choice {KINDS}, got {{1}} (set): it has another order in the next process"),
        ([[frozenset([1])]], "got frozenset({1}) (frozenset): it has another order"),
        ([np.array([1, 2])], "(ndarray): write a list, as its tolist() gives it"),
        ([OrderedDict(a=1)], "(OrderedDict): write a plain dict"),
        ([Colour.RED], "(Colour)"),
        ([b"x"], "got b'x' (bytes)"),
        ([[float("inf")]], "[0] of a choice must be a finite number, got inf"),
        ([{"a": 2**63}], "['a'] of a choice must fit into 64 bits, got 9223372036854775808"),
        ([{1: "a"}], "a choice must have strings as keys, as all that JSON has, got 1 (int)"),
        ([{"a": {None: 1}}], "['a'] of a choice must have strings as keys"),
        ([{"__class__": "os"}], "must have no key that begins with '__', got '__class__'"),
        ([[1, 2], [1, 2]], "each choice must be given once, got [1, 2] again"),
        ([None, 3, None], "each choice must be given once, got None again"),
        ([nested(21)], "a choice must not be nested deeper than 20 levels"),
        ([CYCLE], "a choice must not be nested deeper than 20 levels"),
        ([[0] * 10_000], "a choice must not hold more than 10,000 values"),
        ({1, 2}, "choices must have an order, and that of a set is another one in the next"),
        (frozenset("ab"), "(frozenset)"),
        (({"a": 1} | {"b": 2}).items(), "(dict_items)"),
    ],
)
def test_what_json_would_not_give_back_is_refused_with_the_remedy(choices: Any, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        Categorical(choices)
    assert str(caught.value).startswith("Categorical: ")
    assert said in str(caught.value)


def test_a_choice_may_be_nested_to_the_limit() -> None:
    assert Categorical([nested(20)]).contains(nested(20))
    assert not Categorical([nested(20)]).contains(CYCLE)
    assert not Categorical([[1]]).contains([{1}])


def test_a_tree_that_grows_without_end_is_refused_at_once() -> None:
    wide: list[Any] = [0] * 10
    for _ in range(15):
        wide = [wide] * 10
    with pytest.raises(InvalidConfiguration, match="more than 10,000 values"):
        Categorical([wide])


def test_messages_are_short_and_hide_secrets() -> None:
    parameter = Categorical([{"password": "hunter2", "data": ["x" * 1000]}])
    space = SearchSpace({"login": parameter, "n": Int(0, 1)})
    said = [
        *space.mistakes_in({"login": {"password": "hunter3", "data": ["y" * 1000]}, "n": 0}),
        *mistakes_of({"login": [{"password": ("hunter2",)}]}),
        *mistakes_of({"login": [{"password": "hunter2"}, {"password": "hunter2"}]}),
        *mistakes_of({"login": parameter, "n": Int(0, 1, when={"login": {"password": "hunter3"}})}),
    ]
    assert len(said) == 4
    for mistake in said:
        assert "hunter" not in mistake
        assert "***" in mistake
        assert len(mistake) < 600


def mistakes_of(space: dict[str, Any]) -> tuple[str, ...]:
    with pytest.raises(InvalidConfiguration) as caught:
        SearchSpace(space)
    return caught.value.mistakes


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (
            (1e-5, 1e-1),
            "space.lr: (1e-05, 0.1) is no parameter: Float(1e-05, 0.1) was probably meant",
        ),
        (
            (1e-5, 1e-1),
            "with log=True for a logarithmic scale; a list, [1e-05, 0.1], stands for",
        ),
        ((1, 8), "Int(1, 8) was probably meant"),
        ((1, 8.0), "Float(1, 8.0) was probably meant"),
        ((np.float64(0.5), np.int64(2)), "Float(0.5, 2) was probably meant"),
        ({"adam", "sgd"}, "space.lr: Categorical: choices must have an order"),
        (frozenset([1]), "space.lr: Categorical: choices must have an order"),
    ],
)
def test_what_others_mean_a_range_by_and_sets_are_refused_in_a_space(
    declared: Any, said: str
) -> None:
    (mistake,) = mistakes_of({"lr": declared})
    assert said in mistake


@pytest.mark.parametrize(
    "declared", [("a", "b"), (1, 2, 3), (1,), (True, False), (1, "a"), (1, None), [1e-5, 0.1]]
)
def test_any_other_tuple_and_every_list_are_choices(declared: Any) -> None:
    assert parse_parameter(declared) == Categorical(declared)


@pytest.mark.parametrize("name", ["__class__", "__exc_type__"])
def test_a_name_that_prefect_acts_on_is_refused(name: str) -> None:
    (mistake,) = mistakes_of({name: ["os.system"]})
    assert re.match(rf"space: .*must not .*{name!r}", mistake)


def test_a_list_in_a_condition_lists_values() -> None:
    space = SearchSpace(
        {
            "layers": [[64], [64, 64], None],
            "solver": [{"name": "sgd"}, {"name": "adam"}],
            "dropout": Float(0.0, 0.5, when={"layers": [[64, 64], None]}),
            "momentum": Float(0.0, 1.0, when={"solver": {"name": "sgd"}}),
            "width": Int(1, 9, when={"layers": None}),
        }
    )
    adam, sgd = {"name": "adam"}, {"name": "sgd"}
    assert space.active({"layers": [64], "solver": adam}) == ["layers", "solver"]
    assert "dropout" in space.active({"layers": [64, 64], "solver": adam})
    assert "dropout" not in space.active({"layers": [64.0, 64], "solver": adam})
    assert space.active({"layers": None, "solver": sgd})[2:] == ["dropout", "momentum", "width"]
    assert space.to_json()["dropout"]["when"] == {"layers": [[64, 64], None]}
    assert SearchSpace(json.loads(json.dumps(space.to_json()))) == space


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ([64, 32], "space.n: when.layers: 64 (int) is not of Categorical(choices=([64, 32], None)"),
        ([64, 32], ": to mean this one choice, write [[64, 32]]"),
        (
            [64, 64],
            "each value must be given once, got 64 again; a list lists values, and one that",
        ),
        ([[64.0, 32]], "when.layers: [64.0, 32] (list) is not of"),
        ([(64, 32)], "JSON would give back a list, write [64, 32]"),
        ({"a": 1}, "when.layers: {'a': 1} (dict) is not of"),
    ],
)
def test_a_condition_that_no_choice_meets_says_how_it_is_written(when: Any, said: str) -> None:
    child = {"type": "int", "low": 0, "high": 1, "when": {"layers": when}}
    mistakes = mistakes_of({"layers": [[64, 32], None], "n": child})
    assert any(said in mistake for mistake in mistakes)


@UNHURRIED
@given(st.dictionaries(st.text(max_size=2), VALUES, max_size=3), VALUES)
def test_a_history_knows_candidates_to_the_type(params: dict[str, Any], value: Any) -> None:
    history = History([Trial(0, params)])
    assert history.has_candidate(json.loads(json.dumps(params)))
    for name, known in params.items():
        changed = {**params, name: value}
        assert history.has_candidate(changed) == same_value(known, value)
        assert same_params(params, changed) == same_value(known, value)
    assert not history.has_candidate({**params, "another": value})
