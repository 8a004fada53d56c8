"""Markov chains that stay where something holds, and are uniform there in the long run.

Notation:
    points: rows of [0, 1]**A, shape (m, A), one of each chain.

A step goes along a line through the point: to a random place of the part that lies in the cube; if
nothing is allowed there, the part is cut at that place, and the next one is drawn from what is
left. That is the shrinkage of slice sampling, which leaves the uniform distribution on the allowed
points as it is, whatever their shape. The lines run along one axis, or along the difference of two
points of a set, which has the shape of the allowed points: where they are a thin band, most of
these lines lie in it.

Sources: R. L. Smith, Efficient Monte Carlo Procedures for Generating Points Uniformly Distributed
over Bounded Regions, Operations Research 32 (1984), hit and run; R. M. Neal, Slice Sampling, Annals
of Statistics 31 (2003), sections 4 and 5, the shrinkage; C. ter Braak, A Markov Chain Monte Carlo
version of Differential Evolution, Statistics and Computing 16 (2006), the differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray
from prefect_tuner.strategies.feasibility.polytope import Polytope

Allowed: TypeAlias = Callable[[FloatArray], BoolArray]
"""Points of shape (m, A) to whether each is allowed, shape (m,)."""

MOST_CUTS = 48
"""Cuts of a line. Each takes about a half of what is left, a millionth is found by thirty or so."""

# Places to come are asked of along with the next one, as far as so many points go: that is quicker
# than one by one.
_AT_ONCE, _MOST_AHEAD = 256, 12
_ALONG_AN_AXIS = 0.4


def moved(
    rng: np.random.Generator,
    points: FloatArray,
    allowed: Allowed,
    shape: FloatArray,
    steps: int,
    reach: FloatArray | None = None,
    polytope: Polytope | None = None,
    most_cuts: int = MOST_CUTS,
) -> FloatArray:
    """Where chains are after some steps, shape (m, A).

    Args:
        rng: Where the random numbers come from.
        points: Where they begin, allowed all of them.
        allowed: Where they may go.
        shape: Points whose differences are directions, shape (p, A), p at least 1.
        steps: How many steps each of them makes.
        reach: How far a step may go along any axis, shape (m,); as far as the cube when left out.
        polytope: What is allowed lies in it: lines end where it does.
        most_cuts: Cuts of a line, after which a chain stays where it is.

    Example:
        ```python
        import numpy as np

        from prefect_tuner.strategies.feasibility.chains import moved

        rng, start = np.random.default_rng(0), np.full((200, 2), 0.01)
        points = moved(rng, start, lambda rows: rows.sum(axis=1) <= 0.1, start, steps=20)
        assert points.sum(axis=1).max() <= 0.1 and 0.02 < points[:, 0].mean() < 0.045
        ```
    """
    here = points.copy()
    if not here.size:
        return here
    for _ in range(steps):
        directions = _directions(rng, len(here), here.shape[1], shape)
        first, last = _in_the_cube(here, directions, reach)
        if polytope is not None:
            first, last = polytope.cut(here, directions, first, last)
        pending, cuts = np.arange(len(here)), 0
        while len(pending) and cuts < most_cuts:
            ahead = min(max(_AT_ONCE // len(pending), 1), _MOST_AHEAD)
            cuts += ahead
            places = np.empty((ahead, len(pending)))
            for place in places:
                place[:] = first[pending] + (last - first)[pending] * rng.random(len(pending))
                is_before = place < 0.0
                first[pending[is_before]] = place[is_before]
                last[pending[~is_before]] = place[~is_before]
            there = here[pending] + places[:, :, None] * directions[pending]
            there = np.clip(there, 0.0, 1.0)
            goes = allowed(there.reshape(-1, here.shape[1])).reshape(places.shape)
            is_over = goes.any(axis=0)
            chosen = there[goes.argmax(axis=0), np.arange(len(pending))]
            here[pending[is_over]] = chosen[is_over]
            pending = pending[~is_over]
    return here


def _directions(rng: np.random.Generator, count: int, axes: int, shape: FloatArray) -> FloatArray:
    """A direction for each chain, shape (count, axes), none of them zero."""
    pairs = rng.integers(len(shape), size=(2, count))
    directions: FloatArray = shape[pairs[0]] - shape[pairs[1]]
    is_axis = (rng.random(count) < _ALONG_AN_AXIS) | ~directions.any(axis=1)
    axis = rng.integers(axes, size=count)
    directions[is_axis] = np.eye(axes)[axis[is_axis]]
    return directions


def _in_the_cube(
    points: FloatArray, directions: FloatArray, reach: FloatArray | None
) -> tuple[FloatArray, FloatArray]:
    """Between which multiples of its direction each line is in the cube, and within reach."""
    with np.errstate(divide="ignore", invalid="ignore"):
        to_low, to_high = -points / directions, (1.0 - points) / directions
    stays = directions == 0.0
    before = np.where(stays, -np.inf, np.minimum(to_low, to_high)).max(axis=1)
    after = np.where(stays, np.inf, np.maximum(to_low, to_high)).min(axis=1)
    if reach is not None:
        most = reach / np.abs(directions).max(axis=1)
        before, after = np.maximum(before, -most), np.minimum(after, most)
    return np.minimum(before, 0.0), np.maximum(after, 0.0)
