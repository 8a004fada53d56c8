"""The numerics of `gp` against finite differences and formulas computed another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, stats

from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.output_warp import Warp, drawn_near, half_ranked
from prefect_tuner.strategies.gaussian_process.acquisition import (
    log_augmentation,
    log_expected_improvement,
    log_expected_improvement_slopes,
)
from prefect_tuner.strategies.gaussian_process.regression import (
    Hyperparameters,
    NotPositiveDefinite,
    Posterior,
    Prior,
    fitted,
    loss_and_gradient,
    matern52,
    matern52_with_slope,
    squared_distances,
)
from tests.search_spaces import UNHURRIED

RNG = np.random.default_rng(0)
OWNERS = np.array([0, 1, 1, 1, 2])  # Three axes, the second of three columns.
OBSERVED, PENDING, NEW = RNG.random((20, 5)), RNG.random((3, 5)), RNG.random((4, 5))
Y = half_ranked(RNG.random(20))
EXTRA = np.where(np.arange(20) % 5, 0.0, 0.1)
MODEL = Hyperparameters(np.array([0.3, 0.8, 1.5]), amplitude=1.7, noise=0.01)
PRIOR = Prior.for_axes(np.array([True, False, True]), noisy=False)


def posterior(pending: FloatArray = PENDING) -> Posterior:
    return Posterior(OBSERVED, Y, EXTRA, pending, OWNERS, MODEL)


def differences(function: object, at: FloatArray, step: float = 1e-6) -> FloatArray:
    """Central differences of a scalar function of a vector."""
    assert callable(function)
    units = step * np.eye(len(at))
    return np.array([(function(at + u) - function(at - u)) / (2 * step) for u in units])


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Matern-5/2 of two embedded candidates, written out."""
    scales = MODEL.length_scales[OWNERS]
    r = math.sqrt(sum(((x - y) / s) ** 2 for x, y, s in zip(a, b, scales, strict=True)))
    return (1 + math.sqrt(5) * r + 5 * r**2 / 3) * math.exp(-math.sqrt(5) * r)


def covariance(a: FloatArray, b: FloatArray) -> FloatArray:
    return MODEL.amplitude * np.array([[correlation(x, y) for y in b] for x in a])


def test_the_kernel_is_one_at_no_distance_and_its_slope_is_that_of_the_kernel() -> None:
    r2 = np.linspace(0.0, 30.0, 50)
    k, slope = matern52_with_slope(r2)
    assert k[0] == 1.0
    assert np.allclose(k, matern52(r2), rtol=1e-15)
    numeric = (matern52(r2[1:] + 1e-6) - matern52(r2[1:] - 1e-6)) / 2e-6
    assert np.allclose(slope[1:], numeric, rtol=1e-6, atol=1e-10)
    assert slope[0] == pytest.approx(-5 / 6)


def test_distances_are_euclidean_and_never_negative() -> None:
    expected = ((OBSERVED[:, None] - NEW[None]) ** 2).sum(axis=2)
    assert np.allclose(squared_distances(OBSERVED, NEW), expected)
    large = 1e6 + OBSERVED * 1e-6
    assert (squared_distances(large, large) >= 0.0).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_gradient_of_the_fit_is_that_of_its_loss(seed: int) -> None:
    theta = PRIOR.centre + np.random.default_rng(seed).normal(size=5) * 0.7

    def loss(at: FloatArray) -> float:
        return loss_and_gradient(at, OBSERVED, Y, EXTRA, OWNERS, PRIOR)[0]

    gradient = loss_and_gradient(theta, OBSERVED, Y, EXTRA, OWNERS, PRIOR)[1]
    assert np.allclose(gradient, differences(loss, theta), rtol=1e-5, atol=1e-5)


def test_the_loss_is_the_negative_log_posterior() -> None:
    covariances = covariance(OBSERVED, OBSERVED) + np.diag(MODEL.noise + EXTRA)
    log_likelihood = stats.multivariate_normal(np.zeros(20), covariances).logpdf(Y)
    log_prior = stats.norm(PRIOR.centre, PRIOR.width).logpdf(MODEL.theta).sum()
    constants = 10 * math.log(2 * math.pi) + float(
        np.sum(np.log(PRIOR.width * math.sqrt(2 * math.pi)))
    )
    loss, _ = loss_and_gradient(MODEL.theta, OBSERVED, Y, EXTRA, OWNERS, PRIOR)
    assert loss == pytest.approx(-log_likelihood - log_prior - constants, rel=1e-6)


