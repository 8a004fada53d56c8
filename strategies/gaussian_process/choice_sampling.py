"""Draws of choices by what they promise: for a search that has stopped making progress.

The maximum of an acquisition returns to the region of the best trials for as long as this promises
a little more than any other, however close the others are; a model that is wrong about the others
is then never put right. So the choices are drawn, the more often the more is expected of them.

Notation:
    A: axes of the encoding.
    EI: the expected improvement of a candidate, whose logarithm is its score.
"""

from __future__ import annotations

import numpy as np

from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray, IntArray
from prefect_tuner.strategies.encoding.encoding import Encoding


def with_drawn_choices(
    encoding: Encoding,
    rng: np.random.Generator,
    codes: FloatArray,
    scores: FloatArray,
    sharpness: float,
) -> BoolArray:
    """Which candidates have the values that were drawn for the axes without an order, shape (m,).

    One axis after the other, a value is drawn in proportion to EI ** sharpness of the best
    candidate that has it, and has the values drawn before. In a conditional space these axes are
    those that others depend on: they choose the branch.

    Args:
        encoding: The encoding of the space.
        rng: What the values are drawn from.
        codes: Some candidates, shape (m, A).
        scores: The logarithms of their EI, -inf for those tried before, shape (m,).
        sharpness: At least 0, where all values are equal; 1 is in proportion to EI.
    """
    drawn = np.isfinite(scores)
    for j in _choosing_axes(encoding):
        # An axis that is not active has one value.
        values = np.nan_to_num(codes[:, j], nan=-1.0)
        options = np.unique(values[drawn])
        if len(options) > 1:
            best = np.array([scores[drawn & (values == option)].max() for option in options])
            weights = np.exp(sharpness * (best - best.max()))
            drawn &= values == rng.choice(options, p=weights / weights.sum())
    return drawn


def _choosing_axes(encoding: Encoding) -> IntArray:
    if encoding.is_conditional.any():
        return np.flatnonzero(encoding.is_parent & ~encoding.has_order)
    return np.flatnonzero(~encoding.has_order)
