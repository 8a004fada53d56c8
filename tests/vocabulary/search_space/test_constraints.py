from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, HyperValue, Int, InvalidConfiguration, SearchSpace
from prefect_tuner.search_space.constraint import parse_constraint
from tests.constraint_expressions import SIGNS, SUMS, expressions
from tests.search_spaces import UNHURRIED

PARAMETERS: dict[str, Any] = {
    "a": Int(-100, 100),
    "b": Int(-100, 100),
    "x": Float(0.0, 1.0),
    "learning rate": Float(0.0, 1.0),
    "lambda": Int(0, 9),
    "kind": Categorical(["tree", "dart"]),
    "flag": Categorical([True, False]),
    "size": Categorical([16, 32, 2.5]),
    "mixed": Categorical([True, 1, "one"]),
}


def holds(text: str, **values: HyperValue) -> bool:
    return parse_constraint(text, PARAMETERS).holds(values)


_COMPARISONS = st.tuples(SUMS, SIGNS, SUMS, st.sampled_from(["<", "=="])).map(
    lambda t: f"{t[0]} {t[1]} {t[2]}" if t[3] == "<" else f"{t[0]} {t[1]} {t[2]} <= {t[0]}"
)
_EXPRESSIONS = expressions(_COMPARISONS)


@UNHURRIED
@given(_EXPRESSIONS, st.integers(-100, 100), st.integers(-100, 100))
def test_an_expression_means_what_it_means_in_python(text: str, a: int, b: int) -> None:
    anchored = f"({text}) and a == a and b == b"
    assert holds(anchored, a=a, b=b) == bool(eval(text, {}, {"a": a, "b": b}))


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("a + 2*b <= 512", {"a": 100, "b": 100}, True),
        ("not (kind == 'dart' and a > 8)", {"kind": "dart", "a": 9}, False),
        ("not (kind == 'dart' and a > 8)", {"kind": "tree", "a": 9}, True),
        ("a * b <= 12", {"a": 3, "b": 5}, False),
        ("0 < a < b", {"a": 1, "b": 2}, True),
        ("a in [1, -2, 3] or b not in (4,)", {"a": -2, "b": 4}, True),
        ("flag or a > 3", {"flag": False, "a": 3}, False),
        ("size <= 16", {"size": 2.5}, True),
        ("mixed == 1", {"mixed": True}, False),
        ("mixed == 1", {"mixed": 1}, True),
        ("mixed in [True, 'one']", {"mixed": 1}, False),
        ("x == 0", {"x": 0.0}, True),
        ("x + x + x == 0.3", {"x": 0.1}, True),
        ("params['learning rate'] > params['lambda']", {"learning rate": 0.5, "lambda": 0}, True),
        ("  +a >= -b  # as declared", {"a": 0, "b": 0}, True),
    ],
)
def test_constraints_are_judged(text: str, values: dict[str, HyperValue], expected: bool) -> None:
    assert holds(text, **values) is expected


def test_a_constraint_on_a_parameter_that_is_not_active_holds() -> None:
    space = SearchSpace(
        {"layers": [1, 2], "first": Int(1, 9), "second": Int(1, 9, when={"layers": [2]})},
        constraints=["first + second <= 5"],
    )
    assert space.contains({"layers": 1, "first": 9})
    assert not space.contains({"layers": 2, "first": 4, "second": 2})
    (said,) = space.mistakes_in({"layers": 2, "first": 4, "second": 2})
    assert said.startswith("{'layers': 2, 'first': 4, 'second': 2} ")
    assert re.search(r"not meet.* 'first \+ second <= 5'$", said)


def test_constraints_travel_in_the_json_of_the_space() -> None:
    space = SearchSpace({"a": Int(0, 9), "b": Int(0, 9)}, constraints=["a <= b", "a != 3"])
    data = json.loads(json.dumps(space.to_json()))
    assert data["constraints"] == {"type": "constraints", "expressions": ["a <= b", "a != 3"]}
    assert list(SearchSpace(data)) == ["a", "b"]
    assert SearchSpace(data) == space
    assert SearchSpace(space) == space
    assert hash(SearchSpace(data)) == hash(space)
    assert repr(space).endswith("constraints=['a <= b', 'a != 3'])")


def test_a_parameter_may_be_called_constraints() -> None:
    space = SearchSpace({"constraints": ["a", "b"]}, constraints=["constraints == 'a'"])
    data = space.to_json()
    assert list(data) == ["constraints", "constraints_"]
    assert SearchSpace(data) == space
    assert SearchSpace({"constraints": ["a", "b"]}).constraints == ()


