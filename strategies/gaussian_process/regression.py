"""The Gaussian process of `gp`: its kernel, the fit of its hyperparameters, and its posterior.

Notation:
    A: axes; E: columns of the embedding; owners: the axis of each column, shape (E,).
    z: embedded observations, shape (n, E). y: warped metrics, shape (n,).
    extra: variance that an observation has beyond the noise, shape (n,).
    r2: squared distances between candidates divided by their length scales, shape (n, m).

Kernel, Matern-5/2 with one length scale per axis of the search space:
    k(r2) = (1 + sqrt(5) r + 5/3 r2) exp(-sqrt(5) r): correlation, 1 at r = 0.
    k'(r2) = -5/6 (1 + sqrt(5) r) exp(-sqrt(5) r): its slope in r2, finite at r = 0.
    Distances are Euclidean by construction, so every matrix of correlations is positive
    semidefinite.

Fit, the maximum of the posterior of theta by analytic gradients:
    theta = (log length scales (A,), log amplitude, log noise): both of the latter are variances.
    K = amplitude k(r2) + diag(noise + extra), shape (n, n).
    alpha = K^-1 y.  w = K^-1 - alpha alpha'.
    loss(theta) = y' alpha / 2 + log|K| / 2 + sum ((theta - centre) / width)**2 / 2
    d loss / d theta_j = tr(w dK / d theta_j) / 2 + (theta_j - centre_j) / width_j**2
    With M = w * amplitude * k'(r2), the derivative by a log length scale is the sum of
    -M_ij (z_i - z_j)**2 over i and j, which is 2 c' M c - 2 c**2 . M 1 for each column c of the
    scaled embedding: two products of matrices for all axes together.

Posterior, given n observations and p pending candidates, whose metrics are not known yet:
    N = n + p.
    L: lower Cholesky factor of their covariance, shape (N, N); that of the observations alone is
        its upper left block.
    k: covariances of m new candidates with all of them, shape (m, N).
    mean = k[:, :n] alpha
    variance = amplitude - |L^-1 k'|**2
    Pending candidates thus lower the variance around themselves and leave the mean as it is: what
    a trial will have taught of the uncertainty is known before its metric (T. Desautels et al.,
    Parallelizing Exploration-Exploitation Tradeoffs in Gaussian Process Bandit Optimization, 2014).

Source: C. Rasmussen and C. Williams, Gaussian Processes for Machine Learning (2006), equations
4.17, 5.8 and 5.9.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np
from scipy.linalg import blas, lapack
from scipy.optimize import minimize

from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray, IntArray

JITTER = 1e-8
"""Added to the diagonal beside the noise, times the amplitude."""

# Centres and standard deviations of the logarithms. A change of choice moves a candidate by the
# whole length of its axis, so that a short length scale would make every choice a world of its own.
_LENGTH, _CHOICE_LENGTH, _LENGTH_WIDTH = 0.5, 4.0, 0.8
_AMPLITUDE, _AMPLITUDE_WIDTH = 1.0, 0.7
_NOISE, _HIGH_NOISE, _NOISE_WIDTH = 1e-3, 0.05, 1.5
_UNUSABLE = 1e25
# An iteration that lowers the loss by less than this part of it is the last: observations tell
# theta apart by ones, not by a hundredth.
_ENOUGH = 1e-4
_JITTERS = (JITTER, 1e-6, 1e-4)
_LEAST_VARIANCE = 1e-10

_SQRT_5 = math.sqrt(5.0)


def squared_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """r2 between the rows of two arrays, shape (len(a), len(b))."""
    r2: FloatArray = a @ b.T
    r2 *= -2.0
    of_a = np.einsum("ij,ij->i", a, a)
    r2 += of_a[:, None]
    r2 += of_a if b is a else np.einsum("ij,ij->i", b, b)
    return np.maximum(r2, 0.0, out=r2)


def matern52(r2: FloatArray) -> FloatArray:
    """k(r2), of the same shape."""
    scaled = np.sqrt(r2)
    scaled *= -_SQRT_5
    decay = np.exp(scaled)
    np.subtract(1.0, scaled, out=scaled)
    scaled += r2 * (5.0 / 3.0)
    decay *= scaled
    return decay


def matern52_with_slope(r2: FloatArray) -> tuple[FloatArray, FloatArray]:
    """k(r2) and k'(r2), each of the same shape."""
    scaled = np.sqrt(r2)
    scaled *= -_SQRT_5
    decay = np.exp(scaled)
    linear = 1.0 - scaled
    correlation = (linear + r2 * (5.0 / 3.0)) * decay
    linear *= decay
    linear *= -5.0 / 6.0
    return correlation, linear


