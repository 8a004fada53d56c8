"""Parzen densities over codes: a product kernel around each observation, and a wide one as prior.

Notation:
    A: axes of the encoding.
    codes: candidates, shape (m, A), see `encoding`; NaN where an axis is inactive.
    n: observations. K: kernels, n + 1, the last of them the prior.
    mu, sigma: centre and width of each kernel on each axis with an order, each shape (K, A).

Along an axis with an order a kernel is a normal density cut off at the ends of [0, 1]; on a
discrete axis its mass between the middles to the neighbouring values. Along an axis without order
it is a choice with a large and all others with a small probability. Where the observation has no
value, because the axis was inactive, its kernel is the prior's; an axis that is inactive in the
candidate adds no factor. So each kernel, and the mixture, is a density over the whole tree of a
conditional space: what an observation says of the children stays with what it says of the parents.

Sources: J. Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011, section 4;
S. Watanabe, Tree-Structured Parzen Estimator, arXiv 2304.11127 (2023), for the prior, the kernel
for choices, and the least width; D. Scott, Multivariate Density Estimation (1992), for the width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, final

import numpy as np
from scipy.special import ndtr, ndtri

from prefect_tuner.strategies.encoding.array_types import FloatArray, IntArray
from prefect_tuner.strategies.encoding.axis import Axis

WidthRule: TypeAlias = Callable[[FloatArray, int], FloatArray]
"""From the places of observations on an axis, shape (n,), and A to their widths, shape (n,)."""

_LOG_SQRT_2_PI = 0.5 * math.log(2.0 * math.pi)
# No kernel is narrower than this, however many there are.
_LEAST_WIDTH = 0.01
_PART_OF_SCOTT = 0.6
# What the kernel of a choice puts on each of all choices, next to the 1 on its own, times kernels.
_OTHER_CHOICES = 2.0
# Two places with the standard deviation of the uniform density.
_UNIFORM_PAIR = 0.5 + math.sqrt(1.0 / 12.0) * np.array([-1.0, 1.0])
# Of a value whose share of the axis is small against the kernel, the mass is density times share:
# the difference of two nearly equal probabilities would be rounded away.
_NARROW = 1e-5
_TINY = 1e-300


@final
class ParzenDensity:
    """A mixture of product kernels.

    Args:
        axes: The axes of the encoding.
        codes: The observations, shape (n, A); n may be 0.
        weights: How much each of them counts, shape (n,), in units of the prior's weight; all as
            much as the prior when left out.
        widths: The rule by which sigma follows from the observations on an axis.

    Example:
        ```python
        import numpy as np

        from prefect_tuner import Float, SearchSpace
        from prefect_tuner.strategies.encoding.encoding import Encoding
        from prefect_tuner.strategies.parzen.parzen_density import ParzenDensity

        axes = Encoding(SearchSpace({"x": Float(0.0, 1.0)})).axes
        density = ParzenDensity(axes, np.array([[0.2], [0.25], [0.3]]))
        near, far = density.log_density(np.array([[0.25], [0.9]]))
        assert near > far
        ```
    """

    def __init__(
        self,
        axes: Sequence[Axis],
        codes: FloatArray,
        weights: FloatArray | None = None,
        widths: WidthRule | None = None,
    ) -> None:
        self._axes = axes
        weights = np.append(np.ones(len(codes)) if weights is None else weights, 1.0)
        self._weights = weights / weights.sum()
        rule = widths or spread_widths
        self._kernels = [
            _OrderedKernels(axis, codes[:, j], len(axes), rule)
            if axis.has_order
            else _ChoiceKernels(axis, codes[:, j])
            for j, axis in enumerate(axes)
        ]

    def log_density(self, codes: FloatArray) -> FloatArray:
        """The logarithm of the density, shape (m,).

        It is a density along continuous axes and a probability along discrete ones.
        """
        logs = self.log_weights(len(codes))
        self.add_axes(logs, codes, range(len(self._axes)))
        return mixture_log_density(logs)

    def log_weights(self, count: int) -> FloatArray:
        """The logarithm of the weight of each kernel, for so many candidates, shape (count, K)."""
        return np.repeat(np.log(self._weights)[None, :], count, axis=0)

    def add_axes(self, logs: FloatArray, codes: FloatArray, axes: Iterable[int]) -> None:
        """Add the logarithm of each kernel's density at each candidate along some axes.

        Args:
            logs: What it is added to, shape (m, K): `log_weights`, and maybe other axes.
            codes: The candidates, shape (m, A).
            axes: Places of the axes.
        """
        for j in axes:
            kernels, active = self._kernels[j], ~np.isnan(codes[:, j])
            if active.all():
                logs += kernels.log_densities(codes[:, j])
            elif active.any():
                logs[active] += kernels.log_densities(codes[active, j])

    def draw(self, rng: np.random.Generator, count: int, scale: float = 1.0) -> FloatArray:
        """Codes drawn from the mixture, every axis of a row from the same kernel.

        Args:
            rng: Where the random numbers come from.
            count: How many rows.
            scale: A factor of all widths: below 1, draws are nearer to the observations.

        Returns:
            Places in [0, 1] on axes with an order, indices on the others, shape (count, A), to be
            snapped by the encoding.
        """
        picks = np.searchsorted(np.cumsum(self._weights)[:-1], rng.random(count), side="right")
        units = rng.random((len(self._axes), count))
        drawn = [
            kernels.draw(picks, row, scale)
            for kernels, row in zip(self._kernels, units, strict=True)
        ]
        return np.stack(drawn, axis=1) if drawn else np.empty((count, 0))


@final
class _OrderedKernels:
    """Normal densities on [0, 1], equal ones of a discrete axis computed once.

    Notation: D different kernels, of which `_kernel` says for each of the K which it is.
    """

    def __init__(self, axis: Axis, column: FloatArray, axes: int, widths: WidthRule) -> None:
        self._axis = axis
        known = np.flatnonzero(~np.isnan(column))
        mu, sigma = np.full(len(column) + 1, 0.5), np.ones(len(column) + 1)
        mu[known] = column[known]
        sigma[known] = widths(column[known], axes)
        self._kernel = np.arange(len(mu))
        if axis.count is not None:
            pairs, self._kernel = np.unique(mu + 1j * sigma, return_inverse=True)
            mu, sigma = pairs.real.copy(), pairs.imag.copy()
        self._mu, self._sigma = mu, sigma
        self._log_inside = np.log(ndtr((1.0 - mu) / sigma) - ndtr(-mu / sigma))

    def log_densities(self, column: FloatArray) -> FloatArray:
        """Of each candidate's value by each kernel, shape (m, K)."""
        if self._axis.count is None:
            return np.asarray(self._log_normal(column) - self._log_inside)
        values, places = np.unique(column, return_inverse=True)
        low, high = value_bounds(self._axis, values)
        table = self._log_masses(low, high) - self._log_inside
        return np.asarray(table[places[:, None], self._kernel])

    def draw(self, picks: IntArray, units: FloatArray, scale: float) -> FloatArray:
        """A place from the kernel of each pick, by the inverse of its distribution."""
        kernel = self._kernel[picks]
        mu, sigma = self._mu[kernel], scale * self._sigma[kernel]
        below = ndtr(-mu / sigma)
        quantiles = below + units * (ndtr((1.0 - mu) / sigma) - below)
        places = mu + sigma * ndtri(quantiles)
        return np.asarray(np.clip(places, 0.0, 1.0))

    def _log_normal(self, places: FloatArray) -> FloatArray:
        """The logarithms of the densities, not cut off, shape (m, D)."""
        deviations = (places[:, None] - self._mu) / self._sigma
        return np.asarray(-0.5 * deviations**2 - np.log(self._sigma) - _LOG_SQRT_2_PI)

    def _log_masses(self, low: FloatArray, high: FloatArray) -> FloatArray:
        """The logarithms of the masses between two places, not cut off, shape (m, D)."""
        share = np.maximum(high - low, _TINY)
        narrow = share[:, None] < _NARROW * self._sigma
        first = (low[:, None] - self._mu) / self._sigma
        last = (high[:, None] - self._mu) / self._sigma
        # On the side of small probabilities, where a difference is exact to the last digits.
        is_above = first > 0.0
        masses = ndtr(np.where(is_above, -first, last)) - ndtr(np.where(is_above, -last, first))
        logs = np.log(np.maximum(masses, _TINY))
        if narrow.any():
            dense = self._log_normal(0.5 * (low + high)) + np.log(share)[:, None]
            logs = np.where(narrow, dense, logs)
        return np.asarray(logs)


