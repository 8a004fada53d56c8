"""Scrambled Sobol points: few points that cover a cube more evenly than random ones do.

Notation:
    d: dimensions.
    B: bits of a coordinate.
    v[j, b]: direction number of bit b in dimension j, a fraction of 2**B.
    L[j]: lower triangular matrix of bits that scrambles dimension j; its rows are kept as numbers.

Point i is the exclusive or of the direction numbers of those bits that are set in the Gray code of
i. It is scrambled by a random matrix and shift of bits for each dimension, drawn from the seed.

Sources: S. Joe and F. Kuo, Constructing Sobol sequences with better two-dimensional projections,
SIAM J. Sci. Comput. 30 (2008), whose direction numbers these are (file new-joe-kuo-6.21201);
J. Matousek, On the L2-discrepancy for anchored boxes, J. Complexity 14 (1998), for the scrambling.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from prefect_tuner.strategies.array_types import FloatArray

_Bits: TypeAlias = npt.NDArray[np.int64]

_BITS = 30
# Sets the scrambling apart from the streams [seed, number] of the trials.
_SCRAMBLE_STREAM = 3
# Of each dimension from the second on: the primitive polynomial, its bits read as a number, and
# the first direction numbers.
_JOE_KUO = """
3 1, 7 1 3, 11 1 3 1, 13 1 1 1, 19 1 1 3 3, 25 1 3 5 13, 37 1 1 5 5 17, 41 1 1 5 5 5, 47 1 1 7
11 19, 55 1 1 5 1 1, 59 1 1 1 3 11, 61 1 3 5 5 31, 67 1 3 3 9 7 49, 91 1 1 1 15 21 21, 97 1 3
1 13 27 49, 103 1 1 1 15 7 5, 109 1 3 1 15 13 25, 115 1 1 5 5 19 61, 131 1 3 7 11 23 15 103,
137 1 3 7 13 13 15 69, 143 1 1 3 13 7 35 63, 145 1 3 5 9 1 25 53, 157 1 3 1 13 9 35 107, 167 1
3 1 5 27 61 31, 171 1 1 5 11 19 41 61, 185 1 3 5 3 3 13 69, 191 1 1 7 13 1 19 1, 193 1 3 7 5
13 19 59, 203 1 1 3 9 25 29 41, 211 1 3 5 13 23 1 55, 213 1 3 7 3 13 59 17, 229 1 3 1 3 5 53
69, 239 1 1 5 5 23 33 13, 241 1 1 7 7 1 61 123, 247 1 1 7 9 13 61 49, 253 1 3 3 5 3 55 33, 285
1 3 1 15 31 13 49 245, 299 1 3 5 15 31 59 63 97, 301 1 3 1 11 11 11 77 249, 333 1 3 1 11 27 43
71 9, 351 1 1 7 15 21 11 81 45, 355 1 3 7 3 25 31 65 79, 357 1 3 1 1 19 11 3 205, 361 1 1 5 9
19 21 29 157, 369 1 3 7 11 1 33 89 185, 391 1 3 3 3 15 9 79 71, 397 1 3 7 11 15 39 119 27, 425
1 1 3 1 11 31 97 225, 451 1 1 1 3 23 43 57 177, 463 1 3 7 7 17 17 37 71, 487 1 3 1 5 27 63 123
213, 501 1 1 3 5 11 43 53 133, 529 1 3 5 5 29 17 47 173 479, 539 1 3 3 11 3 1 109 9 69, 545 1
1 1 5 17 39 23 5 343, 557 1 3 1 5 25 15 31 103 499, 563 1 1 1 11 11 17 63 105 183, 601 1 1 5
11 9 29 97 231 363, 607 1 1 5 15 19 45 41 7 383, 617 1 3 7 7 31 19 83 137 221, 623 1 1 1 3 23
15 111 223 83, 631 1 1 5 13 31 15 55 25 161, 637 1 1 3 13 25 47 39 87 257
"""


def sobol_points(dimensions: int, seed: int, start: int, count: int) -> FloatArray:
    """Some consecutive points of the scrambled sequence that belongs to a seed.

    From dimension 65 on the coordinates are independent random numbers: of a few points, nobody
    can tell the difference.

    Args:
        dimensions: d, at least 1.
        seed: At least 0; another seed gives another scrambling.
        start: Number of the first point, from 0.
        count: How many points.

    Returns:
        Points of the unit cube without its upper faces, of shape (count, d).

    Example:
        ```python
        from prefect_tuner.strategies.sobol_sequence import sobol_points

        points = sobol_points(dimensions=3, seed=0, start=0, count=8)
        assert sorted((points[:, 0] * 8).astype(int)) == list(range(8))
        ```
    """
    stream = np.random.SeedSequence([seed], spawn_key=(_SCRAMBLE_STREAM,))
    rng = np.random.default_rng(stream)
    covered = min(dimensions, len(_TABLE) + 1)
    rows = rng.integers(0, 2**_BITS, size=(covered, _BITS), dtype=np.int64)
    shift = rng.integers(0, 2**_BITS, size=covered, dtype=np.int64)
    digits = _unscrambled(covered, start, count)
    points = np.empty((count, dimensions))
    points[:, :covered] = (_scramble(digits, rows) ^ shift) / 2.0**_BITS
    for i in range(count if dimensions > covered else 0):
        others = np.random.default_rng(np.random.SeedSequence([seed, start + i], spawn_key=(4,)))
        points[i, covered:] = others.random(dimensions - covered)
    return points


def _unscrambled(dimensions: int, start: int, count: int) -> _Bits:
    """The points of the sequence itself as whole numbers below 2**B, of shape (count, d)."""
    numbers = np.arange(start, start + count, dtype=np.int64)
    gray = numbers ^ (numbers >> 1)
    digits = np.zeros((count, dimensions), dtype=np.int64)
    directions = np.array([_directions(j) for j in range(dimensions)], dtype=np.int64)
    for bit in range(_BITS):
        is_set = (gray >> bit) & 1
        digits ^= is_set[:, None] * directions[None, :, bit]
    return digits


def _directions(dimension: int) -> list[int]:
    """v[j] of one dimension, by the recurrence of Joe and Kuo, equation 2."""
    if dimension == 0:
        return [1 << (_BITS - 1 - bit) for bit in range(_BITS)]
    polynomial, *numbers = _TABLE[dimension - 1]
    degree = len(numbers)
    m = list(numbers)
    for bit in range(degree, _BITS):
        value = m[bit - degree] ^ (m[bit - degree] << degree)
        for k in range(1, degree):
            if (polynomial >> (degree - k)) & 1:
                value ^= m[bit - k] << k
        m.append(value)
    return [m[bit] << (_BITS - 1 - bit) for bit in range(_BITS)]


def _scramble(digits: _Bits, rows: _Bits) -> _Bits:
    """L times the bits of the points, with ones on the diagonal of L and `rows` below it."""
    scrambled = np.zeros_like(digits)
    for bit in range(_BITS):
        # Bit 0 is the first after the point. Row `bit` of L mixes the bits before it into it.
        own = 1 << (_BITS - 1 - bit)
        above = (2**_BITS - 1) ^ (2 * own - 1)
        mixed = digits & ((rows[:, bit] & above) | own)
        scrambled |= _parity(mixed) * own
    return scrambled


def _parity(numbers: _Bits) -> _Bits:
    folded = numbers.copy()
    for shift in (16, 8, 4, 2, 1):
        folded ^= folded >> shift
    return folded & 1


_TABLE = [[int(number) for number in entry.split()] for entry in _JOE_KUO.split(",")]
