"""What a process that lacks a parameter says of the effects that the parameter may have.

Notation:
    n: trials. K: their covariance by the process, shape (n, n). y: their scores, shape (n,).
    x: an effect, such as a slope, at each trial, shape (n,), without what a constant explains.
    b: how large it is: scores are b x beside what the process says of them.

By generalised least squares, b is estimated by x' K^-1 y / x' K^-1 x, with the standard error
(x' K^-1 x)^-1/2 (Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, section
2.7). It holds wherever a strategy has put its trials, as the probability of scores does not depend
on why their places were chosen; and it is small for an x that tells apart what the process takes
for alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import lapack

from prefect_tuner.flows.analysis.models.numeric_scale import unit_values
from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray

_LEAST_INFORMATION = 1e-12


@dataclass(frozen=True)
class Trace:
    """What the scores show of an effect.

    Attributes:
        sureness: The estimate, in units of its standard error.
        most: The share of the variance of scores that it explains, were all values of the parameter
            as frequent, at the most: if it were two standard errors larger than it seems.
    """

    sureness: float
    most: float


@dataclass(frozen=True)
class Restricted:
    """A process of scores that lacks some of the parameters.

    Attributes:
        gain: How much likelier the scores are with these parameters, as a logarithm, of whatever
            kind their effect is; it takes a while.
    """

    _covariance: FloatArray
    _y: FloatArray
    gain: Callable[[], float]

    def traces(
        self, parameter: Parameter, is_active: BoolArray, values: list[HyperValue]
    ) -> Iterator[Trace]:
        """What the scores show of the effects that a parameter is likely to have, if it has any.

        Of a number a slope, a bend and a wave, of a choice what is special about each.

        Args:
            parameter: One that the process lacks.
            is_active: Which trials have it, shape (n,).
            values: Of these.
        """
        for effect, variance in _effects(parameter, values):
            x = np.zeros(self._y.size)
            x[is_active] = effect
            yield self._trace(x, is_active, variance)

    def _trace(self, x: FloatArray, is_active: BoolArray, variance: float) -> Trace:
        ones = np.ones((x.size, 1))
        known = ones if is_active.all() else np.column_stack([ones, is_active])
        solved = self._solve(known)
        weights, *_ = np.linalg.lstsq(known.T @ solved, solved.T @ x, rcond=None)
        x = x - known @ weights
        solved_x = self._solve(x)
        information = float(x @ solved_x)
        if not information > _LEAST_INFORMATION:
            return Trace(0.0, math.inf)
        error = 1.0 / math.sqrt(information)
        size = abs(float(solved_x @ self._y)) / information
        return Trace(size / error, (size + 2.0 * error) ** 2 * variance)

    def _solve(self, right: FloatArray) -> FloatArray:
        """K^-1 times something, of the same shape."""
        return np.asarray(lapack.dpotrs(self._factor, right, lower=1)[0]).reshape(right.shape)

    @cached_property
    def _factor(self) -> FloatArray:
        factor, failed = lapack.dpotrf(self._covariance.T, lower=1)
        return np.asarray(factor if not failed else np.diag(np.sqrt(np.diag(self._covariance))))


def _effects(parameter: Parameter, values: list[HyperValue]) -> Iterator[tuple[FloatArray, float]]:
    """Effects at each of some values, with their variances over the whole domain."""
    if isinstance(parameter, Categorical):
        places = np.array([parameter.index_of(value) for value in values])
        share = 1.0 / parameter.cardinality
        for place in range(parameter.cardinality):
            yield (places == place).astype(np.float64), share * (1.0 - share)
        return
    unit = unit_values(parameter, np.array(values, dtype=np.float64))
    yield unit, 1.0 / 12.0
    yield (unit - 0.5) ** 2, 1.0 / 180.0
    yield np.cos(2.0 * np.pi * unit), 0.5