def test_constraints_are_the_same_in_any_order_and_written_twice() -> None:
    parameters = {"a": Int(0, 9)}
    space = SearchSpace(parameters, constraints=["a < 5", "a > 1"])
    assert space == SearchSpace(parameters, constraints=["a > 1", "a < 5 ", "a < 5"])
    assert space != SearchSpace(parameters, constraints=["a > 1"])
    assert space != SearchSpace(parameters)


NOT_ALLOWED = "is not allowed; allowed are names of parameters"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "cannot be understood"),
        ("a <= ", "cannot be understood"),
        ("a + b", "at character 1: a + b: must be a comparison, or true or false, is a number"),
        ("kind", "must be a comparison, or true or false, is a text"),
        ("1 < 2", "mentions no parameter"),
        ("c < 2", "at character 1: c: is not known"),
        ("b < 2 and aa < 3", "at character 11: aa: is not known, did you mean 'a'?"),
        ("params['learning_rate'] < 1", "did you mean 'learning rate'?"),
        ("lambda < 3", "cannot be understood at character"),
        ("a ** 2 < 3", f"at character 1: a ** 2: {NOT_ALLOWED}"),
        ("a / b < 3", NOT_ALLOWED),
        ("a % 2 == 0", NOT_ALLOWED),
        ("abs(a) < 3", f"at character 1: abs(a): {NOT_ALLOWED}"),
        ("a.real < 3", NOT_ALLOWED),
        ("a[0] < 3", NOT_ALLOWED),
        ("(a if flag else b) < 3", NOT_ALLOWED),
        ("(c := 3) < a", NOT_ALLOWED),
        ("[c for c in a] == b", NOT_ALLOWED),
        ("f'{a}' == kind", NOT_ALLOWED),
        ("a is b", "`is` is not allowed"),
        ("a < 1j", NOT_ALLOWED),
        ("a < None", "at character 5: None: must be a number, is None"),
        ("kind == b'dart'", NOT_ALLOWED),
        ("x < 1e999", "at character 5: 1e999: must be a finite number"),
        ("kind < 'x'", "at character 1: kind: must be a number, is a text"),
        ("kind + 1 < 3", "kind: must be a number, is a text"),
        ("mixed < 3", "mixed: must be a number, is a number or a text or true or false"),
        ("flag + 1 > 1", "flag: must be a number, is true or false"),
        ("not a", "a: must be a comparison"),
        ("kind == 3", "3: is a number and never equals kind, which is a text"),
        ("kind == 'drat'", "at character 9: 'drat': kind has no such choice"),
        ("kind in ['tree', 'drat']", "kind has no such choice, it has ['tree', 'dart']"),
        ("size == 17", "size has no such choice"),
        ("a in b", "at character 6: b: must be a list of values"),
        ("a in []", "must be a list of values"),
        ("a in [1, b]", "b: must be a value, not an expression"),
        ("a < 3\nor b < 3", "must stand on one line"),
        ("a < 3 and '\N{GREEK SMALL LETTER ALPHA}' == kind", "at character 11: "),
        (" and ".join(["a < 3"] * 200), "must have at most 1000 characters, has"),
        ("-" * 60 + "a < 3", "is nested deeper than 50 levels"),
        ("(" * 300 + "a" + ")" * 300 + " < 1", "cannot be understood"),
        (3, "a constraint must be a text, got 3"),
        (["a < 3"], "a constraint must be a text"),
    ],
)
def test_what_is_wrong_with_a_constraint_is_said_and_where(text: Any, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        SearchSpace(PARAMETERS, constraints=[text])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("constraints", "said"),
    [
        ("a < 3", "space: constraints: must be a list of constraints"),
        ({"a": 3}, "space: constraints: must be a list of constraints"),
        ([f"a < {i}" for i in range(101)], "space: at most 100 constraints, got 101"),
    ],
)
def test_constraints_are_a_list_of_reasonable_length(constraints: Any, said: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        SearchSpace(PARAMETERS, constraints=constraints)
    assert said in str(caught.value)


def test_a_wrong_entry_of_constraints_is_named() -> None:
    entry = {"type": "constraints", "expressions": "a < 3", "names": []}
    with pytest.raises(InvalidConfiguration) as caught:
        SearchSpace({"a": [1, 2], "limits": entry})
    unknown, no_list = caught.value.mistakes
    assert re.match(r"space\.limits: .*no argument 'names'.*expressions$", unknown)
    assert re.match(r"space\.limits: expressions: must .*list\b", no_list)


def test_a_space_of_constraints_alone_is_empty() -> None:
    with pytest.raises(InvalidConfiguration, match=r"at least one parameter"):
        SearchSpace({"constraints": {"type": "constraints", "expressions": []}})
