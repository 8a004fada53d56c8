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
from functools import partial
from typing import Self

import numpy as np
from scipy.linalg import lapack

from prefect_tuner.flows.analysis.models.restricted import Restricted
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray, IntArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.gaussian_process.regression import (
    JITTER,
    Prior,
    fitted,
    loss_and_gradient,
    matern52,
    squared_distances,
)
from prefect_tuner.strategies.gaussian_process.single_thread import single_threaded
from prefect_tuner.trial import Trial

_ITERATIONS, _ANEW, _MORE = 40, 12, 8
"""Of the first fit, of one that lacks parameters, and of those with them again."""

_LENGTHS = (1.0, 8.0)
"""Length scales from which the last ones begin: of a function that bends, and of one that hardly
does."""

_IRRELEVANT = 300.0
"""A length scale at which an axis makes no difference."""

_WIDE = 20.0
"""The standard deviation of the logarithm of a length scale of which nothing is known."""


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
    def loss(self) -> float:
        """The negative logarithm of how likely scores and hyperparameters are, but for a constant.

        Of the same scores by spaces of the same parameters, the least is by the likeliest space.
        """
        given = (self._z, self._y, self._extra, self._owners, self._prior)
        return loss_and_gradient(self._theta, *given)[0]

    @property
    def size(self) -> int:
        """Of how many trials it is made."""
        return self._y.size

    @property
    def _extra(self) -> FloatArray:
        return np.zeros(self.size)

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

    def without(self, names: Collection[str]) -> Restricted:
        """A process that lacks some of the parameters, its hyperparameters fitted anew."""
        off = np.array([name in names for name in self.names])
        kept = np.append(~off, [True, True])
        columns = ~off[self._owners]
        z, owners = self._z[:, columns], (np.cumsum(~off) - 1)[self._owners[columns]]
        prior = _of_axes(self._prior, kept)
        with single_threaded():
            theta = fitted(z, self._y, self._extra, owners, prior, [self._theta[kept]], _ANEW)
            covariance = _covariance(z, owners, theta)
            loss, _ = loss_and_gradient(theta, z, self._y, self._extra, owners, prior)
        gain = partial(self._gain, off, kept, theta, loss)
        return Restricted(covariance, self._y, gain)

    def _gain(
        self, off: BoolArray, kept: BoolArray, theta: FloatArray, loss_without: float
    ) -> float:
        """How much likelier the scores are, as a logarithm, with some axes than without them.

        Of these axes, any length scale is as probable as any other, one that makes no difference
        among them.
        """
        width, high = self._prior.width.copy(), self._prior.high.copy()
        width[:-2][off], high[:-2][off] = _WIDE, math.log(_IRRELEVANT)
        prior = Prior(self._prior.centre, width, self._prior.low, high)
        losses = []
        with single_threaded():
            for length in _LENGTHS:
                start = np.empty_like(self._theta)
                start[kept] = theta
                start[:-2][off] = math.log(length)
                given = (self._z, self._y, self._extra, self._owners, prior)
                found = fitted(*given, [start], _MORE)
                losses.append(loss_and_gradient(found, *given)[0])
        return loss_without - min(losses)


def _of_axes(prior: Prior, kept: BoolArray) -> Prior:
    """A prior of some of the axes, shape (A + 2,)."""
    return Prior(prior.centre[kept], prior.width[kept], prior.low[kept], prior.high[kept])


def _covariance(z: FloatArray, owners: IntArray, theta: FloatArray) -> FloatArray:
    """K, shape (n, n)."""
    axes = theta.size - 2
    values = np.exp(theta)
    scaled = z / values[:axes][owners]
    covariance: FloatArray = values[-2] * matern52(squared_distances(scaled, scaled))
    covariance.flat[:: len(z) + 1] += values[-1] + 10 * JITTER * values[-2]
    return covariance


def _errors(z: FloatArray, y: FloatArray, owners: IntArray, theta: FloatArray) -> FloatArray:
    """e, shape (n,)."""
    factor, failed = lapack.dpotrf(_covariance(z, owners, theta).T, lower=1)
    if failed:
        return y.copy()
    alpha, _ = lapack.dpotrs(factor, y, lower=1)
    triangle = lapack.dpotri(factor, lower=1)[0]
    return np.asarray(alpha / np.diag(triangle))
