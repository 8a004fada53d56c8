"""Fit of the hyperparameters of `gp`: the maximum of their posterior, by analytic gradients.

Notation:
    A: axes; E: columns of the embedding; owners: the axis of each column, shape (E,).
    z: embedded observations, shape (n, E). y: warped metrics, shape (n,).
    extra: variance that an observation has beyond the noise, shape (n,).
    theta = (log length scales (A,), log amplitude, log noise): both of the latter are variances.
    K = amplitude k(r2) + diag(noise + extra), shape (n, n).
    alpha = K^-1 y.  w = K^-1 - alpha alpha'.

    loss(theta) = y' alpha / 2 + log|K| / 2 + sum ((theta - centre) / width)**2 / 2
    d loss / d theta_j = tr(w dK / d theta_j) / 2 + (theta_j - centre_j) / width_j**2

With M = w * amplitude * k'(r2), the derivative by a log length scale is the sum of
-M_ij (z_i - z_j)**2 over i and j, which is 2 c' M c - 2 c**2 . M 1 for each column c of the scaled
embedding: two products of matrices for all axes together.

Source: Rasmussen and Williams (2006), equations 5.8 and 5.9.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from prefect_tuner.strategies.array_types import BoolArray, FloatArray, IntArray
from prefect_tuner.strategies.gp_kernel import matern52_with_slope, squared_distances

JITTER = 1e-8
"""Added to the diagonal beside the noise, times the amplitude."""

# Centres and standard deviations of the logarithms. A change of choice moves a candidate by the
# whole length of its axis, so that a short length scale would make every choice a world of its own.
_ORDERED_LENGTH, _CHOICE_LENGTH, _LENGTH_WIDTH = 0.5, 4.0, 0.8
_AMPLITUDE, _AMPLITUDE_WIDTH = 1.0, 0.7
_NOISE, _HIGH_NOISE, _NOISE_WIDTH = 1e-3, 0.05, 1.5
_UNUSABLE = 1e25


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
    def for_axes(cls, has_order: BoolArray, *, noisy: bool) -> Prior:
        """The prior for axes with and without an order, shape (A,), with much or little noise.

        Beyond 20 axes the length scales grow with the root of their number, as distances in the
        cube do (C. Hvarfner et al., Vanilla Bayesian Optimization Performs Great in High
        Dimensions, 2024).
        """
        axes = len(has_order)
        lengths = np.where(has_order, _ORDERED_LENGTH, _CHOICE_LENGTH) * max(1.0, axes / 20) ** 0.5
        noise = _HIGH_NOISE if noisy else _NOISE
        width = np.repeat([_LENGTH_WIDTH, _AMPLITUDE_WIDTH, _NOISE_WIDTH], [axes, 1, 1])
        return cls(
            centre=np.log(np.concatenate([lengths, [_AMPLITUDE, noise]])),
            width=width,
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
    log_determinant = 2.0 * float(np.sum(np.log(np.diag(factor))))
    alpha, _ = lapack.dpotrs(factor, y, lower=1)
    # Above the diagonal of the factor, and so of what is made of it, stand zeros.
    triangle = lapack.dpotri(factor, lower=1, overwrite_c=1)[0]
    w = triangle + triangle.T
    w.flat[:: n + 1] *= 0.5
    w -= np.outer(alpha, alpha)
    gradient = np.empty_like(theta)
    gradient[-2] = 0.5 * amplitude * (np.vdot(w, correlation) + JITTER * np.trace(w))
    gradient[-1] = 0.5 * noise * np.trace(w)
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
            options={"maxiter": iterations, "maxfun": 2 * iterations, "maxcor": 10},
        )
        if float(result.fun) < least:
            best, least = np.asarray(result.x, dtype=float), float(result.fun)
    return best
