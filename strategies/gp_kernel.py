"""The kernel of `gp`: Matern-5/2 with one length scale per axis of the search space.

Notation:
    Z: embedded candidates divided by their length scales, shape (n, E).
    r2: squared distances between scaled candidates, shape (n, m).
    k(r2) = (1 + sqrt(5) r + 5/3 r2) exp(-sqrt(5) r): correlation, 1 at r = 0.
    k'(r2) = -5/6 (1 + sqrt(5) r) exp(-sqrt(5) r): its slope in r2, finite at r = 0.

Distances are Euclidean by construction, so every matrix of correlations is positive semidefinite.

Source: C. Rasmussen and C. Williams, Gaussian Processes for Machine Learning (2006), equation 4.17.
"""

from __future__ import annotations

import math

import numpy as np

from prefect_tuner.strategies.array_types import FloatArray

_SQRT_5 = math.sqrt(5.0)


def squared_distances(a: FloatArray, b: FloatArray) -> FloatArray:
    """r2 between the rows of two arrays, shape (len(a), len(b))."""
    r2: FloatArray = a @ b.T
    r2 *= -2.0
    r2 += np.einsum("ij,ij->i", a, a)[:, None]
    r2 += np.einsum("ij,ij->i", b, b)
    return np.maximum(r2, 0.0, out=r2)


def matern52(r2: FloatArray) -> FloatArray:
    """k(r2), of the same shape."""
    scaled = np.sqrt(r2)
    scaled *= -_SQRT_5
    decay = np.exp(scaled)
    np.subtract(1.0, scaled, out=scaled)
    scaled += r2 * (5.0 / 3.0)
    decay *= scaled
    return decay


def matern52_with_slope(r2: FloatArray) -> tuple[FloatArray, FloatArray]:
    """k(r2) and k'(r2), each of the same shape."""
    scaled = np.sqrt(r2)
    scaled *= -_SQRT_5
    decay = np.exp(scaled)
    linear = 1.0 - scaled
    correlation = (linear + r2 * (5.0 / 3.0)) * decay
    linear *= decay
    linear *= -5.0 / 6.0
    return correlation, linear
