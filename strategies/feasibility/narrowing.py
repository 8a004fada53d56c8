"""What constraints leave of the ranges of parameters, as far as each of them tells alone.

Notation:
    box: for each parameter the numbers from a lowest to a highest, or the numbers of the choices,
        that it may still have.

A constraint is a tree of terms. Upwards go the intervals of their values, downwards what each must
be for the whole to hold; where a parameter is met, its range is cut. All constraints are asked
again until nothing changes. Of several alternatives, each is followed on its own, and what at least
one of them leaves is left. Whatever is cut off is infeasible for certain; what is left need not be
feasible.

Source: F. Benhamou, F. Goualard, L. Granvilliers and J.-F. Puget, Revising Hull and Box
Consistency, ICLP 1999, the algorithm HC4.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import final

from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.search_space.condition_graph import conditions_of
from prefect_tuner.search_space.constraint import Constraint, parse_constraint
from prefect_tuner.search_space.constraint_terms import (
    Both,
    Comparison,
    Inverse,
    Literal,
    Reference,
    Term,
    equal,
    exact,
)
from prefect_tuner.search_space.parameters import Categorical, Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.feasibility.intervals import Interval
from prefect_tuner.strategies.feasibility.ranges import Box, Infeasible, NotNumeric, Ranges

# Times that all constraints are asked, and how much of a range must go for it to go on.
_ROUNDS, _PROGRESS = 30, 0.02
# Pairs of choices that are compared.
_MOST_PAIRS = 20_000


@final
class Narrowing:
    """Cuts boxes to what the constraints of a space may leave of them.

    Args:
        space: The space.
        axes: For each name a parameter with the values to look at; by default those of the space.

    Example:
        ```python
        from prefect_tuner import Float, SearchSpace
        from prefect_tuner.strategies.feasibility.narrowing import Narrowing

        ranges = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}
        narrowing = Narrowing(SearchSpace(ranges, constraints=["x + y <= 0.25"]))
        box = narrowing.narrowed(narrowing.everything())
        assert 0.25 <= box["x"].high < 0.2501
        ```
    """

    def __init__(self, space: SearchSpace, axes: Mapping[str, Parameter] | None = None) -> None:
        self._axes: Mapping[str, Parameter] = space if axes is None else axes
        self._ranges = Ranges(self._axes)
        self._order = space.order
        self._conditions = conditions_of(space)
        self.constraints: list[Constraint] = [parse_constraint(t, space) for t in space.constraints]

    def everything(self) -> Box:
        """The box of the whole space."""
        return {
            name: frozenset(range(parameter.cardinality))
            if isinstance(parameter, Categorical)
            else Interval(float(parameter.low), float(parameter.high))
            for name, parameter in self._axes.items()
        }

    def narrowed(self, box: Mapping[str, Interval | frozenset[int]]) -> Box:
        """The box without what infeasible candidates alone have.

        A constraint is asked where all parameters that it mentions are active for certain.

        Raises:
            Infeasible: Nothing in the box meets the constraints.
        """
        box = dict(box)
        for _ in range(_ROUNDS):
            before = dict(box)
            active = self._surely_active(box)
            for constraint in self.constraints:
                if constraint.names <= active:
                    self._require(constraint.term, True, box)
            if not any(_has_shrunk(before[name], box[name]) for name in box):
                break
        return box

    def applies(self, constraint: Constraint, box: Box) -> bool:
        """Whether all parameters that a constraint mentions are active in all of a box."""
        return constraint.names <= self._surely_active(box)

    def range_of(self, term: Term, box: Box) -> Interval | None:
        """Between which numbers a term is in a box; None where it need not be a number."""
        try:
            return self._ranges.of(term, box)
        except NotNumeric:
            return None

    def fixed(self, box: Box, name: str, value: HyperValue) -> Box:
        """A box in which a parameter has one of its values; nothing is narrowed yet."""
        parameter = self._axes[name]
        if isinstance(parameter, Categorical):
            return {**box, name: frozenset([parameter.index_of(value)])}
        return {**box, name: Interval(float(value), float(value))}  # type: ignore[arg-type]

    def split(self, box: Box, name: str) -> list[Box]:
        """A box by the values of a parameter, one in each part; the box itself if it has many."""
        left = box[name]
        if isinstance(left, frozenset):
            return [{**box, name: frozenset([index])} for index in sorted(left)]
        values = self._ranges.values(name, left)
        if values is None:
            return [box]
        return [{**box, name: Interval(float(v), float(v))} for v in values]  # type: ignore[arg-type]

    def _surely_active(self, box: Box) -> set[str]:
        active: set[str] = set()
        for name in self._order:
            when = self._conditions.get(name)
            if when is None or all(
                parent in active
                and (values := self._ranges.values(parent, box[parent])) is not None
                and all(when.allow(parent, value) for value in values)
                for parent in when
            ):
                active.add(name)
        return active

    def _require(self, term: Term, holds: bool, box: Box) -> None:
        """Cut off where a truth is not what it must be."""
        match term:
            case Literal(content=content) if content is not holds:
                raise Infeasible
            case Reference(name=name):
                self._ranges.keep(name, lambda choice: (choice is True) == holds, box)
            case Inverse(part=part):
                self._require(part, not holds, box)
            case Both(all_of_them=all_of_them, parts=parts):
                if all_of_them == holds:
                    for part in parts:
                        self._require(part, holds, box)
                else:
                    self._any([partial(self._require, part, holds) for part in parts], box)
            case Comparison():
                pairs = term.pairs(holds)
                if holds:
                    for pair in pairs:
                        self._compare(*pair, box)
                else:
                    self._any([partial(self._compare, *pair) for pair in pairs], box)

    def _any(self, alternatives: list[Callable[[Box], None]], box: Box) -> None:
        """Keep what at least one alternative leaves."""
        if len(alternatives) == 1:
            alternatives[0](box)
            return
        left: list[Box] = []
        for alternative in alternatives:
            each = dict(box)
            try:
                alternative(each)
            except Infeasible:
                continue
            left.append(each)
        if not left:
            raise Infeasible
        for name in box:
            hull = left[0][name]
            for each in left[1:]:
                hull = hull | each[name]  # type: ignore[operator]
            box[name] = hull

    def _compare(self, sign: str, left: Term, right: Term, box: Box) -> None:
        if sign in ("in", "not in") and isinstance(right, Literal):
            contents = right.content if isinstance(right.content, tuple) else ()
            pairs = [("==" if sign == "in" else "!=", left, Literal(each)) for each in contents]
            if sign == "not in":
                for pair in pairs:
                    self._compare(*pair, box)
            else:
                self._any([partial(self._compare, *pair) for pair in pairs], box)
        elif sign in ("==", "!=") and self._compare_choices(sign == "==", left, right, box):
            pass
        else:
            try:
                self._compare_numbers(sign, left, right, box)
            except NotNumeric:
                return

    def _compare_choices(self, is_equal: bool, left: Term, right: Term, box: Box) -> bool:
        """Cut by what a choice must equal; False where it is not about choices."""
        for one, other in ((left, right), (right, left)):
            if not isinstance(one, Reference) or not isinstance(box[one.name], frozenset):
                continue
            if isinstance(other, Literal):
                content = other.content
                self._ranges.keep(one.name, lambda v: equal(exact(v), content) == is_equal, box)  # noqa: B023
                return True
            if isinstance(other, Reference) and isinstance(box[other.name], frozenset):
                self._compare_two_choices(is_equal, one.name, other.name, box)
                return True
        return False

    def _compare_two_choices(self, is_equal: bool, one: str, other: str, box: Box) -> None:
        for first, second in ((one, other), (other, one)):
            theirs = [exact(value) for value in self._ranges.values(second, box[second]) or []]
            count = len(box[first]) if isinstance(box[first], frozenset) else 0  # type: ignore[arg-type]
            if len(theirs) * count > _MOST_PAIRS:
                return
            self._ranges.keep(
                first,
                lambda v: any(equal(exact(v), each) == is_equal for each in theirs),  # noqa: B023
                box,
            )

    def _compare_numbers(self, sign: str, left: Term, right: Term, box: Box) -> None:
        one, other = self._ranges.of(left, box), self._ranges.of(right, box)
        gap = 1.0 if self._ranges.is_whole(left) and self._ranges.is_whole(right) else 0.0
        if sign == "!=":
            self._differ(left, right, box)
            return
        if sign in (">", ">="):
            left, right, one, other = right, left, other, one
        gap *= sign in ("<", ">")
        self._ranges.limit(left, Interval(-math.inf, other.high - gap), box)
        self._ranges.limit(right, Interval(one.low + gap, math.inf), box)
        if sign == "==":
            self._ranges.limit(left, Interval(other.low, math.inf), box)
            self._ranges.limit(right, Interval(-math.inf, one.high), box)

    def _differ(self, left: Term, right: Term, box: Box) -> None:
        """Cut a number's end off where it must not be that."""
        for one, other in ((left, right), (right, left)):
            if not (isinstance(one, Reference) and isinstance(other, Literal)):
                continue
            parameter, left_of = self._axes[one.name], box[one.name]
            values = self._ranges.values(one.name, left_of)
            if values is None or isinstance(parameter, Categorical):
                continue
            kept = [value for value in values if not equal(exact(value), other.content)]
            if not kept:
                raise Infeasible
            box[one.name] = Interval(float(min(kept)), float(max(kept)))  # type: ignore[type-var, arg-type]


def _has_shrunk(before: Interval | frozenset[int], after: Interval | frozenset[int]) -> bool:
    if isinstance(before, Interval) and isinstance(after, Interval):
        return after.width < (1.0 - _PROGRESS) * before.width
    return before != after
