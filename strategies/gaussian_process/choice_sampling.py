"""Draws of choices by what they promise: for a search that has settled on some, or stands still.

The maximum of an acquisition returns to the region of the best trials for as long as this promises
a little more than any other, however close the others are; a model that is wrong about the others
is then never put right. Where there are many numbers, a small step of all of them promises more
than another choice for as long as anybody tunes. So the choices are drawn, the more often the more
is expected of them.

Notation:
    A: axes of the encoding.
    EI: the expected improvement of a candidate, whose logarithm is its score.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray, IntArray
from prefect_tuner.strategies.encoding.encoding import Encoding

PROPORTIONAL: Final = 1.0
"""The sharpness by which values are drawn in proportion to EI."""

# One choice is settled after so many trials with the same value, c of them after the c-th part of
# it: the more there are, the more there is to learn. Beside more numbers than that, a step of all
# of which seems to promise more than any choice, they are settled at once.
_SETTLED, _FEWEST_SETTLED = 10, 2
_MANY_NUMBERS = 25
# An axis with an order is a choice where it has fewer values.
_MANY = 5


def are_choices_settled(encoding: Encoding, codes: FloatArray) -> bool:
    """Whether the last trials have made the same choices, if there are any to be made.

    Args:
        encoding: The encoding of the space.
        codes: The candidates of all trials in their order, shape (t, A).
    """
    axes = _choosing_axes(encoding)
    if not len(axes):
        return False
    most = max(math.ceil(_SETTLED / len(axes)), _FEWEST_SETTLED)
    if encoding.mean_active - len(axes) > _MANY_NUMBERS:
        most = 1
    last = np.nan_to_num(codes[-most:, axes], nan=-1.0)
    return len(last) == most and bool((last == last[0]).all())


def with_drawn_choices(
    encoding: Encoding,
    rng: np.random.Generator,
    codes: FloatArray,
    scores: FloatArray,
    sharpness: float,
) -> BoolArray:
    """Which candidates have the values that were drawn for the choices, shape (m,).

    Choices are the axes without an order, and those with few values. One after the other, a value
    is drawn in proportion to EI ** sharpness of the best candidate that has it, and has the values
    drawn before. In a conditional space these are the axes that are always active, and those that
    others depend on: they choose the branch.

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
    is_few = ~encoding.has_order | [(axis.count or _MANY) < _MANY for axis in encoding.axes]
    return np.flatnonzero(is_few & (encoding.is_parent | ~encoding.is_conditional))
