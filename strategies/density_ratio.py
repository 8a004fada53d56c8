"""Candidates by the ratio of two densities: that of the good observations and that of the others.

Notation:
    codes: observations, shape (n, A), see `encoding`; the good ones are the best fifth.
    l, g: densities of the good ones and of the others, mixtures of one product kernel for each
        observation and of the uniform density.
    h: width of the kernels, in units of an axis; n_l**(-1 / (4 + A)) / 5 (D. Scott, 1992).

A density looks at how often a value did well, not at how the metric changes from here to there. It
therefore leads elsewhere than the model of `gp` when that is stuck, at a fraction of the cost.

Source: J. Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011, section 4.
"""

from __future__ import annotations

import math

import numpy as np

from prefect_tuner.strategies.array_types import FloatArray
from prefect_tuner.strategies.axis import Axis
from prefect_tuner.strategies.encoding import Encoding

_GOOD = 0.2
_UNIFORM_SHARE = 0.1


def density_ratio_candidates(
    encoding: Encoding, rng: np.random.Generator, codes: FloatArray, y: FloatArray, count: int
) -> FloatArray:
    """Candidates drawn from the density of the good observations, the most promising first.

    Args:
        encoding: The encoding of the space.
        rng: Where the random numbers come from.
        codes: Observations, shape (n, A), n at least 2.
        y: Their metrics, smaller is better, shape (n,).
        count: How many candidates to draw.

    Returns:
        Codes of candidates that meet the constraints of the space, shape (at most count, A).
    """
    ranked = codes[np.argsort(y, kind="stable")]
    size = max(1, math.ceil(_GOOD * len(y)))
    good, bad = ranked[:size], ranked[size:]
    width = 0.2 * size ** (-1.0 / (4 + len(encoding.axes)))
    candidates = _drawn(encoding, rng, good, width, count)
    ratio = _log_density(encoding, candidates, good, width)
    ratio -= _log_density(encoding, candidates, bad, width)
    ratio[~encoding.meets_constraints(candidates)] = -np.inf
    order = np.argsort(-ratio, kind="stable")
    return candidates[order[: int(np.isfinite(ratio).sum())]]


def _drawn(
    encoding: Encoding, rng: np.random.Generator, good: FloatArray, width: float, count: int
) -> FloatArray:
    """Draws from the mixture around the good observations."""
    # What a change of its parents activates has any value.
    anywhere = encoding.all_from_unit_cube(rng.random((count, len(encoding.axes))))
    codes = encoding.completed(good[rng.integers(len(good), size=count)], anywhere)
    for j, axis in enumerate(encoding.axes):
        if axis.has_order:
            moved = codes[:, j] + _kernel_width(axis, width) * rng.standard_normal(count)
            moved = 1.0 - np.abs(1.0 - np.abs(moved))
        else:
            moved = np.where(rng.random(count) < _other_share(axis), anywhere[:, j], codes[:, j])
        codes[:, j] = moved
    return encoding.snap(np.where(rng.random((count, 1)) < _UNIFORM_SHARE, anywhere, codes))


def _log_density(
    encoding: Encoding, candidates: FloatArray, centres: FloatArray, width: float
) -> FloatArray:
    """The logarithm of the mixture, in units of the uniform density, shape (len(candidates),)."""
    logs = np.zeros((len(candidates), len(centres)))
    # Where one of both is not active, the other comes from the uniform density.
    for j, axis in enumerate(encoding.axes):
        if axis.has_order:
            h = _kernel_width(axis, width)
            distance = (candidates[:, j, None] - centres[:, j]) / h
            of_axis = -0.5 * distance**2 - math.log(h * math.sqrt(2.0 * math.pi))
        else:
            share, choices = _other_share(axis), axis.count or 1
            is_same = candidates[:, j, None] == centres[:, j]
            elsewhere = share / choices
            # In units of the uniform density, as on the axes with an order.
            of_axis = np.log(choices * np.where(is_same, 1.0 - share + elsewhere, elsewhere))
        if axis.is_conditional:
            is_missing = np.isnan(candidates[:, j, None]) | np.isnan(centres[:, j])
            of_axis = np.where(is_missing, 0.0, of_axis)
        logs += of_axis
    peak = np.maximum(logs.max(axis=1), 0.0)
    mixture = np.exp(logs - peak[:, None]).mean(axis=1) * (1.0 - _UNIFORM_SHARE)
    return np.asarray(peak + np.log(mixture + _UNIFORM_SHARE * np.exp(-peak)))


def _kernel_width(axis: Axis, width: float) -> float:
    return max(width, 0.5 / axis.count if axis.count else 0.01)


def _other_share(axis: Axis) -> float:
    """How much of the kernel of a choice lies on any choice."""
    return min(0.5, 0.1 * (axis.count or 1))