@dataclass(frozen=True)
class Hyperparameters:
    """What the kernel is made of.

    Attributes:
        length_scales: One for each axis, shape (A,), in units of an axis' whole length.
        amplitude: Variance of the function.
        noise: Variance of an observation, in the same units.
    """

    length_scales: FloatArray
    amplitude: float
    noise: float

    @property
    def theta(self) -> FloatArray:
        """All of them as logarithms, shape (A + 2,)."""
        values = np.concatenate([self.length_scales, [self.amplitude, self.noise]])
        return np.asarray(np.log(values))

    @classmethod
    def from_theta(cls, theta: FloatArray) -> Hyperparameters:
        """The inverse of `theta`."""
        values = np.exp(theta)
        return cls(values[:-2], float(values[-2]), float(values[-1]))


@dataclass(frozen=True)
class Prior:
    """Independent log-normal distributions of the hyperparameters, cut off at bounds.

    Attributes:
        centre: Means of theta, shape (A + 2,).
        width: Standard deviations of theta, shape (A + 2,).
        low: Least theta, shape (A + 2,).
        high: Largest theta, shape (A + 2,).
    """

    centre: FloatArray
    width: FloatArray
    low: FloatArray
    high: FloatArray

    @classmethod
    def for_axes(
        cls,
        has_order: BoolArray,
        length: float = _LENGTH,
        width: float = _LENGTH_WIDTH,
        *,
        active: float | None = None,
        noisy: bool,
    ) -> Prior:
        """The prior for axes with and without an order, shape (A,), with much or little noise.

        The length scale of an axis with an order has the median `length` and the logarithmic
        standard deviation `width`. Beyond 3 axes these medians grow with the root of their number,
        as distances in the cube do, and those of choices beyond 20 (C. Hvarfner et al., Vanilla
        Bayesian Optimization Performs Great in High Dimensions, 2024). The axes that count are
        those that a candidate has: `active`, on average; all of them when left out.
        """
        axes = len(has_order)
        count = axes if active is None else active
        longer = max(1.0, count / 3) ** 0.5
        lengths = np.where(has_order, length * longer, _CHOICE_LENGTH * max(1.0, count / 20) ** 0.5)
        noise = _HIGH_NOISE if noisy else _NOISE
        return cls(
            centre=np.log(np.concatenate([lengths, [_AMPLITUDE, noise]])),
            width=np.repeat([width, _AMPLITUDE_WIDTH, _NOISE_WIDTH], [axes, 1, 1]),
            low=np.log(np.repeat([0.02, 0.05, 1e-6], [axes, 1, 1])),
            high=np.log(np.repeat([30.0, 20.0, 1.0], [axes, 1, 1])),
        )

    def starts(self) -> list[FloatArray]:
        """Where to begin a search for the maximum: the centre, and smooth functions with noise."""
        smooth = self.centre.copy()
        smooth[:-2] += self.width[:-2]
        smooth[-1] += self.width[-1]
        return [self.centre.copy(), np.clip(smooth, self.low, self.high)]


