"""The constraints that are linear in the values of parameters, as a linear program.

Notation:
    x: the values of the numeric parameters that the rows mention; where values have steps, the
        numbers of the values. Each is scaled to [0, 1] where it is continuous.
    row: a sum of coefficients times x that is at most, or equals, a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from prefect_tuner.search_space.constraint_terms import (
    Arithmetic,
    Both,
    Comparison,
    Inverse,
    Literal,
    Negation,
    Reference,
    Term,
)
from prefect_tuner.search_space.parameters import Categorical, Parameter
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.feasibility.intervals import Interval
from prefect_tuner.strategies.feasibility.narrowing import Narrowing
from prefect_tuner.strategies.feasibility.ranges import Box, index_range

_Sum: TypeAlias = dict[str, Fraction]
"""Coefficients by the name of the parameter; that of the empty name is the constant."""

# By what a row is loosened: more than the solver may be wrong by.
_SLACK = 1e-6
_SECONDS = 1.0


@dataclass(frozen=True)
class LinearRow:
    """A sum of multiples of parameters that must be at most zero, or zero.

    Attributes:
        total: The coefficients by the name of the parameter; that of the empty name is a constant.
        is_equality: Whether it must be zero.
    """

    total: Mapping[str, Fraction]
    is_equality: bool


@dataclass(frozen=True)
class LinearPart:
    """What constraints say of sums of multiples of numeric parameters.

    Attributes:
        rows: What must hold.
        is_all: Whether the constraints say nothing else.
    """

    rows: tuple[LinearRow, ...]
    is_all: bool


@dataclass(frozen=True)
class LinearStart:
    """What a linear program says of a box.

    Attributes:
        is_possible: Whether the linear constraints allow anything at all.
        values: A value for each parameter that they mention, away from the borders; empty where
            none was found.
    """

    is_possible: bool
    values: dict[str, float]


def linear_start(
    rng: np.random.Generator, narrowing: Narrowing, axes: dict[str, Parameter], box: Box
) -> LinearStart:
    """A point that meets the linear constraints, another one for each state of `rng`.

    Args:
        rng: Tells in which direction the point lies.
        narrowing: The constraints.
        axes: The parameters.
        box: Where the point must lie.

    Example:
        ```python
        import numpy as np

        from prefect_tuner import Float, SearchSpace
        from prefect_tuner.strategies.feasibility.linear import linear_start
        from prefect_tuner.strategies.feasibility.narrowing import Narrowing

        ranges = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}
        narrowing = Narrowing(SearchSpace(ranges, constraints=["x + y >= 1.9"]))
        rng = np.random.default_rng(0)
        start = linear_start(rng, narrowing, ranges, narrowing.everything())
        assert start.values["x"] + start.values["y"] > 1.91
        ```
    """
    rows = linear_part(narrowing, axes, box).rows
    names = sorted({name for row in rows for name in row.total if name})
    if not names:
        return LinearStart(True, {})
    return _solved(rng, rows, [(name, axes[name], box[name]) for name in names])


def linear_part(narrowing: Narrowing, axes: Mapping[str, Parameter], box: Box) -> LinearPart:
    """What is linear in the constraints that apply in all of a box.

    Args:
        narrowing: The constraints.
        axes: The parameters.
        box: The box.
    """
    rows: list[LinearRow | None] = []
    for constraint in narrowing.constraints:
        applies = narrowing.applies(constraint, box)
        rows += _rows(constraint.term, True) if applies else [None]
    linear = tuple(
        row
        for row in rows
        if row is not None
        and not any(isinstance(axes[name], Categorical) for name in row.total if name)
    )
    return LinearPart(linear, len(linear) == len(rows))


def _solved(
    rng: np.random.Generator,
    rows: Sequence[LinearRow],
    variables: list[tuple[str, Parameter, Interval | frozenset[int]]],
) -> LinearStart:
    from scipy.optimize import Bounds, LinearConstraint, milp

    offsets, spans, highest, whole = [], [], [], []
    for _, parameter, left in variables:
        assert isinstance(left, Interval) and not isinstance(parameter, Categorical)  # noqa: S101, PT018
        if parameter.cardinality is None:
            offset, span, last = left.low, left.width, 1
        else:
            first, end = index_range(parameter, left)
            offset, span, last = (
                float(parameter.value_at(first)),
                float(parameter.step or 1),
                end - first,
            )
        offsets.append(offset)
        spans.append(span)
        highest.append(last if span else 0)
        whole.append(parameter.cardinality is not None)
    matrix, lower, upper = _matrix(rows, [name for name, _, _ in variables], offsets, spans)
    # The last variable is the distance from all borders, of which there should be much.
    direction = np.append(rng.standard_normal(len(variables)) / (1.0 + np.array(highest)), -10.0)
    result = milp(
        direction,
        constraints=LinearConstraint(matrix, lower, upper),
        bounds=Bounds(np.zeros(len(direction)), np.append(highest, 0.05)),
        integrality=np.append(whole, False),
        options={"time_limit": _SECONDS},
    )
    if result.x is None:
        return LinearStart(result.status != 2, {})
    values = np.array(offsets) + np.array(spans) * result.x[:-1]
    return LinearStart(
        True, {name: float(v) for (name, _, _), v in zip(variables, values, strict=True)}
    )


def _matrix(
    rows: Sequence[LinearRow], names: list[str], offsets: list[float], spans: list[float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The rows as a matrix with the bounds of its products, each of them scaled to about 1."""
    matrix = np.zeros((len(rows), len(names) + 1))
    lower, upper = np.full(len(rows), -np.inf), np.zeros(len(rows))
    for i, row in enumerate(rows):
        values = np.array([float(row.total.get(name, 0)) for name in names])
        constant = float(
            row.total.get("", Fraction(0))
            + sum(row.total.get(n, 0) * Fraction(o) for n, o in zip(names, offsets, strict=True))
        )
        coefficients = values * np.array(spans)
        size = max(float(np.abs(coefficients).max()), 1e-300)
        matrix[i, :-1] = coefficients / size
        upper[i] = -constant / size + _SLACK
        if row.is_equality:
            lower[i] = -constant / size - _SLACK
        else:
            matrix[i, -1] = float(np.linalg.norm(matrix[i, :-1]))
    return matrix, lower, upper