def test_the_fit_finds_the_axis_that_matters() -> None:
    points = np.random.default_rng(1).random((60, 3))
    y = half_ranked(np.sin(7.0 * points[:, 0]))
    owners = np.arange(3)
    theta = fitted(points, y, np.zeros(60), owners, PRIOR, PRIOR.starts(), 60)
    relevant, *others = Hyperparameters.from_theta(theta).length_scales
    assert relevant < min(others) / 2
    gradient = loss_and_gradient(theta, points, y, np.zeros(60), owners, PRIOR)[1]
    inside = (theta > PRIOR.low) & (theta < PRIOR.high)
    assert np.abs(gradient[inside]).max() < 0.1


def test_length_scales_are_those_of_the_axes_that_a_candidate_has() -> None:
    of_all = Prior.for_axes(np.repeat(True, 12), noisy=False)
    of_few = Prior.for_axes(np.repeat(True, 40), active=12.0, noisy=False)
    assert np.allclose(of_few.centre[:40], of_all.centre[0])
    assert np.all(Prior.for_axes(np.repeat(True, 40), noisy=False).centre[:40] > of_few.centre[0])


def test_the_posterior_is_that_of_the_textbook() -> None:
    covariances = covariance(OBSERVED, OBSERVED) + np.diag(MODEL.noise + EXTRA)
    k = covariance(NEW, OBSERVED)
    mean, variance = posterior(np.empty((0, 5))).at(NEW)
    assert np.allclose(mean, k @ np.linalg.solve(covariances, Y), atol=1e-6)
    expected = MODEL.amplitude - np.sum(k * np.linalg.solve(covariances, k.T).T, axis=1)
    assert np.allclose(variance, expected, atol=1e-6)


def test_running_trials_lower_the_variance_and_leave_the_mean() -> None:
    both = np.concatenate([OBSERVED, PENDING])
    # What a running trial will teach is taken to be exact.
    covariances = covariance(both, both) + np.diag(
        np.concatenate([EXTRA + MODEL.noise, np.zeros(3)])
    )
    k = covariance(NEW, both)
    alone, running = posterior(np.empty((0, 5))), posterior()
    assert np.allclose(running.at(NEW)[0], alone.at(NEW)[0], atol=1e-10)
    expected = MODEL.amplitude - np.sum(k * np.linalg.solve(covariances, k.T).T, axis=1)
    assert np.allclose(running.at(NEW)[1], expected, atol=1e-6)
    assert (running.at(NEW)[1] < alone.at(NEW)[1]).all()
    assert running.at(PENDING)[1].max() < 0.1 * alone.at(PENDING)[1].min()


def test_the_gradients_of_the_posterior_are_those_of_mean_and_variance() -> None:
    model = posterior()
    mean, variance, by_mean, by_variance = model.with_gradients(NEW)
    assert np.allclose(model.at(NEW), (mean, variance))
    for row, of_mean, of_variance in zip(NEW, by_mean, by_variance, strict=True):
        assert np.allclose(
            of_mean, differences(lambda x: model.at(x[None])[0][0], row), rtol=1e-5, atol=1e-7
        )
        assert np.allclose(
            of_variance, differences(lambda x: model.at(x[None])[1][0], row), rtol=1e-5, atol=1e-7
        )


def test_a_hundred_equal_observations_do_not_break_the_posterior() -> None:
    same = np.tile(OBSERVED[:1], (100, 1))
    model = Hyperparameters(np.ones(3), amplitude=1.0, noise=1e-6)
    exact = Posterior(same, np.full(100, 0.5), np.zeros(100), same[:2], OWNERS, model)
    mean, variance = exact.at(same[:1])
    assert mean[0] == pytest.approx(0.5, abs=1e-3)
    assert 0.0 < variance[0] < 1e-4


def test_a_covariance_that_is_not_a_number_is_said_to_be_one() -> None:
    broken = Hyperparameters(np.ones(3), amplitude=math.nan, noise=1e-6)
    with pytest.raises(NotPositiveDefinite, match=r"\b20 candidates\b.*factorised"):
        Posterior(OBSERVED, Y, EXTRA, np.empty((0, 5)), OWNERS, broken)


@pytest.mark.parametrize(("mean", "deviation"), [(0.0, 1.0), (0.7, 0.2), (-2.0, 0.5), (1.5, 0.3)])
def test_the_expected_improvement_is_the_integral_that_defines_it(
    mean: float, deviation: float
) -> None:
    best = 0.4
    density = stats.norm(mean, deviation).pdf
    integral, _ = integrate.quad(
        lambda y: (best - y) * density(y), best - 40 * deviation, best, epsabs=0, points=[mean]
    )
    value = log_expected_improvement(np.array([mean]), np.array([deviation**2]), best)[0]
    assert value == pytest.approx(math.log(integral), abs=1e-6)


