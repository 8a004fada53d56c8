"""What all parameters together say of the metric: a Gaussian process, judged by what it foresees.

Notation:
    n: trials. A: axes of the encoding. E: columns of the embedding.
    y: scores of the trials with a mean of 0 and a variance of 1, shape (n,); less is better.
    e: what is wrong with the forecast of each trial from all others, shape (n,):
        e_i = (K^-1 y)_i / (K^-1)_ii (Rasmussen and Williams, Gaussian Processes for Machine
        Learning, 2006, equation 5.12).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.linalg import lapack

from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray, IntArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.gaussian_process.regression import (
    JITTER,
    Prior,
    fitted,
    matern52,
    squared_distances,
)
from prefect_tuner.strategies.gaussian_process.single_thread import single_threaded
from prefect_tuner.trial import Trial

_ITERATIONS = 40
_MORE_ITERATIONS = 15
_IRRELEVANT = 1e4
"""A length scale at which an axis makes no difference."""


@dataclass(frozen=True)
class Surrogate:
    """A Gaussian process of the scores of some trials.

    Attributes:
        names: The parameters that it knows, shape (A,).
        is_active: Which of them each trial has, shape (n, A).
        errors: How far the forecast of each trial from all others is off, shape (n,).
    """

    names: tuple[str, ...]
    is_active: BoolArray
    errors: FloatArray
    _y: FloatArray
    _z: FloatArray
    _owners: IntArray
    _prior: Prior
    _theta: FloatArray

    @classmethod
    def of(cls, space: SearchSpace, trials: Sequence[Trial], scores: FloatArray) -> Self | None:
        """The process whose hyperparameters are likeliest.

        Args:
            space: The search space.
            trials: Some with a metric, at least two.
            scores: Their losses, or the normal scores of these, shape (n,).

        Returns:
            None where the parameters have one value each, or the scores are all the same.
        """
        encoding = Encoding(space)
        spread = float(scores.std())
        if not encoding.axes or not 0.0 < spread < math.inf:
            return None
        y = (scores - scores.mean()) / spread
        codes = encoding.snap(np.array([encoding.encode(trial.params) for trial in trials]))
        z = encoding.embed(codes)
        prior = Prior.for_axes(encoding.has_order, noisy=True)
        owners = np.asarray(encoding.owners)
        with single_threaded():
            extra = np.zeros(y.size)
            theta = fitted(z, y, extra, owners, prior, prior.starts(), _ITERATIONS)
            errors = _errors(z, y, owners, theta)
        names = tuple(axis.name for axis in encoding.axes)
        return cls(names, ~np.isnan(codes), errors, y, z, owners, prior, theta)

    @property
    def unexplained(self) -> float:
        """The share of the scores' variance that the forecasts leave; above 1 they are useless."""
        return float(self.errors @ self.errors) / self.size

    @property
    def size(self) -> int:
        """Of how many trials it is made."""
        return self._y.size

    def difference_of_neighbours(self) -> float:
        """How much trials differ from their nearest one, in units of how any two differ.

        Of the fifth of the trials that have the nearest ones: the mean of the squared differences.
        It is about 1 where the metric has nothing to do with the parameters.
        """
        r2 = squared_distances(self._z, self._z)
        np.fill_diagonal(r2, np.inf)
        nearest = np.argmin(r2, axis=1)
        closest = np.argsort(r2.min(axis=1), kind="stable")[: max(5, self.size // 5)]
        differences = self._y[closest] - self._y[nearest[closest]]
        return float((differences**2).mean() / 2.0)

    def loss_without(self, names: Collection[str]) -> FloatArray:
        """How much worse each forecast is by a process that lacks some of the parameters.

        The growth of the squared error, in shares of the variance of the scores, shape (n,).
        """
        off = np.array([name in names for name in self.names])
        columns = ~off[self._owners]
        place = np.cumsum(~off) - 1
        if not columns.any():
            errors = self._y
        else:
            kept = np.append(~off, [True, True])
            prior = Prior(
                *(
                    values[kept]
                    for values in (
                        self._prior.centre,
                        self._prior.width,
                        self._prior.low,
                        self._prior.high,
                    )
                )
            )
            z, owners = self._z[:, columns], place[self._owners[columns]]
            with single_threaded():
                theta = fitted(
                    z,
                    self._y,
                    np.zeros(self._y.size),
                    owners,
                    prior,
                    [self._theta[kept]],
                    _MORE_ITERATIONS,
                )
                errors = _errors(z, self._y, owners, theta)
        return np.asarray(errors**2 - self.errors**2)


def _errors(z: FloatArray, y: FloatArray, owners: IntArray, theta: FloatArray) -> FloatArray:
    """e, shape (n,)."""
    axes = theta.size - 2
    values = np.exp(theta)
    scaled = z / values[:axes][owners]
    covariance = values[-2] * matern52(squared_distances(scaled, scaled))
    covariance.flat[:: y.size + 1] += values[-1] + 10 * JITTER * values[-2]
    factor, failed = lapack.dpotrf(covariance.T, lower=1)
    if failed:
        return y.copy()
    alpha, _ = lapack.dpotrs(factor, y, lower=1)
    triangle = lapack.dpotri(factor, lower=1)[0]
    return np.asarray(alpha / np.diag(triangle))
