"""The numbers that terms of constraints may come to in a box, and what that leaves of the box.

Notation:
    box: for each parameter the numbers from a lowest to a highest, or the numbers of the choices,
        that it may still have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeAlias, final

from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.search_space.constraint_terms import (
    Arithmetic,
    Literal,
    Negation,
    Reference,
    Term,
)
from prefect_tuner.search_space.parameters import Categorical, Parameter
from prefect_tuner.strategies.feasibility.intervals import EVERYTHING, Interval, enclosing

Box: TypeAlias = dict[str, Interval | frozenset[int]]

# Values of a number that are listed.
_MOST_VALUES = 1_000


class Infeasible(Exception):
    """Nothing in a box meets the constraints."""


class NotNumeric(Exception):
    """A term that need not be a number."""


@final
class Ranges:
    """Tells the ranges of terms, and cuts those of parameters.

    Args:
        axes: The values of each parameter.
    """

    def __init__(self, axes: Mapping[str, Parameter]) -> None:
        self._axes = axes

    def values(self, name: str, left: Interval | frozenset[int]) -> list[HyperValue] | None:
        """The values of a parameter in a box; None where they are too many."""
        parameter = self._axes[name]
        if isinstance(left, frozenset):
            return [parameter.value_at(index) for index in left]
        assert not isinstance(parameter, Categorical)  # noqa: S101 - a number has an interval
        first, last = index_range(parameter, left)
        if parameter.cardinality is None or last - first >= _MOST_VALUES:
            return None
        return [parameter.value_at(index) for index in range(first, last + 1)]

    def keep(self, name: str, says: Callable[[HyperValue], bool], box: Box) -> None:
        """Cut off the choices of which it is not said."""
        parameter, left = self._axes[name], box[name]
        if isinstance(left, frozenset):
            box[name] = frozenset(i for i in left if says(parameter.value_at(i)))
            if not box[name]:
                raise Infeasible

    def limit(self, term: Term, limits: Interval, box: Box) -> None:
        """Cut off where a number is outside of some limits.

        Raises:
            Infeasible: It is outside everywhere.
        """
        match term:
            case Reference(name=name):
                self._limit_parameter(name, limits, box)
            case Negation(operand=operand):
                self.limit(operand, -limits, box)
            case Arithmetic(sign=sign, left=left, right=right):
                one, other = self.of(left, box), self.of(right, box)
                if sign == "+":
                    self.limit(left, limits - other, box)
                    self.limit(right, limits - one, box)
                elif sign == "-":
                    self.limit(left, limits + other, box)
                    self.limit(right, one - limits, box)
                elif left == right:
                    root = math.sqrt(max(limits.high, 0.0))
                    self.limit(left, enclosing(-root, root), box)
                    if limits.high < 0.0:
                        raise Infeasible
                else:
                    self.limit(left, _factor(limits, other), box)
                    self.limit(right, _factor(limits, one), box)
            case _:
                if (self.of(term, box) & limits).is_empty:
                    raise Infeasible

    def _limit_parameter(self, name: str, limits: Interval, box: Box) -> None:
        limits = enclosing(limits.low, limits.high)
        parameter, left = self._axes[name], box[name]
        if isinstance(left, frozenset):
            self.keep(name, lambda value: _is_within(value, limits), box)
            return
        assert not isinstance(parameter, Categorical)  # noqa: S101 - a number has an interval
        cut = left & limits
        if cut.is_empty:
            raise Infeasible
        if parameter.cardinality is not None:
            first, last = index_range(parameter, cut)
            if first > last:
                raise Infeasible
            cut = Interval(float(parameter.value_at(first)), float(parameter.value_at(last)))
        box[name] = cut

    def of(self, term: Term, box: Box) -> Interval:
        """Between which numbers a term is in a box.

        Raises:
            NotNumeric: It need not be a number.
        """
        match term:
            case Literal(content=int() | Fraction() as content) if not isinstance(content, bool):
                return enclosing(content, content)
            case Negation(operand=operand):
                return -self.of(operand, box)
            case Arithmetic(sign=sign, left=left, right=right):
                one, other = self.of(left, box), self.of(right, box)
                if sign == "*":
                    return one.squared() if left == right else one * other
                return one + other if sign == "+" else one - other
            case Reference(name=name):
                left_of = box[name]
                if isinstance(left_of, Interval):
                    return enclosing(left_of.low, left_of.high)
                values = [self._axes[name].value_at(index) for index in left_of]
                numbers = [value for value in values if _is_number(value)]
                if numbers:
                    return enclosing(min(numbers), max(numbers))  # type: ignore[type-var, arg-type]
        raise NotNumeric

    def is_whole(self, term: Term) -> bool:
        """Whether a term is a whole number for certain."""
        match term:
            case Literal(content=content):
                return isinstance(content, int) and not isinstance(content, bool)
            case Negation(operand=operand):
                return self.is_whole(operand)
            case Arithmetic(left=left, right=right):
                return self.is_whole(left) and self.is_whole(right)
            case Reference(name=name):
                return self._axes[name].type == "int"
        return False


def index_range(parameter: Parameter, left: Interval) -> tuple[int, int]:
    """The first and the last number of the values of a discrete parameter in an interval.

    A value that is outside by what floats may be wrong by counts as inside.
    """
    assert not isinstance(parameter, Categorical)  # noqa: S101 - a number has an interval
    if parameter.cardinality in (None, 1):
        return 0, 0
    step = float(parameter.step or 1)
    last = (parameter.cardinality or 1) - 1
    low, high = (left.low - parameter.low) / step, (left.high - parameter.low) / step
    slack = 1e-9 + 1e-15 * (abs(parameter.low) + abs(parameter.high)) / step
    return max(math.ceil(low - slack), 0), min(math.floor(high + slack), last)


def _factor(product: Interval, other: Interval) -> Interval:
    """What one factor may be, by the product and the other factor."""
    if other.low <= 0.0 <= other.high:
        is_positive = other.low >= -1e-322 and other.high > 0.0 and product.low > 0.0
        return Interval(product.low / other.high, math.inf) if is_positive else EVERYTHING
    return product / other


def _is_within(value: HyperValue, limits: Interval) -> bool:
    """Whether a choice is within; what is no number has been told apart by the constraint."""
    return not _is_number(value) or limits.low <= value <= limits.high  # type: ignore[operator]


def _is_number(value: HyperValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
