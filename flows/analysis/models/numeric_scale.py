"""Numbers on the scale of their parameter, which is logarithmic with `log`."""

from __future__ import annotations

import math

import numpy as np

from prefect_tuner.search_space.numeric import Float, Int
from prefect_tuner.strategies.encoding.array_types import FloatArray


def on_scale(parameter: Float | Int, values: FloatArray) -> tuple[FloatArray, float, float]:
    """Values, and the ends of the parameter's range, on its scale.

    All are halved where the range is too wide for a number.
    """
    low, high = float(parameter.low), float(parameter.high)
    if parameter.log:
        return np.log(values), math.log(low), math.log(high)
    if math.isinf(high - low):
        return values / 2, low / 2, high / 2
    return values, low, high


def unit_values(parameter: Float | Int, values: FloatArray) -> FloatArray:
    """Where values lie between the ends of their parameter, from 0 to 1, on its scale."""
    values, low, high = on_scale(parameter, values)
    return np.asarray((values - low) / (high - low)) if high > low else np.full(values.shape, 0.5)
