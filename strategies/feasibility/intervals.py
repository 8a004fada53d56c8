"""Arithmetic of intervals, rounded outwards: what is said of one holds of every number in it.

Source: R. E. Moore, R. B. Kearfott and M. J. Cloud, Introduction to Interval Analysis (2009).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Interval:
    """All numbers from `low` to `high`, both included; none where `low` is above `high`.

    Example:
        ```python
        from prefect_tuner.strategies.feasibility.intervals import Interval

        total = Interval(0.0, 1.0) + Interval(2.0, 3.0)
        assert total.low <= 2.0 and 4.0 <= total.high and total.width < 2.001
        assert (Interval(-1.0, 2.0) * Interval(3.0, 3.0)).high >= 6.0
        ```
    """

    low: float
    high: float

    @property
    def is_empty(self) -> bool:
        """Whether no number is in it."""
        return self.low > self.high

    @property
    def width(self) -> float:
        """From `low` to `high`."""
        return self.high - self.low

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __add__(self, other: Interval) -> Interval:
        return _outward(self.low + other.low, self.high + other.high)

    def __sub__(self, other: Interval) -> Interval:
        return _outward(self.low - other.high, self.high - other.low)

    def __mul__(self, other: Interval) -> Interval:
        products = [_product(a, b) for a in self._ends for b in other._ends]
        return _outward(min(products), max(products))

    def squared(self) -> Interval:
        """All squares, which the product of two intervals would not know to be of one number."""
        squares = [_product(end, end) for end in self._ends]
        least = 0.0 if self.low <= 0.0 <= self.high else min(squares)
        return Interval(max(_outward(least, 0.0).low, 0.0), _outward(0.0, max(squares)).high)

    def __truediv__(self, other: Interval) -> Interval:
        """All quotients; everything where the divisor may be zero."""
        if other.low <= 0.0 <= other.high:
            return EVERYTHING
        quotients = [_quotient(a, b) for a in self._ends for b in other._ends]
        return _outward(min(quotients), max(quotients))

    def __and__(self, other: Interval) -> Interval:
        return Interval(max(self.low, other.low), min(self.high, other.high))

    def __or__(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        return Interval(min(self.low, other.low), max(self.high, other.high))

    @property
    def _ends(self) -> tuple[float, float]:
        return self.low, self.high


EVERYTHING = Interval(-math.inf, math.inf)


def enclosing(low: float | Fraction, high: float | Fraction) -> Interval:
    """The interval between two numbers, each of them within it for certain.

    A float stands for the decimal number that it is written as, which is another one.
    """
    return _outward(_float(low), _float(high))


def _float(number: float | Fraction) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


def _outward(low: float, high: float) -> Interval:
    if math.isnan(low) or math.isnan(high):
        return EVERYTHING
    return Interval(math.nextafter(low, -math.inf), math.nextafter(high, math.inf))


def _product(a: float, b: float) -> float:
    return 0.0 if a == 0.0 or b == 0.0 else a * b


def _quotient(a: float, b: float) -> float:
    if math.isinf(b):
        return 0.0 if not math.isinf(a) else math.nan
    return a / b
