from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from prefect_tuner import Categorical, Float, Int, SearchSpace
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.axis import Axis
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.parzen.density_ratio import (
    DensityRatio,
    density_ratio_candidates,
    good_count,
)
from prefect_tuner.strategies.parzen.parzen_density import (
    ParzenDensity,
    spread_widths,
    value_bounds,
)

SPACE = SearchSpace(
    {
        "x": Float(-2.0, 3.0),
        "rate": Float(1e-4, 1.0, log=True),
        "drop": Float(0.0, 0.9, step=0.1),
        "depth": Int(2, 10),
        "width": Int(1, 200, log=True),
        "kind": ["a", "b", "c"],
    }
)
TREE = SearchSpace(
    {
        "kind": ["a", "b", "c"],
        "x": Float(0.0, 1.0, when={"kind": ["a", "b"]}),
        "n": Int(1, 5, log=True, when={"kind": "b"}),
        "is_on": Categorical([True, False], when={"kind": "b", "n": [2, 3]}),
    }
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def random_codes(encoding: Encoding, count: int, seed: int = 0) -> FloatArray:
    return encoding.from_unit_cube(rng(seed).random((count, len(encoding.axes))))


@pytest.mark.parametrize("observations", [0, 1, 2, 40])
def test_the_density_along_an_axis_integrates_to_one(observations: int) -> None:
    encoding = Encoding(SearchSpace({"x": Float(0.0, 1.0)}))
    density = ParzenDensity(encoding.axes, random_codes(encoding, observations))
    total, _ = integrate.quad(
        lambda x: math.exp(density.log_density(np.array([[x]]))[0]), 0.0, 1.0, limit=500
    )
    assert total == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    "parameter",
    [Int(2, 10), Int(1, 300, log=True), Float(0.0, 0.9, step=0.1), Categorical(list("abcde"))],
)
def test_the_probabilities_along_a_discrete_axis_add_up_to_one(parameter: Any) -> None:
    encoding = Encoding(SearchSpace({"p": parameter}))
    density = ParzenDensity(encoding.axes, random_codes(encoding, 12))
    every = encoding.axes[0].all_codes()[:, None]
    assert np.exp(density.log_density(every)).sum() == pytest.approx(1.0, abs=1e-9)


def test_the_density_over_a_tree_of_parameters_integrates_to_one() -> None:
    encoding = Encoding(TREE)
    weights = np.random.default_rng(1).random(15)
    density = ParzenDensity(encoding.axes, random_codes(encoding, 15), weights)
    places, shares = np.polynomial.legendre.leggauss(200)
    total = 0.0
    for kind, numbers in (("a", [None]), ("b", [1, 2, 3, 4, 5]), ("c", [None])):
        for n in numbers:
            for is_on in [True, False] if n in (2, 3) else [None]:
                given = {"kind": kind, "n": n, "is_on": is_on, "x": 0.5 if kind != "c" else None}
                row = encoding.encode({k: v for k, v in given.items() if v is not None})
                rows = np.tile(row, (200, 1))
                if kind != "c":
                    rows[:, 1] = 0.5 * (places + 1.0)
                total += float(np.exp(density.log_density(rows)) @ shares) / 2.0
    assert total == pytest.approx(1.0, abs=1e-6)


def direct(
    axes: tuple[Axis, ...], observed: FloatArray, weights: FloatArray, row: FloatArray
) -> float:
    """The logarithm of the density of one candidate, kernel by kernel and axis by axis."""
    total = 0.0
    for kernel in range(len(observed) + 1):
        factor = weights[kernel] if kernel < len(observed) else 1.0
        for j, axis in enumerate(axes):
            active = ~np.isnan(observed[:, j])
            known = kernel < len(observed) and active[kernel]
            if math.isnan(row[j]):
                continue
            if not axis.has_order:
                kernels, choices = active.sum() + 1, axis.count or 0
                own = (1.0 if known and row[j] == observed[kernel, j] else 0.0) if known else 0.0
                factor *= (
                    (own + 2 / kernels) / (1 + 2 * choices / kernels) if known else 1 / choices
                )
                continue
            mu, sigma = 0.5, 1.0
            if known:
                mu = observed[kernel, j]
                sigma = spread_widths(observed[active, j], len(axes))[0]
            cut = stats.truncnorm(-mu / sigma, (1.0 - mu) / sigma, mu, sigma)
            if axis.count is None:
                factor *= cut.pdf(row[j])
            else:
                low, high = value_bounds(axis, row[[j]])
                factor *= cut.cdf(high[0]) - cut.cdf(low[0])
        total += factor
    return float(np.log(total / (weights.sum() + 1.0)))


