"""One branch of a space, a box in which the same parameters are active: draws of what is feasible.

Notation:
    points: rows of [0, 1]**A that stand for candidates of the box, see `box_points`.

```
points of the box at random, those that meet the constraints kept: the exact way
where too few are kept: Markov chains, which begin at points found
    in a ball of the polytope, where all constraints are linear,
    by tightening the constraints little by little,
    or one parameter after the other
```
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.feasibility.box_points import BoxPoints
from prefect_tuner.strategies.feasibility.chains import moved
from prefect_tuner.strategies.feasibility.dives import Dives
from prefect_tuner.strategies.feasibility.linear import linear_part
from prefect_tuner.strategies.feasibility.narrowing import Narrowing
from prefect_tuner.strategies.feasibility.polytope import Polytope, polytope_of
from prefect_tuner.strategies.feasibility.ranges import Box
from prefect_tuner.strategies.feasibility.tightening import tightened_points
from prefect_tuner.strategies.feasibility.violation import Violation

# Draws in the box by which it is decided how to draw; how many must be feasible for a share to be
# known, and for those to be where chains begin.
DRAWS, _SOME, _ENOUGH, _PLENTY, _BLOCK = 32_768, 4, 32, 512, 4_096
# Draws that a suggestion may cost before chains are quicker, and how often as many are made.
_MOST_DRAWS, _PATIENCE = 20_000, 4
# Steps of a chain that begins at points that are uniform already, and one more for each axis; near
# a candidate; from few points.
_STEPS, _STEPS_NEARBY, _STEPS_FROM_FEW, _ROUNDS_FROM_BALL = 8, 2, 60, 10
_CUTS_NEARBY = 16


@final
@dataclass(frozen=True)
class Branch:
    """What is feasible in a box.

    Attributes:
        encoding: The encoding of the space.
        box: The box.
        share: Which part of the box is feasible; 0 where that is too little to be known.
        volume: Which part of the space that is, as far as it is known.
        points: Some feasible points, spread as all of them are.
        polytope: What is linear in the constraints.
    """

    encoding: Encoding
    box: BoxPoints
    share: float
    volume: float
    points: FloatArray
    polytope: Polytope | None

    def drawn(self, rng: np.random.Generator, count: int) -> FloatArray:
        """Feasible candidates, uniform among those of the box, shape (count, A)."""
        if self.share * _MOST_DRAWS >= count:
            draws = int(_PATIENCE * count / self.share)
            points, _ = _kept(rng, self.encoding, self.box, draws, count)
            if len(points) >= count:
                return self.box.codes(points[:count])
        points = self.points[rng.integers(len(self.points), size=count)]
        steps = _STEPS + points.shape[1]
        points = moved(rng, points, self._allowed, self.points, steps, polytope=self.polytope)
        return self.box.codes(points)

    def anywhere(self, rng: np.random.Generator, count: int) -> FloatArray:
        """Feasible candidates all over the box, by few steps from the points that are known."""
        points = self.points[rng.integers(len(self.points), size=count)]
        return self.box.codes(self._stepped(rng, points, None))

    def nearby(self, rng: np.random.Generator, codes: FloatArray, reach: FloatArray) -> FloatArray:
        """Feasible candidates each of which is near another one, shape (m, A).

        Args:
            rng: Where the random numbers come from.
            codes: The others, feasible ones of the box, shape (m, A).
            reach: How far away each may be along any axis, shape (m,).
        """
        points = self.box.points(codes, rng.random(codes.shape))
        return self.box.codes(self._stepped(rng, points, reach))

    def _stepped(
        self, rng: np.random.Generator, points: FloatArray, reach: FloatArray | None
    ) -> FloatArray:
        return moved(
            rng,
            points,
            self._allowed,
            self.points,
            _STEPS_NEARBY,
            reach,
            self.polytope,
            _CUTS_NEARBY,
        )

    def _allowed(self, points: FloatArray) -> BoolArray:
        return self.encoding.meets_constraints(self.box.codes(points))


def branch_of(
    rng: np.random.Generator, space: SearchSpace, encoding: Encoding, narrowing: Narrowing, box: Box
) -> Branch | None:
    """What is feasible in a box, None where nothing was found.

    Args:
        rng: Where the random numbers come from.
        space: The space.
        encoding: Its encoding.
        narrowing: Its constraints.
        box: A box that was narrowed.

    Raises:
        Infeasible: Nothing is feasible for certain.
    """
    cube = BoxPoints(encoding, box)
    polytope = polytope_of(linear_part(narrowing, space, box), space, encoding, cube)
    points, made = _kept(rng, encoding, cube, DRAWS, _PLENTY)
    share = len(points) / made if len(points) >= _SOME else 0.0
    if len(points) >= _ENOUGH:
        return Branch(encoding, cube, share, cube.share * share, points[:_PLENTY], polytope)

    def allowed(rows: FloatArray) -> BoolArray:
        return encoding.meets_constraints(cube.codes(rows))

    is_whole = polytope is not None and polytope.is_exact and not space.is_conditional
    part = share
    if is_whole and polytope is not None and (ball := polytope.inside()) is not None:
        points = _from_ball(rng, polytope, *ball)
    else:
        violation = Violation(encoding, narrowing, box)
        points, part = tightened_points(
            rng, len(encoding.axes), lambda rows: violation.at(cube.codes(rows))
        )
    points = points[allowed(points)]
    if not len(points):
        found = Dives(space, narrowing).found(rng, box)
        if not found:
            return None
        codes = np.array([encoding.encode(params) for params in found])
        few = cube.points(codes, rng.random(codes.shape))
        several = few[np.arange(_PLENTY) % len(few)]
        points = moved(rng, several, allowed, few, _STEPS_FROM_FEW)
    return Branch(encoding, cube, share, cube.share * (share or part), points, polytope)


def _kept(
    rng: np.random.Generator, encoding: Encoding, box: BoxPoints, draws: int, count: int
) -> tuple[FloatArray, int]:
    """Points of a box that meet the constraints, `count` or more if so many draws find them.

    Returns:
        The points, and how many draws were made.
    """
    kept: list[FloatArray] = []
    made = 0
    while made < draws and sum(map(len, kept)) < count:
        # As few at first as will do where nearly all are feasible.
        size = min(_BLOCK, draws - made, max(2 * count, 64) if not made else _BLOCK)
        points = rng.random((size, len(encoding.axes)))
        made += size
        kept.append(points[encoding.meets_constraints(box.codes(points))])
    return np.concatenate(kept), made


def _from_ball(
    rng: np.random.Generator, polytope: Polytope, middle: FloatArray, radius: float
) -> FloatArray:
    """Points all over a polytope, by chains from a ball in it."""
    directions = rng.standard_normal((_PLENTY, len(middle)))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    points = shape = middle + 0.1 * radius * directions
    for _ in range(_ROUNDS_FROM_BALL):
        # Whatever lies between the ends of a line is in it.
        points = moved(rng, points, polytope.holds, shape, 10 + len(middle), polytope=polytope)
        shape = points
    return points
