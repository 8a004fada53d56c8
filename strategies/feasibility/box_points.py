"""A box as the unit cube: where Markov chains move, and points are drawn.

Notation:
    A: axes of the encoding. codes: candidates, shape (m, A), see `encoding`.
    points: rows of [0, 1]**A. Each value in the box has its share of an axis, as it has in the
        whole space: points that are uniform stand for candidates of the box that are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from prefect_tuner.search_space.parameters import Categorical
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray
from prefect_tuner.strategies.encoding.axis import Axis
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.feasibility.intervals import Interval
from prefect_tuner.strategies.feasibility.ranges import Box, index_range


@dataclass(frozen=True)
class _Share:
    """Which part of an axis belongs to a box: from a place to a place, or the codes of choices."""

    low: float = 0.0
    high: float = 1.0
    choices: FloatArray | None = None


@final
class BoxPoints:
    """The way from points to the candidates of a box, and back.

    Args:
        encoding: The encoding of the space.
        box: A box.

    Attributes:
        share: How much of the space belongs to the box.

    Example:
        ```python
        import numpy as np

        from prefect_tuner import Float, SearchSpace
        from prefect_tuner.strategies.encoding.encoding import Encoding
        from prefect_tuner.strategies.feasibility.box_points import BoxPoints
        from prefect_tuner.strategies.feasibility.intervals import Interval

        encoding = Encoding(SearchSpace({"x": Float(0.0, 2.0)}))
        points = BoxPoints(encoding, {"x": Interval(1.0, 2.0)})
        assert abs(points.share - 0.5) < 1e-12
        assert abs(points.codes(np.array([[0.5]]))[0, 0] - 0.75) < 1e-12
        ```
    """

    def __init__(self, encoding: Encoding, box: Box) -> None:
        self._encoding = encoding
        self._shares = [_share(axis, box[axis.name]) for axis in encoding.axes]
        parts = [
            share.high - share.low if share.choices is None else len(share.choices) / axis.count  # type: ignore[operator]
            for share, axis in zip(self._shares, encoding.axes, strict=True)
        ]
        self.share = float(np.prod(parts))
        self._low = np.array([share.low for share in self._shares])
        self._span = np.array([share.high for share in self._shares]) - self._low
        self._choices = [
            (j, s.choices) for j, s in enumerate(self._shares) if s.choices is not None
        ]

    def units(self, j: int) -> tuple[float, float]:
        """Where on axis `j`, from 0 to 1, the box begins, and how much of it it has."""
        return float(self._low[j]), float(self._span[j])

    def holds(self, codes: FloatArray) -> BoolArray:
        """Which candidates are in the box, shape (m,)."""
        slack = 1e-9 * (1.0 + self._span)
        within = (codes >= self._low - slack) & (codes <= self._low + self._span + slack)
        for j, choices in self._choices:
            within[:, j] = np.isin(codes[:, j], choices)
        return np.asarray((within | np.isnan(codes)).all(axis=1))

    def codes(self, points: FloatArray) -> FloatArray:
        """The candidates at some points, shape (m, A)."""
        units = self._low + points * self._span
        codes = self._encoding.all_from_unit_cube(units)
        for j, choices in self._choices:
            places = np.minimum(points[:, j] * len(choices), len(choices) - 1.0)
            codes[:, j] = choices[places.astype(np.intp)]
        return self._encoding.masked(codes)

    def points(self, codes: FloatArray, others: FloatArray) -> FloatArray:
        """Points that stand for some candidates of the box, shape (m, A).

        Args:
            codes: The candidates.
            others: Points of the same shape, for what is not active.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            points = np.where(self._span > 0.0, (codes - self._low) / self._span, 0.5)
        for j, choices in self._choices:
            known = np.nan_to_num(codes[:, j])
            place = np.minimum(np.searchsorted(choices, known - 1e-9), len(choices) - 1)
            points[:, j] = (place + 0.5) / len(choices)
        return np.where(np.isnan(codes), others, np.clip(points, 0.0, 1.0))


def _share(axis: Axis, left: Interval | frozenset[int]) -> _Share:
    parameter = axis.parameter
    if isinstance(left, frozenset):
        return _Share(choices=axis.all_codes()[sorted(left)])
    assert not isinstance(parameter, Categorical)  # noqa: S101 - a number has an interval
    if axis.count is None:
        # The codes of the ends are rounded: whatever is inside must not be outside.
        low, high = axis.code_of(left.low), axis.code_of(left.high)
        slack = 4.0 * np.finfo(float).eps
        return _Share(max(low * (1 - slack), 0.0), min(high * (1 + slack), 1.0))
    first, last = index_range(parameter, left)
    if axis.log_scale is None:
        return _Share(first / axis.count, (last + 1) / axis.count)
    ends = np.array([axis.log_scale.first + first - 0.5, axis.log_scale.first + last + 0.5])
    low, high = axis.log_scale.codes(ends).tolist()
    return _Share(max(low, 0.0), min(high, 1.0))