@final
class _ChoiceKernels:
    """Probabilities of choices: one of the observation's own, one of each of the others."""

    def __init__(self, axis: Axis, column: FloatArray) -> None:
        self._choices = axis.count or 1
        known = ~np.isnan(column)
        trust = (int(known.sum()) + 1) / _OTHER_CHOICES
        self._own = np.append(np.where(known, column, -1.0), -1.0)
        elsewhere = 1.0 / (trust + self._choices)
        self._elsewhere = np.where(self._own >= 0.0, elsewhere, 1.0 / self._choices)
        self._at_own = np.where(
            self._own >= 0.0, (trust + 1.0) / (trust + self._choices), 1.0 / self._choices
        )

    def log_densities(self, column: FloatArray) -> FloatArray:
        """Of each candidate's choice by each kernel, shape (m, K)."""
        choices = np.arange(self._choices, dtype=float)
        is_own = choices[:, None] == self._own
        table = np.where(is_own, np.log(self._at_own), np.log(self._elsewhere))
        return np.asarray(table[column.astype(int)])

    def draw(self, picks: IntArray, units: FloatArray, scale: float) -> FloatArray:
        """A choice from the kernel of each pick."""
        own = self._own[picks]
        # Of the interval [0, 1], so much belongs to a draw from all choices alike.
        share = np.where(
            own < 0.0, 1.0, np.minimum(scale * self._elsewhere[picks] * self._choices, 1.0)
        )
        others = np.minimum(np.floor(units / share * self._choices), self._choices - 1.0)
        return np.where(units < share, others, own)


