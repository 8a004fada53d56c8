from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, HyperValue, Int, SearchSpace
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.testing.spaces import CONDITIONAL_SPACE, search_spaces
from tests.search_spaces import UNHURRIED, spaces


def embedded(
    parameter: object, values: list[object]
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    encoding = Encoding(SearchSpace({"p": parameter}))
    return encoding.embed(np.array([encoding.encode({"p": v}) for v in values]))  # type: ignore[dict-item]


@UNHURRIED
@given(spaces(), st.integers(0, 2**32))
def test_every_point_of_the_cube_is_a_candidate_that_keeps_its_code(
    space: SearchSpace, seed: int
) -> None:
    encoding = Encoding(space)
    if not encoding.axes:
        assert space.contains(encoding.decode(np.empty(0)))
        return
    codes = encoding.from_unit_cube(np.random.default_rng(seed).random((5, len(encoding.axes))))
    assert np.isfinite(encoding.embed(codes)).all()
    for row in codes:
        params = encoding.decode(row)
        assert space.contains(params)
        assert list(params) == list(space)
        again = encoding.encode(params)
        # To the width of the floats there are between bounds that nearly touch.
        exact = [_is_well_spaced(space[axis.name]) for axis in encoding.axes]
        assert np.allclose(np.array(again)[exact], row[exact], atol=1e-5)


def _is_well_spaced(parameter: object) -> bool:
    if isinstance(parameter, Float) and parameter.cardinality is None:
        if parameter.log and parameter.low < 1e-300:
            return False
        size = max(abs(parameter.low), abs(parameter.high))
        return parameter.high / 2 - parameter.low / 2 > max(1e-6 * size, 1e-300)
    return not (isinstance(parameter, Int) and parameter.log and parameter.high > 2**50)


@pytest.mark.parametrize(("low", "high"), [(2**60, 2**60 + 1), (10**12, 10**12 + 99), (1, 2)])
def test_numbers_that_logarithms_cannot_tell_apart_are_told_apart(low: int, high: int) -> None:
    encoding = Encoding(SearchSpace({"n": Int(low, high, log=True)}))
    codes = np.array([encoding.encode({"n": n}) for n in (low, high)])
    assert [encoding.decode(row)["n"] for row in encoding.snap(codes)] == [low, high]
    assert np.linalg.norm(np.diff(encoding.embed(codes), axis=0)) == pytest.approx(1.0)


@UNHURRIED
@given(spaces(), st.integers(0, 2**32))
def test_snapping_twice_is_snapping_once(space: SearchSpace, seed: int) -> None:
    encoding = Encoding(space)
    if encoding.axes:
        codes = np.random.default_rng(seed).uniform(-0.5, 3.0, (5, len(encoding.axes)))
        snapped = encoding.snap(codes)
        assert np.allclose(encoding.snap(snapped), snapped, atol=1e-9)
        assert all(space.contains(encoding.decode(row)) for row in snapped)


@pytest.mark.parametrize(
    ("parameter", "ends"),
    [
        (Float(-3.0, 5.0), [-3.0, 5.0]),
        (Float(1e-5, 1e-1, log=True), [1e-5, 1e-1]),
        (Float(0.0, 0.9, step=0.1), [0.0, 0.9]),
        (Int(2, 4), [2, 4]),
        (Int(1, 1024, log=True), [1, 1024]),
        (Categorical(["s", "m", "l"], ordered=True), ["s", "l"]),
        (Categorical([True, 1, 1.0, "one"]), [True, 1.0]),
        (Categorical(["a", "b"]), ["a", "b"]),
        (Float(-1.7e308, 1.7e308), [-1.7e308, 1.7e308]),
    ],
    ids=repr,
)
def test_the_ends_of_an_axis_and_any_two_choices_are_one_apart(
    parameter: object, ends: list[object]
) -> None:
    first, last = embedded(parameter, ends)
    assert np.linalg.norm(first - last) == pytest.approx(1.0)


def test_equal_ratios_are_equally_far_apart_with_log() -> None:
    for parameter in (Float(1e-4, 1.0, log=True), Int(1, 10_000, log=True)):
        values = [v if isinstance(parameter, Int) else v / 1e4 for v in (1, 10, 100, 1000, 10_000)]
        points = embedded(parameter, list(values))[:, 0]
        assert np.allclose(np.diff(points), 0.25, atol=1e-6)


def test_a_parameter_of_one_value_takes_no_axis() -> None:
    space = SearchSpace({"x": Float(0.5, 0.5), "k": ["only"], "n": Int(0, 9)})
    encoding = Encoding(space)
    assert [axis.name for axis in encoding.axes] == ["n"]
    assert encoding.decode(np.array([0.05])) == {"x": 0.5, "k": "only", "n": 0}


def test_the_gradient_by_codes_is_that_of_the_embedding() -> None:
    space = SearchSpace({"x": Float(0.0, 1.0), "k": ["a", "b", "c"], "n": Int(1, 500, log=True)})
    encoding = Encoding(space)
    weights = np.array([2.0, 9.0, 9.0, 9.0, -3.0])
    codes, step = np.array([[0.3, 1.0, 0.6]]), 1e-6
    gradient = encoding.gradient_by_codes(codes, weights[None])[0]
    for axis in (0, 2):
        moved = codes + step * np.eye(3)[axis]
        change = (encoding.embed(moved) - encoding.embed(codes)) @ weights / step
        assert gradient[axis] == pytest.approx(change[0])
    assert gradient[1] == 0.0


def conditional_codes(space: SearchSpace, seed: int, rows: int = 8) -> FloatArray:
    encoding = Encoding(space)
    units = np.random.default_rng(seed).random((rows, len(encoding.axes)))
    # Ends and middles too: what conditions on continuous parents name is seldom met otherwise.
    return encoding.from_unit_cube(np.where(units < 0.3, np.rint(units * 10) / 2 % 1.5, units))


# A value that is named and that another code, 0.5, rounds to as well.
ROUNDED = {"a": Float(10.0, 1000.0, log=True)}
ROUNDED_TO = ROUNDED["a"].from_unit(0.5)


@UNHURRIED
@example(SearchSpace({**ROUNDED, "b": Float(1.0, 10.0, when={"a": [ROUNDED_TO]})}), 1)
@given(search_spaces(conditional=True), st.integers(0, 2**32))
def test_a_code_is_missing_exactly_where_the_parameter_is_not_active(
    space: SearchSpace, seed: int
) -> None:
    encoding = Encoding(space)
    for row in conditional_codes(space, seed):
        params = encoding.decode(row)
        assert space.contains(params)
        assert list(params) == [name for name in space if name in params]
        codes = dict(zip((axis.name for axis in encoding.axes), row.tolist(), strict=True))
        assert {n for n, code in codes.items() if not math.isnan(code)} == params.keys() & codes
        again = np.array(encoding.encode(params))
        assert np.allclose(again, row, atol=1e-9, equal_nan=True)


@UNHURRIED
@given(search_spaces(conditional=True), st.integers(0, 2**32))
def test_what_is_snapped_is_a_candidate_whatever_stood_there(space: SearchSpace, seed: int) -> None:
    encoding, rng = Encoding(space), np.random.default_rng(seed)
    codes = rng.uniform(-0.5, 3.0, (8, len(encoding.axes)))
    codes[rng.random(codes.shape) < 0.3] = np.nan
    snapped = encoding.snap(codes)
    assert np.array_equal(np.isnan(snapped), ~encoding.active(snapped))
    assert encoding.snap(snapped).tobytes() == snapped.tobytes()
    assert np.isfinite(encoding.embed(snapped)).all()
    for row in snapped:
        assert space.contains(encoding.decode(row))


@UNHURRIED
@given(search_spaces(conditional=True), st.integers(0, 2**32))
def test_equal_candidates_have_equal_bytes(space: SearchSpace, seed: int) -> None:
    codes = conditional_codes(space, seed, rows=40)
    pairs = {row.tobytes(): repr(Encoding(space).decode(row)) for row in codes}
    assert len(set(pairs.values())) == len(pairs)


def test_what_is_not_active_is_as_far_from_every_choice_and_from_equal_numbers() -> None:
    space = SearchSpace(
        {
            "on": [True, False],
            "x": Float(0.0, 1.0, when={"on": True}),
            "kind": Categorical(["a", "b", "c"], when={"on": True}),
            "flag": Categorical([True, False], when={"on": True}),
        }
    )
    encoding = Encoding(space)

    def z(params: dict[str, HyperValue]) -> FloatArray:
        return np.asarray(encoding.embed(np.array([encoding.encode(params)]))[0])

    off = z({"on": False})
    on: dict[str, HyperValue] = {"on": True, "x": 0.5, "kind": "a", "flag": True}
    columns = [np.flatnonzero(encoding.owners == j) for j in range(4)]
    for kind, flag, x in (("a", True, 0.1), ("b", False, 0.9), ("c", True, 0.1)):
        apart = z(on | {"kind": kind, "flag": flag, "x": x}) - off
        lengths = [np.linalg.norm(apart[c]) for c in columns]
        assert lengths == pytest.approx([1.0, math.hypot(0.4, 0.2), 0.5**0.5, 0.5**0.5])
    one, other = z(on), z(on | {"kind": "b", "flag": False, "x": 1.0})
    assert [np.linalg.norm((one - other)[c]) for c in columns] == pytest.approx([0, 0.5, 1, 1])


def test_a_single_value_is_there_where_it_is_active_and_activates_what_needs_it() -> None:
    space = SearchSpace(
        {
            "n": Int(0, 9, when={"only": 1}),
            "only": Categorical([1], when={"kind": "b"}),
            "kind": ["a", "b"],
            "always": Float(0.0, 1.0, when={"one": "yes"}),
            "one": ["yes"],
        }
    )
    encoding = Encoding(space)
    assert [axis.name for axis in encoding.axes] == ["n", "kind", "always"]
    assert encoding.is_conditional.tolist() == [True, False, False]
    codes = encoding.masked(np.array([[0.35, 0.0, 0.5], [0.35, 1.0, 0.5]]))
    assert encoding.decode(codes[0]) == {"kind": "a", "always": 0.5, "one": "yes"}
    assert encoding.decode(codes[1]) == {
        "n": 3,
        "only": 1,
        "kind": "b",
        "always": 0.5,
        "one": "yes",
    }


def test_the_gradient_is_that_of_the_embedding_where_active_and_none_elsewhere() -> None:
    encoding = Encoding(CONDITIONAL_SPACE)
    codes = conditional_codes(CONDITIONAL_SPACE, seed=1, rows=20)
    assert np.isnan(codes).any(axis=0).tolist() == encoding.is_conditional.tolist()
    weights, step = np.random.default_rng(0).normal(size=(20, len(encoding.owners))), 1e-6
    gradient = encoding.gradient_by_codes(codes, weights)
    for j, axis in enumerate(encoding.axes):
        moved = codes + step * np.eye(len(encoding.axes))[j]
        change = np.sum((encoding.embed(moved) - encoding.embed(codes)) * weights, axis=1) / step
        assert np.allclose(gradient[:, j], change if axis.has_order else 0.0, atol=1e-6)
    assert (gradient[np.isnan(codes)] == 0.0).all()


def test_the_mean_of_active_axes_is_that_of_random_candidates() -> None:
    branch = {"kind": ["deep"]}
    space = SearchSpace(
        {
            "x": Float(0.0, 1.0),
            "kind": ["flat", "wide", "deep", "none"],
            **{f"y{place}": Float(0.0, 1.0, when=branch) for place in range(8)},
        }
    )
    assert Encoding(space).mean_active == pytest.approx(2 + 8 / 4, abs=0.3)
    assert Encoding(SearchSpace({"x": Float(0.0, 1.0), "one": [1]})).mean_active == 1.0
    assert Encoding(space).mean_active == Encoding(space).mean_active