def loss_and_gradient(
    theta: FloatArray,
    z: FloatArray,
    y: FloatArray,
    extra: FloatArray,
    owners: IntArray,
    prior: Prior,
) -> tuple[float, FloatArray]:
    """The negative logarithm of the posterior but for a constant, and its gradient (A + 2,).

    Where K cannot be factorised, the loss is a huge number with a gradient of 0.
    """
    n, axes = len(y), len(theta) - 2
    values = np.exp(theta)
    scaled = z / values[:axes][owners]
    correlation, slope = matern52_with_slope(squared_distances(scaled, scaled))
    amplitude, noise = values[-2], values[-1]
    covariance = amplitude * correlation
    covariance.flat[:: n + 1] += noise + extra + JITTER * amplitude
    factor, failed = lapack.dpotrf(covariance.T, lower=1, overwrite_a=1)
    if failed:
        return _UNUSABLE, np.zeros_like(theta)
    log_determinant = 2.0 * float(np.log(factor.diagonal()).sum())
    alpha, _ = lapack.dpotrs(factor, y, lower=1)
    # Above the diagonal of the factor, and so of what is made of it, stand zeros.
    triangle = lapack.dpotri(factor, lower=1, overwrite_c=1)[0]
    w = triangle + triangle.T
    w.flat[:: n + 1] *= 0.5
    w -= alpha[:, None] * alpha
    trace = w.trace()
    gradient = np.empty_like(theta)
    gradient[-2] = 0.5 * amplitude * (np.vdot(w, correlation) + JITTER * trace)
    gradient[-1] = 0.5 * noise * trace
    w *= slope
    w *= amplitude
    columns = np.einsum("ij,ij->j", scaled, w @ scaled)
    columns -= (scaled**2).T @ w.sum(axis=1)
    gradient[:axes] = 2.0 * np.bincount(owners, weights=columns, minlength=axes)
    deviation = (theta - prior.centre) / prior.width
    loss = 0.5 * float(y @ alpha) + 0.5 * log_determinant + 0.5 * float(deviation @ deviation)
    gradient += deviation / prior.width
    return (loss, gradient) if np.isfinite(loss) else (_UNUSABLE, np.zeros_like(theta))


def fitted(
    z: FloatArray,
    y: FloatArray,
    extra: FloatArray,
    owners: IntArray,
    prior: Prior,
    starts: list[FloatArray],
    iterations: int,
) -> FloatArray:
    """The best theta found by L-BFGS-B from each of the starts, the first among equals.

    Args:
        z: Embedded observations, shape (n, E).
        y: Warped metrics, shape (n,).
        extra: Additional variances, shape (n,).
        owners: The axis of each column, shape (E,).
        prior: The prior of theta.
        starts: Where to begin, each of shape (A + 2,).
        iterations: Most iterations from each start.
    """
    best, least = starts[0], np.inf
    for start in starts:
        result = minimize(
            loss_and_gradient,
            start,
            args=(z, y, extra, owners, prior),
            jac=True,
            method="L-BFGS-B",
            bounds=np.stack([prior.low, prior.high], axis=1),
            options={"maxiter": iterations, "maxfun": 2 * iterations, "ftol": _ENOUGH},
        )
        if float(result.fun) < least:
            best, least = np.asarray(result.x, dtype=float), float(result.fun)
    return best


class NotPositiveDefinite(ArithmeticError):
    """A covariance that no jitter makes positive definite."""