def mixture_log_density(logs: FloatArray) -> FloatArray:
    """The logarithm of the sum of weighted kernels, from their logarithms (m, K), shape (m,)."""
    peak = logs.max(axis=1)
    return np.asarray(peak + np.log(np.exp(logs - peak[:, None]).sum(axis=1)))


def spread_widths(values: FloatArray, axes: int) -> FloatArray:
    """The widths of kernels around some places: one for all of them, by their spread, shape (n,).

    It is a part of Scott's h = s * n**(-1 / (4 + A)), as the mixture has several modes. Two more
    places, as far apart as those of a uniform density, are counted for the prior: so that few
    places that happen to agree are not taken for certain.

    Args:
        values: The places in [0, 1], shape (n,).
        axes: A, at least 1.
    """
    spread = np.std(np.append(values, _UNIFORM_PAIR))
    width = _PART_OF_SCOTT * spread * (len(values) + 1) ** (-1.0 / (4 + axes))
    return np.full(len(values), max(width, _LEAST_WIDTH))


def value_bounds(axis: Axis, codes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Between which places [0, 1] belongs to the value of each code of a discrete axis."""
    if axis.log_scale is None:
        half = 0.5 / (axis.count or 1)
        return codes - half, codes + half
    values = axis.log_scale.values(codes)
    return axis.log_scale.codes(values - 0.5), axis.log_scale.codes(values + 0.5)
