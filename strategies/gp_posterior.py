"""The Gaussian process of `gp`, given observations and running trials.

Notation:
    N = n + p: n observations, then p pending candidates, whose metrics are not known yet.
    Z: their embedding divided by the length scales, shape (N, E).
    L: lower Cholesky factor of their covariance, shape (N, N); that of the observations alone is
        its upper left block.
    alpha: inverse covariance of the observations times their warped metrics, shape (n,).
    k: covariances of m new candidates with all of them, shape (m, N).

    mean = k[:, :n] alpha
    variance = amplitude - |L^-1 k'|**2

Pending candidates thus lower the variance around themselves and leave the mean as it is: what a
trial will have taught of the uncertainty is known before its metric (T. Desautels et al.,
Parallelizing Exploration-Exploitation Tradeoffs in Gaussian Process Bandit Optimization, 2014).
"""

from __future__ import annotations

from typing import final

import numpy as np
from scipy.linalg import blas, lapack

from prefect_tuner.strategies.array_types import FloatArray, IntArray
from prefect_tuner.strategies.gp_fit import JITTER, Hyperparameters
from prefect_tuner.strategies.gp_kernel import matern52, matern52_with_slope, squared_distances

_JITTERS = (JITTER, 1e-6, 1e-4)
_LEAST_VARIANCE = 1e-10


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

        from prefect_tuner.strategies.gp_fit import Hyperparameters
        from prefect_tuner.strategies.gp_posterior import Posterior

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
        diagonal = np.concatenate([extra, np.zeros(len(pending))]) + self.noise
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