@pytest.mark.parametrize("space", [SPACE, TREE], ids=["flat", "tree"])
def test_the_density_is_that_of_a_direct_double_loop(space: SearchSpace) -> None:
    encoding = Encoding(space)
    observed, rows = random_codes(encoding, 9, seed=3), random_codes(encoding, 12, seed=4)
    weights = np.random.default_rng(5).random(9)
    found = ParzenDensity(encoding.axes, observed, weights).log_density(rows)
    expected = [direct(encoding.axes, observed, weights, row) for row in rows]
    assert found == pytest.approx(expected, abs=1e-9)


def neighbour_widths(values: FloatArray, _: int) -> FloatArray:
    """Optuna's rule: the distance to the farther neighbour, with a lower bound."""
    order = np.argsort(values)
    gaps = np.diff(values[order], prepend=0.0, append=1.0)
    ranked = np.maximum(gaps[:-1], gaps[1:])
    if len(values) > 1:
        ranked[[0, -1]] = gaps[[1, -2]]
    return np.clip(ranked[np.argsort(order)], max(0.01, 1.0 / (len(values) + 2)), 1.0)


@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_the_density_is_that_of_optuna(count: int) -> None:
    pytest.importorskip("optuna", minversion="5")
    from optuna import distributions
    from optuna.samplers._tpe import parzen_estimator

    space = SearchSpace(
        {
            "x": Float(-2.0, 3.0),
            "rate": Float(1e-4, 1.0, log=True),
            "drop": Float(0.0, 0.9, step=0.001),
            "depth": Int(2, 500),
            "width": Int(1, 5000, log=True),
            "kind": ["a", "b", "c"],
        }
    )
    encoding = Encoding(space)
    # Of equal values, it is a matter of sorting which gets which width.
    observed = random_codes(encoding, 4 * count, seed=6)
    first = [np.unique(observed[:, j], return_index=True)[1] for j in range(5)]
    observed = observed[[i for i in range(4 * count) if all(i in rows for rows in first)][:count]]
    assert len(observed) == count
    rows = random_codes(encoding, 30, seed=7)
    names = list(space)
    theirs = {
        "x": distributions.FloatDistribution(-2.0, 3.0),
        "rate": distributions.FloatDistribution(1e-4, 1.0, log=True),
        "drop": distributions.FloatDistribution(0.0, 0.9, step=0.001),
        "depth": distributions.IntDistribution(2, 500),
        "width": distributions.IntDistribution(1, 5000, log=True),
        "kind": distributions.CategoricalDistribution(["a", "b", "c"]),
    }

    def internal(codes: FloatArray) -> dict[str, Any]:
        params = [encoding.decode(row) for row in codes]
        return {n: np.array([theirs[n].to_internal_repr(p[n]) for p in params]) for n in names}

    estimator = parzen_estimator._ParzenEstimator(
        internal(observed),
        theirs,
        parzen_estimator._ParzenEstimatorParameters(
            prior_weight=2.0,
            consider_magic_clip=True,
            consider_endpoints=False,
            weights=np.ones,
            multivariate=True,
        ),
    )
    # Theirs is a density over the values of `x` and the logarithms of `rate`.
    lengths = math.log(5.0) + math.log(math.log(1e4))
    # Their weight of the prior is at once that of all choices in the kernel of one.
    ours = ParzenDensity(encoding.axes, observed, np.full(count, 0.5), neighbour_widths)
    found = ours.log_density(rows) - lengths
    assert found == pytest.approx(estimator.log_pdf(internal(rows)), abs=1e-6)


@pytest.mark.parametrize("names", [["x", "kind"], ["width", "drop"], ["rate", "depth"], list(TREE)])
def test_draws_are_distributed_as_the_density_says(names: list[str]) -> None:
    # The share of draws in each part of an axis is what uniform draws have there, each weighted by
    # its density.
    space = TREE if names == list(TREE) else SearchSpace({name: SPACE[name] for name in names})
    encoding = Encoding(space)
    density = ParzenDensity(encoding.axes, random_codes(encoding, 5, seed=8))
    drawn = encoding.snap(density.draw(np.random.default_rng(9), 40_000))
    uniform = random_codes(encoding, 40_000, seed=10)
    logs = density.log_density(uniform)
    for j, axis in enumerate(encoding.axes):
        active = ~np.isnan(uniform[:, j])
        if axis.count is not None and axis.has_order:
            ends = value_bounds(axis, uniform[active, j])
            logs[active] -= np.log(ends[1] - ends[0])
        elif axis.count is not None:
            logs[active] += math.log(axis.count)
    weights = np.exp(logs)
    for j in range(len(encoding.axes)):
        for low, high in ((-0.5, 0.3), (0.3, 0.6), (0.6, 1.5)):
            expected = float(np.mean(weights * ((uniform[:, j] > low) & (uniform[:, j] <= high))))
            share = float(np.mean((drawn[:, j] > low) & (drawn[:, j] <= high)))
            assert share == pytest.approx(expected, abs=0.025)


