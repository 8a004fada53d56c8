"""Feasible points of a cube by tightening: constraints are made to hold little by little.

From points all over the cube, those that violate the constraints least are kept, and Markov chains
from them spread over all that is no worse. That is repeated until nothing is violated. Each round
is as likely as the last, however rare feasible points are in the end; and the points are spread
over all feasible regions, by their volumes.

Sources: S. K. Au and J. L. Beck, Estimation of Small Failure Probabilities in High Dimensions by
Subset Simulation, Probabilistic Engineering Mechanics 16 (2001); P. Del Moral, A. Doucet and
A. Jasra, Sequential Monte Carlo Samplers, JRSS B 68 (2006).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.feasibility.chains import moved

_POINTS, _STEPS, _KEPT = 512, 4, 0.3
# Rounds in all, and in a row without progress.
_ROUNDS, _PATIENCE = 150, 6
# Steps of the points once they are feasible, and for each axis.
_LAST_STEPS, _LAST_STEPS_BY_AXIS = 20, 4


def tightened_points(
    rng: np.random.Generator, axes: int, violation: Callable[[FloatArray], FloatArray]
) -> tuple[FloatArray, float]:
    """Points without violation, shape (512, axes); none where that was not reached.

    Args:
        rng: Where the random numbers come from.
        axes: How many axes the cube has.
        violation: From points to by how much they violate the constraints, 0 where they do not.

    Returns:
        The points, and about which part of the cube is without violation.

    Example:
        ```python
        import numpy as np

        from prefect_tuner.strategies.feasibility.tightening import tightened_points

        rng = np.random.default_rng(0)
        points, part = tightened_points(
            rng, 3, lambda rows: np.maximum(rows.sum(axis=1) - 0.1, 0.0)
        )
        assert len(points) == 512 and points.sum(axis=1).max() <= 0.1
        assert 0.5 < part / (0.1**3 / 6) < 2.0
        ```
    """
    points: FloatArray = rng.random((_POINTS, axes))
    violations = violation(points)
    level, waited, part = np.inf, 0, 1.0
    for _ in range(_ROUNDS):
        reached = float(np.quantile(violations, _KEPT, method="lower"))
        if reached >= level:
            # Where many are equally bad, as with choices, those that are better at all.
            better = violations[violations < level]
            reached = float(better.max()) if len(better) else level
        waited = 0 if reached < level else waited + 1
        if waited > _PATIENCE:
            break
        level = reached
        kept = np.flatnonzero(violations <= level)
        part *= len(kept) / _POINTS
        shape = points[kept]
        points = points[rng.choice(kept, size=_POINTS)]
        if level == 0.0:
            steps = _LAST_STEPS + _LAST_STEPS_BY_AXIS * axes
            return moved(rng, points, lambda rows: violation(rows) == 0.0, shape, steps), part
        points = moved(rng, points, lambda rows: violation(rows) <= level, shape, _STEPS)  # noqa: B023
        violations = violation(points)
    return points[violations == 0.0], part
