"""From metrics to what a Gaussian process can model: no outliers, unit variance.

Notation:
    y: n finite metrics of which the smallest is the best.
    m: their median. u: how far the better quarter of them begins below it.

Drawn near: metrics as they are, in units of u; what is farther than a few of them from m is drawn
near by the logarithm of the logarithm of its distance, so that a diverged trial, or one that is
better than all others by far, does not press these together.

Half-ranked: of what was drawn near, metrics worse than m keep only their ranks, and are laid out as
the worse half of a normal distribution whose spread is that of the better half. 999 diverged trials
of a thousand then move nothing. Then what is near the best is drawn apart by a logarithm, what is
near the worst pressed together.

Source of the half-ranks and the logarithm after them: X. Song et al., The Vizier Gaussian Process
Bandit Algorithm (2024), section 3.4, and the file `output_warpers.py` of google/vizier.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.special import ndtri

from prefect_tuner.strategies.encoding.array_types import FloatArray

Warp: TypeAlias = Callable[[FloatArray], FloatArray]
"""Finite metrics, shape (n,), to standardised values in their order."""

_LOG_OFFSET = 1.5
# In units of u; beyond, metrics are drawn near.
_NEAR = 3.0
# From so many units on, log(1 + t) is log(t).
_FAR = 1e12


def drawn_near(y: FloatArray) -> FloatArray:
    """Standardised values in the order of y: mean 0 and variance 1, or all 0 if y is constant.

    Args:
        y: Finite metrics, smaller is better, shape (n,), n at least 1. Any size from the smallest
            float to the largest.

    Returns:
        Warped metrics, smaller is better, shape (n,).

    Example:
        ```python
        import numpy as np

        from prefect_tuner.strategies.encoding.output_warp import drawn_near

        values = drawn_near(np.array([-1e300, 0.1, 0.2, 0.3, 0.4]))
        assert np.all(np.diff(values) > 0.2)
        ```
    """
    return _standardised(_drawn_near(y))


def half_ranked(y: FloatArray) -> FloatArray:
    """Standardised values in the order of y: mean 0 and variance 1, or all 0 if y is constant.

    From and to the same arrays as `drawn_near`.

    Example:
        ```python
        import numpy as np

        from prefect_tuner.strategies.encoding.output_warp import half_ranked

        values = half_ranked(np.array([0.1, 0.2, 0.3, 0.4, 1e300]))
        assert np.all(np.diff(values) > 0.2)
        ```
    """
    return _standardised(_log_warped(_half_ranked(_drawn_near(y))))


def _drawn_near(y: FloatArray) -> FloatArray:
    """Distances from m in units of u, the large ones drawn near."""
    # Halves, since the difference of two large numbers may overflow.
    halves = 0.5 * y
    ordered = np.sort(halves)
    median = ordered[(len(y) - 1) // 2]
    below = halves - median
    unit = next(
        (
            u
            for u in (
                median - ordered[(len(y) - 1) // 4],
                median - ordered[0],
                ordered[-1] - median,
            )
            if u > 0.0
        ),
        0.0,
    )
    if unit == 0.0:
        return np.zeros_like(y)
    with np.errstate(divide="ignore"):
        log_units = np.log(np.abs(below)) - np.log(unit)
    units = np.exp(np.minimum(log_units, np.log(_FAR)))
    beyond = np.where(log_units < np.log(_FAR), np.log1p(np.maximum(units - _NEAR, 0.0)), log_units)
    near = np.where(units <= _NEAR, units, _NEAR + np.log1p(beyond))
    return np.asarray(np.copysign(near, below))


def _half_ranked(near: FloatArray) -> FloatArray:
    """Of distances from m the better half, in units of its range; the worse half by ranks."""
    unique, groups, counts = np.unique(near, return_inverse=True, return_counts=True)
    is_better = unique <= 0.0
    better = unique[is_better] / (-unique[0] or 1.0)
    # Over the better half of a normal distribution, the mean square is its variance.
    spread = float(np.sqrt(np.average(better**2, weights=counts[is_better]))) or 1.0
    # Equal metrics stay equal: the rank of a group is the mean of its members' ranks.
    ranks = np.cumsum(counts) - 0.5 * counts
    worse = spread * ndtri(ranks[~is_better] / len(near))
    return np.asarray(np.concatenate([better, worse])[groups])


def _log_warped(y: FloatArray) -> FloatArray:
    """From 0 at the best to 1 at the worst, steepest at the best."""
    low, high = float(np.min(y)), float(np.max(y))
    if high == low:
        return np.zeros_like(y)
    relative = (y - low) / (high - low)
    return np.asarray(np.log1p(relative * (_LOG_OFFSET - 1.0)) / np.log(_LOG_OFFSET))


def _standardised(y: FloatArray) -> FloatArray:
    centred = y - np.mean(y)
    deviation = float(np.sqrt(np.mean(centred**2)))
    return np.zeros_like(y) if deviation == 0.0 else np.asarray(centred / deviation)
