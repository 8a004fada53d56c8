"""The distributions are known ones: with fixed seeds, a test of fit tells chains from them."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from scipy import stats

from prefect_tuner import Categorical, Float, Int, InvalidConfiguration, SearchSpace
from prefect_tuner.history import History
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler

UNIT = Float(0.0, 1.0)


def numbered(count: int, parameter: Float | Int | Categorical = UNIT) -> dict[str, object]:
    return {f"x{i}": parameter for i in range(count)}


def added(count: int) -> str:
    return " + ".join(f"x{i}" for i in range(count))


def space(parameters: dict[str, object], *constraints: str) -> SearchSpace:
    return SearchSpace(parameters, constraints=constraints)


def drawn(searched: SearchSpace, count: int, seed: int = 1) -> np.ndarray:
    sampler = FeasibleSampler(searched, seed)
    assert sampler.is_rare
    codes = sampler.drawn(np.random.default_rng(seed), count)
    assert codes.shape == (count, len(sampler.encoding.axes))
    assert sampler.encoding.meets_constraints(codes).all()
    return codes


@pytest.mark.parametrize(
    ("axes", "limit", "constraint"),
    [
        # By draws in the box, by chains in a polytope, by chains from what was tightened.
        (3, 0.2, "{} <= 0.2"),
        (8, 0.6, "{} <= 0.6"),
        (8, 0.6, "not ({} > 0.6) or x0 > 2"),
    ],
)
def test_draws_are_uniform_below_a_sum(axes: int, limit: float, constraint: str) -> None:
    points = drawn(space(numbered(axes), constraint.format(added(axes))), 400) / limit
    assert stats.kstest(points[:, 0], stats.beta(1, axes).cdf).pvalue > 0.001
    assert stats.kstest(points.sum(axis=1), stats.beta(axes, 1).cdf).pvalue > 0.001


def test_draws_are_uniform_among_orders() -> None:
    order = " <= ".join(f"x{i}" for i in range(12))
    points = drawn(space(numbered(12), order), 400)
    for place in (0, 5, 11):
        cdf = stats.beta(place + 1, 12 - place).cdf
        assert stats.kstest(points[:, place], cdf).pvalue > 0.001


def test_draws_are_uniform_among_whole_numbers_of_one_sum() -> None:
    searched = space(numbered(10, Int(0, 100)), f"{added(10)} == 20")
    sampler = FeasibleSampler(searched, 1)
    codes = sampler.drawn(np.random.default_rng(1), 500)
    first = [sampler.encoding.decode(row)["x0"] for row in codes]
    observed = np.bincount(np.minimum(first, 6), minlength=7)
    expected = np.array([comb(28 - k, 8) / comb(29, 9) for k in range(6)])
    shares = np.append(expected, 1.0 - expected.sum())
    assert stats.chisquare(observed, 500 * shares).pvalue > 0.001


def test_regions_apart_are_drawn_from_by_their_volumes() -> None:
    low = " and ".join(f"x{i} <= 0.02" for i in range(3))
    high = " and ".join(f"x{i} >= 0.98" for i in range(3))
    points = drawn(space(numbered(3), f"({low}) or ({high})"), 300)
    assert 0.35 < (points[:, 0] < 0.5).mean() < 0.65


def test_a_thin_band_is_drawn_from_along_its_length() -> None:
    band = space(numbered(4), "0.49999 <= x0 + x1 <= 0.50001", "x2 >= x3")
    points = drawn(band, 300)
    assert stats.kstest(points[:, 0], stats.uniform(0.0, 0.5).cdf).pvalue > 0.001


def test_a_millionth_of_the_space_is_found_and_nothing_cut_off_its_ends() -> None:
    searched = space(
        {"x": Float(0.0, 1e6), "n": Int(1, 10**9, log=True), "c": Categorical(list(range(500)))},
        "5 <= x <= 6",
        "1000 <= n <= 1002",
        "c in [7, 490]",
    )
    sampler = FeasibleSampler(searched, 0)
    codes = sampler.drawn(np.random.default_rng(0), 300)
    params = [sampler.decode(row) for row in codes]
    assert all(each is not None for each in params)
    assert {each["n"] for each in params if each} == {1000, 1001, 1002}
    assert {each["c"] for each in params if each} == {7, 490}


def test_near_candidates_are_feasible_and_some_of_them_very_near() -> None:
    searched = space(numbered(8), f"{added(8)} <= 0.6")
    sampler = FeasibleSampler(searched, 0)
    rng = np.random.default_rng(0)
    start = sampler.drawn(rng, 2)
    near = sampler.nearby(rng, start, 200)
    assert sampler.encoding.meets_constraints(near).all()
    distances = np.abs(near[::2] - start[0]).max(axis=1)
    assert distances.min() < 0.03
    assert distances.max() > 0.05


def test_the_same_seed_draws_the_same_and_another_one_does_not() -> None:
    searched = space(numbered(8), f"{added(8)} <= 0.6")
    one, same, other = (drawn(searched, 5, seed) for seed in (3, 3, 4))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@pytest.mark.parametrize(
    ("parameters", "constraints"),
    [
        (numbered(2), ["x0 + x1 <= 0.5", "x0 + x1 >= 0.51"]),
        (numbered(3), ["x0 >= x1 + 0.1", "x1 >= x2 + 0.1", "x2 >= x0 + 0.1"]),
        (numbered(2, Int(0, 10**6)), ["2*x0 - 2*x1 == 7"]),
    ],
)
def test_contradictions_are_told(parameters: dict[str, object], constraints: list[str]) -> None:
    sampler = FeasibleSampler(space(parameters, *constraints), 0)
    with pytest.raises(InvalidConfiguration, match=r"no candidate meets.* together"):
        sampler.drawn(np.random.default_rng(0), 1)


def test_a_single_feasible_candidate_among_a_million_times_a_million_is_found() -> None:
    searched = space(numbered(2, Int(0, 10**7)), "x0 + 7*x1 == 4_000_011", "x0 == 5*x1 - 21")
    sampler = FeasibleSampler(searched, 0)
    found = sampler.untried(np.random.default_rng(0), History())
    assert found == {"x0": 1_666_659, "x1": 333_336}


def test_what_is_common_is_not_rare() -> None:
    assert not FeasibleSampler(space(numbered(2), "x0 + x1 <= 0.5"), 0).is_rare
    assert not FeasibleSampler(space(numbered(2)), 0).is_rare
    assert not FeasibleSampler(space(numbered(2, Int(0, 99)), "x0 == x1 == 3"), 0).is_rare