def test_the_log_of_the_expected_improvement_follows_its_asymptote_without_a_jump() -> None:
    z = -np.concatenate([np.linspace(0.5, 1.49, 100), np.geomspace(1.5, 1e8, 2000)])
    values = log_expected_improvement(-z, np.ones_like(z), 0.0)
    assert np.isfinite(values).all()
    assert (np.diff(values) < 0).all()
    far = z < -50
    asymptote = -0.5 * z**2 - 0.5 * math.log(2 * math.pi) - 2 * np.log(-z)
    assert np.allclose(values[far], asymptote[far], rtol=1e-12, atol=3 / 50**2)


@UNHURRIED
@given(st.floats(-30.0, 30.0), st.floats(1e-3, 10.0))
def test_the_slopes_of_the_acquisition_are_those_of_its_value(mean: float, variance: float) -> None:
    def value(at: FloatArray) -> float:
        return float(log_expected_improvement(at[:1], at[1:], 0.5)[0])

    at = np.array([mean, variance])
    _, by_mean, by_variance = log_expected_improvement_slopes(at[:1], at[1:], 0.5)
    step = 1e-5 * np.array([math.sqrt(variance), variance])
    numeric = [(value(at + move) - value(at - move)) / (2 * move.sum()) for move in np.diag(step)]
    assert np.allclose([by_mean[0], by_variance[0]], numeric, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("noise", [1e-6, 1e-2, 1.0])
@pytest.mark.parametrize("variance", [1e-10, 1e-4, 1.0])
def test_the_augmentation_is_that_of_its_formula_with_its_derivative(
    variance: float, noise: float
) -> None:
    def formula(at: float) -> float:
        return math.log1p(-math.sqrt(noise / (at + noise)))

    logs, slopes = log_augmentation(np.array([variance]), noise)
    if variance > 1e-3 * noise:  # Below, the formula as it stands in the paper cancels out.
        assert logs[0] == pytest.approx(formula(variance), rel=1e-9)
        step = 1e-4 * variance
        numeric = (formula(variance + step) - formula(variance - step)) / (2 * step)
        assert slopes[0] == pytest.approx(numeric, rel=1e-4)
    else:  # There 1 - 1 / sqrt(1 + x) is x / 2.
        assert logs[0] == pytest.approx(math.log(0.5 * variance / noise), abs=2e-3)
        assert slopes[0] == pytest.approx(1.0 / variance, rel=2e-3)


FINITE = st.floats(allow_nan=False, allow_infinity=False)


WARPS = pytest.mark.parametrize("warp", [drawn_near, half_ranked])


@WARPS
@UNHURRIED
@given(y=arrays(float, st.integers(1, 40), elements=FINITE))
def test_warped_metrics_are_standardised_and_keep_their_order(warp: Warp, y: FloatArray) -> None:
    values = warp(y)
    assert np.isfinite(values).all()
    assert (np.diff(values[np.argsort(y, kind="stable")]) >= 0.0).all()
    if (values == 0.0).all():
        # Halves of the smallest floats may be equal.
        assert len(np.unique(0.5 * y)) == 1
    else:
        assert values.mean() == pytest.approx(0.0, abs=1e-9)
        assert values.std() == pytest.approx(1.0)


@WARPS
@pytest.mark.parametrize("scale", [1e-300, 1e-10, 1.0, 1e10, 1e300])
def test_warping_does_not_depend_on_the_unit_of_the_metric(warp: Warp, scale: float) -> None:
    y = np.array([0.1, 0.7, 0.35, 0.9, 0.2, 0.5])
    assert np.allclose(warp(y * scale), warp(y), rtol=1e-9)


@pytest.mark.parametrize(("warp", "part"), [(drawn_near, 1 / 5), (half_ranked, 1 / 2)])
def test_diverged_trials_do_not_hide_the_differences_of_the_good_ones(
    warp: Warp, part: float
) -> None:
    good = np.linspace(0.1, 0.5, 9)
    spread = np.ptp(warp(good))
    assert np.ptp(warp(np.concatenate([good, [1e6, 1e12, 1e300]]))[:9]) > spread * part


@WARPS
@pytest.mark.parametrize("lucky", [-1e3, -1e300, -1.7e308])
def test_one_that_is_better_by_far_does_not_hide_the_differences_of_the_others(
    warp: Warp, lucky: float
) -> None:
    others = np.linspace(0.1, 0.5, 20)
    spread = np.ptp(warp(others))
    assert np.ptp(warp(np.concatenate([[lucky], others]))[1:]) > spread / 5


def test_metrics_that_lie_near_each_other_are_modelled_as_they_are() -> None:
    y = np.array([3.0, 1.0, 2.0, 2.5, 1.5])
    assert np.allclose(drawn_near(y), (y - y.mean()) / y.std())