@final
class Posterior:
    """What is known of the function at any candidate.

    Args:
        observed: Embedded observations, shape (n, E).
        y: Their warped metrics, shape (n,).
        extra: Variances they have beyond the noise, shape (n,).
        pending: Embedded running candidates, shape (p, E).
        owners: The axis of each column, shape (E,).
        hyperparameters: Those of the kernel.

    Raises:
        NotPositiveDefinite: The covariance cannot be factorised.

    Example:
        ```python
        import numpy as np

        from prefect_tuner.strategies.gaussian_process.regression import Hyperparameters, Posterior

        observed, y, none = np.array([[0.0], [1.0]]), np.array([-1.0, 1.0]), np.empty((0, 1))
        model = Hyperparameters(np.array([0.5]), amplitude=1.0, noise=1e-6)
        posterior = Posterior(observed, y, np.zeros(2), none, np.array([0]), model)
        mean, variance = posterior.at(np.array([[0.0], [0.5]]))
        assert abs(mean[0] + 1.0) < 1e-4 and variance[0] < 1e-4 < variance[1]
        ```
    """

    def __init__(
        self,
        observed: FloatArray,
        y: FloatArray,
        extra: FloatArray,
        pending: FloatArray,
        owners: IntArray,
        hyperparameters: Hyperparameters,
    ) -> None:
        self.noise = hyperparameters.noise
        self.amplitude = hyperparameters.amplitude
        self._scales = hyperparameters.length_scales[owners]
        self._rows = np.concatenate([observed, pending]) / self._scales
        self._n = len(y)
        # What a trial will teach is taken to be exact: were it as noisy as the others, the next
        # candidate might be its neighbour.
        diagonal = np.concatenate([extra + self.noise, np.zeros(len(pending))])
        self._factor = self._factorised(diagonal)
        block = np.asfortranarray(self._factor[: self._n, : self._n])
        self._alpha: FloatArray = lapack.dpotrs(block, y, lower=1)[0]

    def at(self, candidates: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Mean and variance of the function at embedded candidates, each of shape (m,)."""
        k = self.amplitude * matern52(squared_distances(candidates / self._scales, self._rows))
        mean = k[:, : self._n] @ self._alpha
        solved = blas.dtrsm(1.0, self._factor, k.T, lower=1, overwrite_b=1)
        variance = self.amplitude - np.einsum("ij,ij->j", solved, solved)
        return mean, np.maximum(variance, _LEAST_VARIANCE)

    def with_gradients(
        self, candidates: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Mean, variance, each of shape (m,), and their gradients, each of shape (m, E)."""
        scaled = candidates / self._scales
        correlation, slope = matern52_with_slope(squared_distances(scaled, self._rows))
        k = self.amplitude * correlation
        mean = k[:, : self._n] @ self._alpha
        solved = blas.dtrsm(1.0, self._factor, k.T, lower=1)
        raw = self.amplitude - np.einsum("ij,ij->j", solved, solved)
        weights = blas.dtrsm(1.0, self._factor, solved, lower=1, trans_a=1).T  # K^-1 k, (m, N)
        slope *= 2.0 * self.amplitude
        # dk[i, j] / dz[i] = 2 amplitude k'(r2[i, j]) (z[i] - row[j])
        by_mean = slope[:, : self._n] * self._alpha
        by_variance = -2.0 * slope * weights
        mean_gradient = by_mean.sum(axis=1)[:, None] * scaled - by_mean @ self._rows[: self._n]
        gradient = by_variance.sum(axis=1)[:, None] * scaled - by_variance @ self._rows
        gradient[raw <= _LEAST_VARIANCE] = 0.0
        variance = np.maximum(raw, _LEAST_VARIANCE)
        return mean, variance, mean_gradient / self._scales, gradient / self._scales

    def _factorised(self, diagonal: FloatArray) -> FloatArray:
        covariance = self.amplitude * matern52(squared_distances(self._rows, self._rows))
        for jitter in _JITTERS:
            attempt = covariance.copy()
            attempt[np.diag_indices(len(attempt))] += diagonal + jitter * self.amplitude
            factor, failed = lapack.dpotrf(attempt.T, lower=1, overwrite_a=1)
            if not failed and np.all(np.isfinite(np.diag(factor))):
                return np.asarray(factor)
        raise NotPositiveDefinite(
            f"the covariance of {len(diagonal)} candidates cannot be factorised, not even with a "
            f"jitter of {_JITTERS[-1]}"
        )