def _rows(term: Term, holds: bool) -> list[LinearRow | None]:
    """The linear rows that must hold for a term to hold, or not to; None for what is not linear."""
    match term:
        case Inverse(part=part):
            return _rows(part, not holds)
        case Both(all_of_them=all_of_them, parts=parts) if all_of_them == holds:
            return [row for part in parts for row in _rows(part, holds)]
        case Comparison() if holds or len(term.rest) == 1:
            return [_row(*pair) for pair in term.pairs(holds)]
    return [None]


def _row(sign: str, left: Term, right: Term) -> LinearRow | None:
    if sign in (">", ">="):
        left, right = right, left
    one, other = linear_sum(left), linear_sum(right)
    if one is None or other is None or sign in ("!=", "in", "not in"):
        return None
    return LinearRow(_added(one, other, Fraction(-1)), sign == "==")


def linear_sum(term: Term) -> _Sum | None:
    """A term as a sum of multiples of parameters, None where it is none.

    Example:
        ```python
        from prefect_tuner import Int
        from prefect_tuner.search_space.constraint import parse_constraint
        from prefect_tuner.strategies.feasibility.linear import linear_sum

        term = parse_constraint("2*(a - b) + 3 == a*b", {"a": Int(0, 9), "b": Int(0, 9)}).term
        assert linear_sum(term.first) == {"a": 2, "b": -2, "": 3}
        assert linear_sum(term.rest[0][1]) is None
        ```
    """
    match term:
        case Literal(content=int() | Fraction() as content) if not isinstance(content, bool):
            return {"": Fraction(content)}
        case Reference(name=name):
            return {name: Fraction(1)}
        case Negation(operand=operand):
            inner = linear_sum(operand)
            return None if inner is None else _added({}, inner, Fraction(-1))
        case Arithmetic(sign=sign, left=left, right=right):
            one, other = linear_sum(left), linear_sum(right)
            if one is not None and other is not None:
                return _combined(sign, one, other)
    return None


def _combined(sign: str, one: _Sum, other: _Sum) -> _Sum | None:
    if sign != "*":
        return _added(one, other, Fraction(1 if sign == "+" else -1))
    if other.keys() <= {""}:
        one, other = other, one
    return _added({}, other, one.get("", Fraction(0))) if one.keys() <= {""} else None


def _added(one: _Sum, other: _Sum, factor: Fraction) -> _Sum:
    total = dict(one)
    for name, coefficient in other.items():
        total[name] = total.get(name, Fraction(0)) + factor * coefficient
    return {name: coefficient for name, coefficient in total.items() if coefficient or not name}