def test_a_small_scale_draws_near_the_observations() -> None:
    encoding = Encoding(SPACE)
    observed = random_codes(encoding, 4)
    drawn = ParzenDensity(encoding.axes, observed).draw(np.random.default_rng(0), 500, scale=1e-6)
    centres = np.vstack([observed[:, :2], [0.5, 0.5]])
    assert np.abs(drawn[:, None, :2] - centres).max(axis=2).min(axis=1).max() < 1e-4


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=30), st.integers(1, 50))
def test_all_kernels_of_an_axis_are_as_wide_as_its_values_are_spread(
    values: list[float], axes: int
) -> None:
    widths = spread_widths(np.array(values), axes)
    assert len(set(widths.tolist())) == 1
    assert 0.01 <= widths[0] <= 0.5
    closer = spread_widths(0.5 + 0.5 * (np.array(values) - 0.5), axes)
    assert closer[0] <= widths[0] + 1e-12
    more = spread_widths(np.tile(values, 3), axes)
    assert more[0] < widths[0] or np.std(values) > 0.25


@pytest.mark.parametrize(
    "parameter",
    [
        Int(-(2**63), 2**63 - 1),
        Int(1, 2**63 - 1, log=True),
        Int(0, 10**6),
        Float(0.0, 1.0, step=1e-6),
        Float(5e-324, 1.7e308, log=True),
        Categorical(list(range(500))),
    ],
)
def test_large_domains_have_finite_densities_and_draws(parameter: Any) -> None:
    encoding = Encoding(SearchSpace({"p": parameter}))
    density = ParzenDensity(encoding.axes, random_codes(encoding, 60))
    drawn = encoding.snap(density.draw(np.random.default_rng(0), 200))
    logs = density.log_density(np.vstack([drawn, random_codes(encoding, 50, seed=1)]))
    assert np.isfinite(logs).all()
    assert all(parameter.contains(encoding.decode(row)["p"]) for row in drawn)


def test_candidates_are_where_good_observations_are_and_others_are_not() -> None:
    encoding = Encoding(SPACE)
    codes = random_codes(encoding, 200)
    y = np.abs(codes[:, 0] - 0.8) + (codes[:, 5] != 2.0)
    candidates = density_ratio_candidates(encoding, rng(), codes, y, 24)
    assert candidates.shape == (24, 6)
    assert abs(candidates[0, 0] - 0.8) < 0.15
    assert candidates[0, 5] == 2.0


def test_a_cap_on_the_kernels_changes_the_ratio_little() -> None:
    encoding = Encoding(SPACE)
    codes = random_codes(encoding, 6000)
    ranked = codes[np.argsort(np.abs(codes[:, :2] - 0.7).sum(axis=1))]
    good = good_count(len(ranked))
    ordered = DensityRatio(encoding, ranked, good, codes[:0]).candidates(rng(), 200)
    whole = ParzenDensity(encoding.axes, ranked[:good]).log_density(ordered)
    whole -= ParzenDensity(encoding.axes, ranked[good:]).log_density(ordered)
    assert stats.spearmanr(whole, -np.arange(len(whole))).statistic > 0.9


def test_a_branch_is_not_preferred_for_having_more_parameters() -> None:
    children = {f"x{i}": Float(0.0, 1.0, when={"kind": "rich"}) for i in range(6)}
    encoding = Encoding(SearchSpace({"kind": ["poor", "rich"], **children}))
    codes = random_codes(encoding, 60)
    # What the branch does to the metric is nothing, and so are its parameters.
    first = [
        density_ratio_candidates(encoding, rng(seed), codes, rng(seed).random(60), 96)[0, 0]
        for seed in range(100)
    ]
    assert 0.3 < np.mean(first) < 0.7


def test_the_candidates_of_the_branch_that_is_taken_come_first_the_best_of_them_before() -> None:
    encoding = Encoding(TREE)
    codes = random_codes(encoding, 80)
    is_good = (codes[:, 0] == 1.0) & (codes[:, 2] == encoding.axes[2].code_of(2))
    y = np.where(is_good, np.abs(np.nan_to_num(codes[:, 1]) - 0.7), 2.0)
    ordered = density_ratio_candidates(encoding, rng(), codes, y, 400)
    active = ~np.isnan(ordered)
    in_branch = (active == active[0]).all(axis=1)
    count = int(in_branch.sum())
    assert in_branch[:count].all()
    assert active[0].all()
    ranked = codes[np.argsort(y, kind="stable")]
    good = good_count(len(ranked))
    ratios = ParzenDensity(encoding.axes, ranked[:good]).log_density(ordered[:count])
    ratios -= ParzenDensity(encoding.axes, ranked[good:]).log_density(ordered[:count])
    assert (np.diff(ratios) <= 1e-9).all()
    assert len(np.unique(ordered, axis=0)) == len(np.unique(ordered[:count], axis=0)) + len(
        np.unique(ordered[count:], axis=0)
    )
