"""Losses by their ranks."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm, rankdata

from prefect_tuner.strategies.encoding.array_types import FloatArray


def normal_scores(losses: FloatArray) -> FloatArray:
    """Losses by their ranks, as if they came from a normal distribution (Blom 1958), shape (n,).

    One trial that is far worse than all others does not decide then.
    """
    return np.asarray(norm.ppf((rankdata(losses) - 0.375) / (losses.size + 0.25)))
