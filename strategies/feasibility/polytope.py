"""The part of a cube that linear constraints leave: where lines end, and a point inside.

Notation:
    points: rows of [0, 1]**A, see `box_points`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from prefect_tuner.search_space.parameters import Categorical
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray
from prefect_tuner.strategies.encoding.axis import Axis
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.feasibility.box_points import BoxPoints
from prefect_tuner.strategies.feasibility.linear import LinearPart, LinearRow

# What is allowed exactly must not be cut off by rounding.
_SLACK = 1e-12


@dataclass(frozen=True)
class Polytope:
    """All points of a cube whose products with the rows of a matrix are at most some bounds.

    Attributes:
        matrix: One row for each constraint, each of length 1, shape (r, A).
        bounds: The bounds, shape (r,).
        is_exact: Whether points are in it just where they are allowed.

    Example:
        ```python
        import numpy as np

        from prefect_tuner.strategies.feasibility.polytope import Polytope

        triangle = Polytope(np.ones((1, 2)), np.array([0.5]), is_exact=True)
        middle, radius = triangle.inside()
        assert np.allclose(middle, radius) and middle.sum() < 0.5
        ends = triangle.cut(middle[None], np.array([[1.0, 0.0]]), np.array([-9.0]), np.array([9.0]))
        assert ends[0] == -9.0 and middle.sum() + ends[1][0] >= 0.5
        ```
    """

    matrix: FloatArray
    bounds: FloatArray
    is_exact: bool

    def holds(self, points: FloatArray) -> BoolArray:
        """Which points are in it, shape (m,)."""
        return np.asarray((points @ self.matrix.T <= self.bounds).all(axis=1))

    def cut(
        self, points: FloatArray, directions: FloatArray, first: FloatArray, last: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """From which to which multiple of its direction each line is in the polytope.

        Args:
            points: Points in it, shape (m, A).
            directions: The directions, shape (m, A).
            first: Where the lines begin without it, shape (m,).
            last: Where they end, shape (m,).
        """
        slopes = directions @ self.matrix.T
        room = self.bounds - points @ self.matrix.T + _SLACK
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = room / slopes
        lower = np.where(slopes < 0.0, ends, -np.inf).max(axis=1)
        upper = np.where(slopes > 0.0, ends, np.inf).min(axis=1)
        return np.minimum(np.maximum(first, lower), 0.0), np.maximum(np.minimum(last, upper), 0.0)

    def inside(self) -> tuple[FloatArray, float] | None:
        """The middle and the radius of the largest ball that fits in, None if none does."""
        from scipy.optimize import linprog

        axes = self.matrix.shape[1]
        walls = np.concatenate([np.eye(axes), -np.eye(axes)])
        matrix = np.concatenate([self.matrix, walls])
        bounds = np.concatenate([self.bounds, np.ones(axes), np.zeros(axes)])
        matrix = np.column_stack([matrix, np.ones(len(matrix))])
        result = linprog(
            np.append(np.zeros(axes), -1.0),
            A_ub=matrix,
            b_ub=bounds,
            bounds=[(0.0, 1.0)] * axes + [(0.0, 0.5)],
        )
        # Below that, the solver may be wrong.
        if result.x is None or result.x[-1] < 1e-6:
            return None
        return result.x[:-1], float(result.x[-1])


def polytope_of(
    part: LinearPart, space: SearchSpace, encoding: Encoding, box: BoxPoints
) -> Polytope | None:
    """The polytope in which the linear constraints hold; None where they mention other parameters.

    Of values with steps it is larger by a step, as all points of a value's share stand for it.

    Args:
        part: The linear constraints.
        space: The space.
        encoding: Its encoding.
        box: The box whose points are meant.
    """
    only = {
        name: parameter.low
        for name, parameter in space.items()
        if parameter.cardinality == 1 and not isinstance(parameter, Categorical)
    }
    rows = [each for row in part.rows for each in _scaled(row, only, encoding, box)]
    if not rows:
        return None
    matrix = np.array([row for row, _, _ in rows])
    bounds = np.array([bound for _, bound, _ in rows])
    is_exact = part.is_all and all(is_exact for _, _, is_exact in rows)
    return Polytope(matrix, bounds, is_exact)


def _scaled(
    row: LinearRow, only: Mapping[str, float], encoding: Encoding, box: BoxPoints
) -> list[tuple[FloatArray, float, bool]]:
    """A row in coordinates of points, twice for an equality; none where it is not linear there."""
    places = {axis.name: j for j, axis in enumerate(encoding.axes)}
    coefficients = np.zeros(len(encoding.axes))
    constant, blur = row.total.get("", Fraction(0)), 0.0
    for name, factor in row.total.items():
        if not name:
            continue
        if name not in places:
            constant += factor * Fraction(only[name])
            continue
        j = places[name]
        line = _line(encoding.axes[j])
        if line is None:
            return []
        offset, length, step = line
        low, span = box.units(j)
        constant += factor * (Fraction(offset) + Fraction(low) * Fraction(length))
        coefficients[j] = float(factor) * length * span
        blur += abs(float(factor)) * step
    size = float(np.linalg.norm(coefficients))
    if not 0.0 < size < np.inf:
        return []
    is_exact = blur == 0.0 and not row.is_equality
    bound = (blur - float(constant)) / size
    rows = [(coefficients / size, bound, is_exact)]
    if row.is_equality:
        rows.append((-coefficients / size, (blur + float(constant)) / size, False))
    return rows


def _line(axis: Axis) -> tuple[float, float, float] | None:
    """The value at the beginning of an axis, its length, and its step; None if it is no line."""
    parameter = axis.parameter
    if isinstance(parameter, Categorical) or parameter.log or axis.is_conditional:
        return None
    low, high = float(parameter.low), float(parameter.high)
    if axis.count is None:
        return low, high - low, 0.0
    step = float(parameter.step or 1)
    return low, step * axis.count, step
