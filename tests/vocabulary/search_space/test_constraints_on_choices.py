"""Constraints on parameters that may be None, a list or a dict."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Categorical, HyperValue, Int, InvalidConfiguration, SearchSpace
from prefect_tuner.search_space.constraint import parse_constraint
from tests.search_spaces import UNHURRIED, categoricals

PARAMETERS: dict[str, Any] = {
    "depth": Categorical([None, 3, 10]),
    "other": Categorical([None, 3, 4]),
    "layers": Categorical([[64], [64, 32], [1.0, True, None], []]),
    "solver": Categorical([{"name": "sgd", "tol": 0.1}, {"name": "adam"}]),
    "rule": Categorical([None, "auto", 2, 0.5]),
    "flag": Categorical([True, False, None]),
    "n": Int(1, 20),
}


def holds(text: str, **values: HyperValue) -> bool:
    return parse_constraint(text, PARAMETERS).holds(values)


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("depth == None", {"depth": None}, True),
        ("depth == None", {"depth": 3}, False),
        ("None != depth", {"depth": None}, False),
        ("depth in [None, 3]", {"depth": None}, True),
        ("depth in [None, 3]", {"depth": 10}, False),
        ("depth not in [None, 3]", {"depth": None}, False),
        ("depth == 3.0", {"depth": 3}, True),
        ("depth == other", {"depth": None, "other": None}, True),
        ("depth == other", {"depth": None, "other": 3}, False),
        ("depth == n", {"depth": None, "n": 3}, False),
        ("depth != n", {"depth": None, "n": 3}, True),
        ("layers == [64, 32]", {"layers": [64, 32]}, True),
        ("layers == [64, 32.0]", {"layers": [64, 32]}, True),
        ("layers == [64]", {"layers": [64, 32]}, False),
        ("layers == []", {"layers": []}, True),
        ("layers == [1, True, None]", {"layers": [1.0, True, None]}, True),
        ("layers in [[64], []]", {"layers": [64]}, True),
        ("layers not in ([64], [])", {"layers": [64, 32]}, True),
        ("solver == {'tol': 0.1, 'name': 'sgd'}", {"solver": {"name": "sgd", "tol": 0.1}}, True),
        ("solver != {'name': 'adam'}", {"solver": {"name": "adam"}}, False),
        ("depth == None or depth <= 5", {"depth": None}, True),
        ("depth == None or depth <= 5", {"depth": 3}, True),
        ("depth == None or depth <= 5", {"depth": 10}, False),
        ("depth != None and depth + n <= 5", {"depth": None, "n": 1}, False),
        ("not (depth != None and depth * 2 > n)", {"depth": None, "n": 1}, True),
        ("not (depth != None and depth * 2 > n)", {"depth": 3, "n": 1}, False),
        ("not (depth == None) and depth > n", {"depth": 3, "n": 2}, True),
        ("depth == None or (n > 3 and depth - 1 < n)", {"depth": 3, "n": 4}, True),
        ("depth == None or other == None or depth < other", {"depth": 3, "other": 4}, True),
        ("rule in [None, 'auto'] or rule >= 1", {"rule": 0.5}, False),
        ("rule == None or rule == 'auto' or 0 < rule < 3", {"rule": 2}, True),
        ("rule not in [None, 'auto'] and -rule < 0", {"rule": "auto"}, False),
        ("flag == None or flag", {"flag": False}, False),
        ("flag != None and not flag", {"flag": None}, False),
    ],
)
def test_constraints_on_choices_of_any_kind_are_judged(
    text: str, values: dict[str, HyperValue], expected: bool
) -> None:
    assert holds(text, **values) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("depth <= 5", "at character 1: depth: must be a number, is None or a number: say first"),
        ("depth <= 5", "say first what holds where it is not, as in `depth == None or ...`"),
        ("depth + n <= 5", "must be a number, is None or a number: say first"),
        ("-depth < 0", "must be a number, is None or a number: say first"),
        ("n < depth <= 5", "at character 5: depth: must be a number"),
        ("rule > 1", "must be a number, is None or a number or a text: say first what holds"),
        ("rule == None or rule > 1", "`rule == 'auto' or ...`"),
        ("flag", "true or false, is None or true or false: say first what holds"),
        ("layers > 3", "layers: must be a number, is a list"),
        ("solver + n > 3", "solver: must be a number, is a dict"),
        ("depth <= 5 or depth == None", "at character 1: depth: must be a number"),
        ("depth == None and depth <= 5", "at character 19: depth: must be a number, is None"),
        ("depth != None or depth <= 5", "at character 18: depth: must be a number, is None"),
        ("(depth == None or n > 3) and depth < 3", "at character 30: depth: must be a number"),
        ("depth != 3 and depth > 4", "is None or a number: say first"),
        ("(depth != None and n > 3) or depth < 3", "at character 30: depth: must be a number"),
        ("depth == 4", "at character 10: 4: depth has no such choice, it has [None, 3, 10]"),
        ("layers == [32]", "layers has no such choice, it has [[64], [64, 32],"),
        ("layers == [True, True, None]", "layers has no such choice"),
        ("layers in [64, 32]", "is a number and never equals layers, which is a list"),
        ("layers == (64, 32)", "must be a list, as choices are"),
        ("layers == [n]", "n: must be a value, not an expression"),
        ("solver == {'name': n}", "n: must be a value, not an expression"),
        ("solver == {3: 4}", "must have texts as keys"),
        ("solver == {**n}", "must have texts as keys"),
        ("solver == {'name'}", "is not allowed; allowed are names of parameters"),
        ("n == None", "is None and never equals n, which is a number"),
        ("n < None", "None: must be a number, is None"),
        ("depth is None", "`is` is not allowed: write == or !="),
        ("layers == " + "[" * 55 + "]" * 55, "is nested deeper than 50 levels"),
    ],
)
def test_a_comparison_that_may_have_no_answer_is_refused_with_how_to_write_it(
    text: str, said: str
) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        parse_constraint(text, PARAMETERS)
    assert said in str(caught.value)


_ATOMS = st.one_of(
    st.sampled_from(["depth == None", "depth != None", "other in [None, 4]", "n > 7"]),
    st.sampled_from(["depth in [None, 3]", "other not in [None]", "depth == other"]),
    st.sampled_from(["depth < 5", "depth + other <= 12", "rule > 1", "other >= n", "depth != n"]),
    st.sampled_from(["rule in [None, 'auto']", "rule not in [None, 'auto']", "rule == 'auto'"]),
    st.sampled_from(["flag", "flag == None", "flag in [None, True]"]),
)
_EXPRESSIONS = st.recursive(
    _ATOMS,
    lambda part: st.one_of(
        part.map(lambda p: f"not ({p})"),
        st.tuples(part, st.sampled_from(["and", "or"]), part, part).map(
            lambda t: f"({t[0]}) {t[1]} ({t[2]}) {t[1]} ({t[3]})"
        ),
    ),
    max_leaves=8,
)
_CANDIDATES = st.fixed_dictionaries(
    {
        "depth": st.sampled_from([None, 3, 10]),
        "other": st.sampled_from([None, 3, 4]),
        "rule": st.sampled_from([None, "auto", 2, 0.5]),
        "flag": st.sampled_from([True, False, None]),
        "n": st.integers(1, 20),
    }
)


@UNHURRIED
@given(_EXPRESSIONS, st.lists(_CANDIDATES, min_size=1, max_size=10))
def test_what_is_accepted_has_an_answer_and_it_is_that_of_python(
    text: str, candidates: list[dict[str, Any]]
) -> None:
    try:
        constraint = parse_constraint(text, PARAMETERS)
    except InvalidConfiguration:
        return
    for candidate in candidates:
        # Python raises a TypeError where it is asked whether None is less than a number.
        assert constraint.term.value(candidate) == bool(eval(text, {}, candidate))


@UNHURRIED
@given(categoricals(), st.data())
def test_a_constraint_names_any_choice_as_python_writes_it(
    parameter: Categorical, data: st.DataObject
) -> None:
    value = data.draw(st.sampled_from(parameter.choices))
    text = f"x == {value!r}"
    if len(text) > 500 or not text.isprintable() or "-0.0" in repr(parameter):
        return
    constraint = parse_constraint(text, {"x": parameter})
    assert constraint.holds({"x": value})
    space = SearchSpace({"x": parameter}, constraints=[text, f"x in [{value!r}]"])
    assert SearchSpace(json.loads(json.dumps(space.to_json()))) == space
    assert space.contains({"x": value})
