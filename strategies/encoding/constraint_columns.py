"""The constraints of a search space on many candidates at once.

Notation:
    codes: candidates, shape (m, A), see `encoding`.
    column: the value of a term for every candidate, shape (m,).

Columns are floats, constraints are exact. A comparison whose sides differ by less than what floats
may be wrong by is close, unless both are whole numbers that floats hold exactly, or floats as they
are. Candidates with a close comparison are judged once more, one by one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import final

import numpy as np

from prefect_tuner.hyper_value import HyperValue, Params
from prefect_tuner.search_space.constraint import Constraint, parse_constraint
from prefect_tuner.search_space.constraint_terms import (
    Arithmetic,
    Both,
    Comparison,
    Inverse,
    Literal,
    Negation,
    Reference,
    Term,
    Value,
    equal,
    exact,
)
from prefect_tuner.search_space.parameters import Categorical, Float
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray
from prefect_tuner.strategies.encoding.axis import Axis

_CLOSE = 1e-9
_LARGEST_WHOLE = 2.0**52
_MOST_STEPS = 10_000
_COMPARE: dict[str, Callable[[FloatArray, FloatArray], BoolArray]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
_ARITHMETIC: dict[str, Callable[[FloatArray, FloatArray], FloatArray]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
}


class NoColumn(Exception):
    """A term that has no column of numbers or truths."""


@dataclass(frozen=True)
class Numbers:
    """A column of numbers, and whether all of them are whole."""

    column: FloatArray
    are_whole: bool


@final
class ConstraintColumns:
    """Judges rows of codes by the constraints of a space.

    Args:
        space: The search space.
        axes: The axes of its encoding.
        decode: From a row of codes to the candidate.

    Attributes:
        constraints: The constraints.
    """

    def __init__(
        self, space: SearchSpace, axes: tuple[Axis, ...], decode: Callable[[FloatArray], Params]
    ) -> None:
        self._space = space
        self._axes = {axis.name: (j, axis) for j, axis in enumerate(axes)}
        self._decode = decode
        self.constraints = [parse_constraint(text, space) for text in space.constraints]

    def are_met(self, codes: FloatArray) -> BoolArray:
        """Which candidates meet all constraints, shape (m,)."""
        met = np.ones(len(codes), dtype=bool)
        is_open = np.zeros(len(codes), dtype=bool)
        for constraint in self.constraints:
            try:
                off = self.is_off(constraint, codes)
                evaluation = self.evaluation(codes)
                with np.errstate(over="ignore", invalid="ignore"):
                    holds = evaluation.truth(constraint.term)
            except NoColumn:
                is_open[:] = True
            else:
                is_close = evaluation.is_close & ~off
                met &= holds | off | is_close
                is_open |= is_close
        for row in np.flatnonzero(met & is_open):
            met[row] = self._space.meets_constraints(self._decode(codes[row]))
        return met

    def evaluation(self, codes: FloatArray) -> Evaluation:
        """What terms come to in some rows of codes."""
        return Evaluation(self._space, self._axes, codes)

    def is_off(self, constraint: Constraint, codes: FloatArray) -> BoolArray:
        """Where a parameter that a constraint mentions is not active, shape (m,).

        Raises:
            NoColumn: Codes do not tell.
        """
        off = np.zeros(len(codes), dtype=bool)
        for name in constraint.names:
            if name in self._axes:
                off |= np.isnan(codes[:, self._axes[name][0]])
            elif self._space[name].when:
                raise NoColumn
        return off


class Evaluation:
    """The columns of terms for some rows of codes."""

    def __init__(
        self, space: SearchSpace, axes: dict[str, tuple[int, Axis]], codes: FloatArray
    ) -> None:
        self._space = space
        self._axes = axes
        self._codes = codes
        self.is_close: BoolArray = np.zeros(len(codes), dtype=bool)

    def truth(self, term: Term) -> BoolArray:
        """The column of a term that is true or false.

        Raises:
            NoColumn: Floats cannot hold what it says.
        """
        match term:
            case Literal(content=bool(content)):
                return np.full(len(self._codes), content)
            case Reference(name=name):
                return self._looked_up(name, lambda value: value is True)
            case Inverse(part=part):
                return ~self.truth(part)
            case Both(all_of_them=all_of_them, parts=parts):
                columns = np.stack([self.truth(part) for part in parts])
                return np.asarray(columns.all(axis=0) if all_of_them else columns.any(axis=0))
            case Comparison(first=first, rest=rest):
                holds = np.ones(len(self._codes), dtype=bool)
                left = first
                for sign, right in rest:
                    holds &= self._compared(sign, left, right)
                    left = right
                return holds
        raise NoColumn

    def _compared(self, sign: str, left: Term, right: Term) -> BoolArray:
        if sign in ("in", "not in"):
            if not isinstance(right, Literal) or not isinstance(right.content, tuple):
                raise NoColumn
            among = [self._compared("==", left, Literal(each)) for each in right.content]
            is_in = np.asarray(np.stack(among).any(axis=0))
            return is_in if sign == "in" else ~is_in
        if sign in ("==", "!="):
            for one, other in ((left, right), (right, left)):
                if isinstance(one, Reference) and isinstance(other, Literal):
                    content = other.content
                    if isinstance(self._space[one.name], Categorical):
                        is_equal = self._looked_up(one.name, lambda v: equal(exact(v), content))  # noqa: B023
                        return is_equal if sign == "==" else ~is_equal
            if not (self.is_number(left) and self.is_number(right)):
                raise NoColumn
        a, b = self.numbers(left), self.numbers(right)
        sizes = np.abs(a.column) + np.abs(b.column)
        close = ~(np.abs(a.column - b.column) > _CLOSE * sizes)
        if a.are_whole and b.are_whole:
            close &= sizes > _LARGEST_WHOLE
        elif self._is_plain(left) and self._is_plain(right):
            close[:] = False
        self.is_close |= close
        return np.asarray(_COMPARE[sign](a.column, b.column))

    def numbers(self, term: Term) -> Numbers:
        """The column of a term that is a number.

        Raises:
            NoColumn: Floats cannot hold it, or it is no number.
        """
        match term:
            case Literal(content=content):
                return Numbers(np.full(len(self._codes), _float(content)), _is_whole(content))
            case Negation(operand=operand):
                inner = self.numbers(operand)
                return Numbers(-inner.column, inner.are_whole)
            case Arithmetic(sign=sign, left=left, right=right):
                a, b = self.numbers(left), self.numbers(right)
                column = _ARITHMETIC[sign](a.column, b.column)
                are_whole = a.are_whole and b.are_whole
                lost = _is_lost(sign, a.column, b.column, column)
                self.is_close |= lost & (np.abs(column) > _LARGEST_WHOLE) if are_whole else lost
                return Numbers(column, are_whole)
            case Reference(name=name):
                return self._referred(name)
        raise NoColumn

    def _referred(self, name: str) -> Numbers:
        parameter = self._space[name]
        if isinstance(parameter, Categorical) or name not in self._axes:
            count = parameter.cardinality or 1
            values = [exact(parameter.value_at(index)) for index in range(count)]
            # The parser lets no number be asked of a choice that is none, in a part that decides.
            values = [value if _is_number(value) else 0 for value in values]
            numbers = np.array([_float(value) for value in values])
            return Numbers(numbers[self._indices(name)], all(map(_is_whole, values)))
        j, axis = self._axes[name]
        if axis.named or (parameter.type == "float" and (axis.count or 0) > _MOST_STEPS):
            raise NoColumn
        return Numbers(axis.numbers(self._codes[:, j]), parameter.type == "int")

    def is_number(self, term: Term) -> bool:
        """Whether a term is a number in every candidate."""
        if not isinstance(term, Reference):
            return True
        parameter = self._space[term.name]
        return not isinstance(parameter, Categorical) or all(map(_is_number, parameter.choices))

    def _is_plain(self, term: Term) -> bool:
        """Whether the column of a term has its floats themselves, in the order of their decimals.

        Those of a continuous axis are computed as the values of its parameter are.
        """
        if isinstance(term, Literal):
            return True
        if not isinstance(term, Reference) or term.name not in self._axes:
            return False
        parameter = self._space[term.name]
        return isinstance(parameter, Float) and parameter.step is None and not parameter.log

    def _looked_up(self, name: str, says: Callable[[HyperValue], bool]) -> BoolArray:
        """What is said of a choice, for each row; of one that is not active, anything."""
        parameter = self._space[name]
        if not isinstance(parameter, Categorical):
            raise NoColumn
        return np.array([says(choice) for choice in parameter.choices])[self._indices(name)]

    def _indices(self, name: str) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
        if name not in self._axes:
            return np.zeros(len(self._codes), dtype=np.intp)
        j, axis = self._axes[name]
        return np.nan_to_num(axis.keys(self._codes[:, j])).astype(np.intp)


def _is_number(value: Value | HyperValue) -> bool:
    return isinstance(value, int | float | Fraction) and not isinstance(value, bool)


def _float(value: Value) -> float:
    if not isinstance(value, int | Fraction) or isinstance(value, bool):
        raise NoColumn
    try:
        return float(value)
    except OverflowError:
        raise NoColumn from None


def _is_whole(value: Value) -> bool:
    return isinstance(value, int)


def _is_lost(sign: str, a: FloatArray, b: FloatArray, result: FloatArray) -> BoolArray:
    """Where digits are gone: of a sum much smaller than its parts, of a product out of range."""
    larger = np.maximum(np.abs(a), np.abs(b))
    if sign == "*":
        is_lost = ~(np.abs(result) < 1e300) | ((result == 0.0) & (a != 0.0) & (b != 0.0))
    else:
        is_lost = ~(np.abs(result) > 1e-6 * larger) & (larger > 0.0)
    return np.asarray(is_lost)
