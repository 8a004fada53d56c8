"""What a constraint is made of: terms that tell their value for given params.

```
Term        Literal, Reference, Negation, Arithmetic    a number, a text, a list, None, ...
Condition   Comparison, Both, Inverse                   a truth
```

Numbers are exact: a float stands for the decimal number that it is written as, so that
`a + b <= 0.3` holds for 0.1 and 0.2. `True` is no number, and equals none, in lists and dicts too.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from prefect_tuner.hyper_value import HyperValue

Value: TypeAlias = (
    int | Fraction | str | bool | list["Value"] | dict[str, "Value"] | tuple["Value", ...] | None
)
"""What a term comes to; a tuple is the right side of `in`."""

_ORDER: dict[str, Callable[[int | Fraction, int | Fraction], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_OPPOSITE = {
    "<": ">=",
    "<=": ">",
    ">": "<=",
    ">=": "<",
    "==": "!=",
    "!=": "==",
    "in": "not in",
    "not in": "in",
}
_ARITHMETIC: dict[str, Callable[[int | Fraction, int | Fraction], int | Fraction]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}


def exact(value: HyperValue) -> Value:
    """A value as it takes part in a constraint."""
    if isinstance(value, float):
        return Fraction(repr(value))
    if isinstance(value, list):
        return [exact(inner) for inner in value]
    if isinstance(value, dict):
        return {name: exact(inner) for name, inner in value.items()}
    return value


def equal(one: Value, other: Value) -> bool:
    """Whether two values are the same; numbers of different types may be, a truth is no number."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(equal(one[name], other[name]) for name in one)
    return isinstance(one, bool) == isinstance(other, bool) and one == other


@dataclass(frozen=True)
class Literal:
    """A value as written, or the values on the right side of `in`."""

    content: Value

    def value(self, params: Mapping[str, HyperValue]) -> Value:  # noqa: ARG002 - it has none
        """What is written."""
        return self.content


@dataclass(frozen=True)
class Reference:
    """The value of a parameter."""

    name: str

    def value(self, params: Mapping[str, HyperValue]) -> Value:
        """The parameter's value."""
        return exact(params[self.name])


@dataclass(frozen=True)
class Negation:
    """The negative of a number."""

    operand: Term

    def value(self, params: Mapping[str, HyperValue]) -> Value:
        """The negative."""
        return -_number(self.operand.value(params))


@dataclass(frozen=True)
class Arithmetic:
    """A sum, a difference or a product."""

    sign: str
    left: Term
    right: Term

    def value(self, params: Mapping[str, HyperValue]) -> Value:
        """The result."""
        left, right = self.left.value(params), self.right.value(params)
        return _ARITHMETIC[self.sign](_number(left), _number(right))


@dataclass(frozen=True)
class Comparison:
    """Two terms or more, each compared with the next: `0 < a <= b`."""

    first: Term
    rest: tuple[tuple[str, Term], ...]

    def pairs(self, holds: bool) -> list[tuple[str, Term, Term]]:
        """The sign and the two sides of each comparison: all hold where the whole does.

        Where the whole is not to hold, the opposite comparisons, of which at least one holds then.

        Example:
            ```python
            from prefect_tuner.search_space.constraint_terms import Comparison, Reference

            a, b, c = map(Reference, "abc")
            chain = Comparison(a, (("<", b), ("==", c)))
            assert chain.pairs(True) == [("<", a, b), ("==", b, c)]
            assert chain.pairs(False) == [(">=", a, b), ("!=", b, c)]
            ```
        """
        lefts = [self.first, *(right for _, right in self.rest)]
        return [
            (sign if holds else _OPPOSITE[sign], left, right)
            for left, (sign, right) in zip(lefts, self.rest, strict=False)
        ]

    def value(self, params: Mapping[str, HyperValue]) -> Value:
        """Whether all of the comparisons hold."""
        left = self.first.value(params)
        for sign, term in self.rest:
            right = term.value(params)
            if not _compare(sign, left, right):
                return False
            left = right
        return True


@dataclass(frozen=True)
class Both:
    """Several truths of which all have to hold, or any; asked in turn until that is decided."""

    all_of_them: bool
    parts: tuple[Term, ...]

    def value(self, params: Mapping[str, HyperValue]) -> Value:
        """Whether they hold."""
        values = (part.value(params) for part in self.parts)
        return all(values) if self.all_of_them else any(values)


@dataclass(frozen=True)
class Inverse:
    """`not`."""

    part: Term

    def value(self, params: Mapping[str, HyperValue]) -> Value:
        """The opposite."""
        return not self.part.value(params)


Term: TypeAlias = Literal | Reference | Negation | Arithmetic | Comparison | Both | Inverse
"""Any part of a constraint."""


def _compare(sign: str, left: Value, right: Value) -> bool:
    if sign in _ORDER:
        return _ORDER[sign](_number(left), _number(right))
    if sign in ("in", "not in"):
        assert isinstance(right, tuple)  # noqa: S101 - the parser takes nothing else
        return any(equal(left, each) for each in right) == (sign == "in")
    return equal(left, right) == (sign == "==")


def _number(value: Value) -> int | Fraction:
    assert isinstance(value, int | Fraction)  # noqa: S101 - the parser takes nothing else
    return value
