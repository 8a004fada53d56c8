from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, Int, SearchSpace
from prefect_tuner.strategies.gp_encoding import Encoding
from prefect_tuner.strategies.sobol_sequence import sobol_points
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
    gradient = encoding.gradient_by_codes(weights[None])[0]
    for axis in (0, 2):
        moved = codes + step * np.eye(3)[axis]
        change = (encoding.embed(moved) - encoding.embed(codes)) @ weights / step
        assert gradient[axis] == pytest.approx(change[0])
    assert gradient[1] == 0.0


def test_sobol_points_fill_every_interval_once() -> None:
    points = sobol_points(dimensions=70, seed=3, start=0, count=64)
    assert ((points >= 0.0) & (points < 1.0)).all()
    for column in points.T[:64]:
        assert sorted((column * 64).astype(int)) == list(range(64))
    # Every elementary square of the first two dimensions of 16 points too.
    cells = {tuple(cell) for cell in (points[:16, :2] * 4).astype(int).tolist()}
    assert len(cells) == 16


def test_sobol_points_are_those_of_scipy_before_they_are_scrambled() -> None:
    from scipy.stats import qmc

    from prefect_tuner.strategies.sobol_sequence import _unscrambled

    expected = qmc.Sobol(64, scramble=False, bits=30).random(256)
    assert np.array_equal(_unscrambled(64, 0, 256) / 2.0**30, expected)


def test_a_sobol_point_does_not_depend_on_those_asked_with_it() -> None:
    points = sobol_points(dimensions=67, seed=3, start=0, count=8)
    assert np.array_equal(sobol_points(67, 3, 5, 2), points[5:7])
    assert not np.array_equal(sobol_points(67, 4, 5, 2), points[5:7])
    assert math.isclose(float(sobol_points(1, 0, 0, 1024).mean()), 0.5, abs_tol=1e-3)
