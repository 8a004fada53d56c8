"""Densities of a parameter's values, on a grid of its domain."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr

from prefect_tuner.flows.analysis.models.numeric_scale import on_scale
from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.numeric import Int
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.strategies.encoding.array_types import FloatArray, IntArray

MOST_PLACES = 50
"""On the grid of a numeric parameter."""

_PRIOR_WEIGHT = 1.0
"""Of a kernel that covers the whole domain, where each value has one."""

_NARROWEST = 0.5 / 1.64
"""Standard deviation of a kernel of which nine tenths lie within its own place."""


def places(parameter: Parameter) -> int:
    """How many places the grid of a parameter has."""
    if isinstance(parameter, Categorical):
        return parameter.cardinality
    if isinstance(parameter, Int) and parameter.log:
        return min(math.ceil(math.log2(parameter.high - parameter.low + 1)) + 1, MOST_PLACES)
    return min(parameter.cardinality or MOST_PLACES, MOST_PLACES)


def cells_of(parameter: Parameter, values: list[HyperValue]) -> IntArray:
    """The place of each value, on a grid that is even on the parameter's scale."""
    if isinstance(parameter, Categorical):
        return np.array([parameter.index_of(value) for value in values], dtype=np.intp)
    numbers, low, high = on_scale(parameter, np.array(values, dtype=np.float64))
    last = places(parameter) - 1
    nearest = np.ceil((numbers - low) / ((high - low) / last) - 0.5)  # Midway, the lower one.
    return np.clip(nearest, 0, last).astype(np.intp)


def density(parameter: Parameter, cells: IntArray) -> FloatArray:
    """The probability of each place on the grid: a kernel at each value, and a wide one.

    Source: Watanabe, Bansal, Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance
    in Arbitrary Subspaces" (IJCAI 2023, arXiv 2304.10255). The kernels lie on a grid, and are as
    wide as Scott's rule says.

    Args:
        parameter: Whose values they are.
        cells: Their places, at least one.
    """
    counts = np.bincount(cells, minlength=places(parameter)).astype(np.float64)
    seen = np.flatnonzero(counts)
    weights = np.append(counts[seen], _PRIOR_WEIGHT) / (counts.sum() + _PRIOR_WEIGHT)
    if isinstance(parameter, Categorical):
        return np.asarray(weights @ _choice_kernels(seen, counts.size))
    return np.asarray(weights @ _number_kernels(seen.astype(np.float64), counts[seen], counts.size))


def _choice_kernels(seen: IntArray, count: int) -> FloatArray:
    """For each choice that was seen, and for the domain, a probability of each choice."""
    kernels = np.full((seen.size + 1, count), _PRIOR_WEIGHT / (seen.size + 1))
    kernels[np.arange(seen.size), seen] += 1.0
    return np.asarray(kernels / kernels.sum(axis=1, keepdims=True))


def _number_kernels(seen: FloatArray, counts: FloatArray, count: int) -> FloatArray:
    """The same for the places of a numeric parameter: normal, cut off at the ends."""
    middles = np.append(seen, (count - 1) / 2)[:, np.newaxis]
    widths = np.append(np.full(seen.size, _bandwidth(seen, counts)), count)[:, np.newaxis]
    edges = ndtr((np.arange(count + 1) - 0.5 - middles) / widths)
    return np.asarray(np.diff(edges) / (edges[:, -1:] - edges[:, :1]))


def _bandwidth(seen: FloatArray, counts: FloatArray) -> float:
    """Scott's rule (1992), with the quartiles where they lie closer than the standard deviation."""
    total, cumulated = float(counts.sum()), np.cumsum(counts)
    mean = seen @ counts / total
    deviation = math.sqrt((seen - mean) ** 2 @ counts / max(1.0, total - 1.0))
    first = int(np.searchsorted(cumulated, total // 4, side="left"))
    third = int(np.searchsorted(cumulated, total * 3 // 4, side="right"))
    between = seen[min(third, seen.size - 1)] - seen[first]
    return max(1.059 * min(float(between) / 1.34, deviation) * math.pow(total, -0.2), _NARROWEST)
