"""From metrics to what a Gaussian process can model: no outliers, unit variance, the best resolved.

Notation:
    y: n finite metrics of which the smallest is the best.
    m: their median.

Half-rank: metrics worse than m keep only their ranks, and are laid out as the worse half of a
normal distribution whose spread is that of the better half. One diverged trial in a thousand, or
999 of them, then moves nothing. Log: what is near the best is drawn apart, what is near the worst
pressed together.

Source: X. Song et al., The Vizier Gaussian Process Bandit Algorithm (2024), section 3.4, and the
file `output_warpers.py` of google/vizier.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from prefect_tuner.strategies.encoding.array_types import FloatArray

_LOG_OFFSET = 1.5


def warped(y: FloatArray) -> FloatArray:
    """Standardised values in the order of y: mean 0 and variance 1, or all 0 if y is constant.

    Args:
        y: Finite metrics, smaller is better, shape (n,), n at least 1. Any size from the smallest
            float to the largest.

    Returns:
        Warped metrics, smaller is better, shape (n,).

    Example:
        ```python
        import numpy as np

        from prefect_tuner.strategies.encoding.output_warp import warped

        values = warped(np.array([0.1, 0.2, 0.3, 0.4, 1e300]))
        assert np.all(np.diff(values) > 0.2)
        ```
    """
    return _standardised(_log_warped(_half_ranked(y)))


def _half_ranked(y: FloatArray) -> FloatArray:
    """The better half as it is, in units of its range and from m down; the worse half by ranks."""
    unique, groups, counts = np.unique(y, return_inverse=True, return_counts=True)
    # Not the mean of the two in the middle, which may overflow.
    median = np.sort(y)[(len(y) - 1) // 2]
    is_better = unique <= median
    better = _below_the_last(unique[is_better])
    # Over the better half of a normal distribution, the mean square is its variance.
    spread = float(np.sqrt(np.average(better**2, weights=counts[is_better]))) or 1.0
    # Equal metrics stay equal: the rank of a group is the mean of its members' ranks.
    ranks = np.cumsum(counts) - 0.5 * counts
    worse = spread * ndtri(ranks[~is_better] / len(y))
    return np.asarray(np.concatenate([better, worse])[groups])


def _below_the_last(ascending: FloatArray) -> FloatArray:
    """From -1 to 0, without overflow or underflow whatever the size of the numbers."""
    scaled = np.ldexp(ascending, -int(np.frexp(np.max(np.abs(ascending)))[1]))
    below = scaled - scaled[-1]
    return below if below[0] == 0.0 else np.asarray(below / -below[0])


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
