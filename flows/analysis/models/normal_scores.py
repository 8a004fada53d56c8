"""Losses by their ranks."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

from prefect_tuner.strategies.encoding.array_types import FloatArray


def normal_scores(losses: FloatArray) -> FloatArray:
    """Losses by their ranks, as if they came from a normal distribution (Blom 1958), shape (n,).

    One trial that is far worse than all others does not decide then. Equal losses share a rank.
    """
    _, places, counts = np.unique(losses, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[places]
    return np.asarray(ndtri((ranks - 0.375) / (losses.size + 0.25)))
