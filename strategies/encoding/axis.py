"""One parameter as a column of numbers, on which strategies compute.

Notation:
    code: a value of a parameter as a number. That of a number is its place in [0, 1], on the
        logarithmic scale with `log`; that of a choice without order is its index. Values with
        steps, whole numbers and ordered choices stand in the middle of their share of [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np

from prefect_tuner.hyper_value import HyperValue, index_from_unit
from prefect_tuner.search_space.parameters import Categorical, Float, Int, Parameter
from prefect_tuner.strategies.encoding.array_types import FloatArray

_LEAST_LOG_SPAN = 1e-9


@dataclass(frozen=True)
class LogScale:
    """Whole numbers on a logarithmic scale, each with half a step on either side.

    Attributes:
        first: The smallest number.
        last: The largest number.
    """

    first: int
    last: int

    @property
    def bounds(self) -> tuple[float, float]:
        """The logarithms at which [0, 1] begins and ends."""
        return math.log(self.first - 0.5), math.log(self.last + 0.5)

    def codes(self, values: FloatArray) -> FloatArray:
        """The codes of some values, of the same shape."""
        low, high = self.bounds
        return np.asarray((np.log(values) - low) / (high - low))

    def values(self, codes: FloatArray) -> FloatArray:
        """The nearest values, of the same shape."""
        low, high = self.bounds
        values = np.rint(np.exp(low + (high - low) * _between(codes, 0.0, 1.0)))
        return _between(values, float(self.first), float(self.last))

    def spacing(self, codes: FloatArray) -> FloatArray:
        """How far the next value is from each code."""
        low, high = self.bounds
        return np.asarray(np.exp(-low - (high - low) * codes) / (high - low))


@dataclass(frozen=True)
class Axis:
    """One parameter as a column of codes. Codes of inactive parameters, NaN, stay NaN.

    Attributes:
        name: The parameter's name.
        parameter: The parameter, of more than one value.
        count: How many values there are; None for a continuous axis.
        has_order: Whether codes that are near each other mean values that are.
        stretch: Length of the axis per unit of code, such that its ends are 1 apart.
        log_scale: Where the values of an `Int` with `log` lie; None for any other parameter, and
            where they are so near each other that the scale might as well be linear.
        is_conditional: Whether there are candidates in which the parameter is not active.
        named: Values of a continuous axis that conditions name; the codes of these stand for
            exactly them.
    """

    name: str
    parameter: Parameter
    count: int | None
    has_order: bool
    stretch: float
    log_scale: LogScale | None
    is_conditional: bool = False
    named: tuple[HyperValue, ...] = ()

    @property
    def width(self) -> int:
        """How many columns of the embedding belong to the axis."""
        if self.has_order:
            return 2 if self.is_conditional else 1
        return 1 if self.count == 2 and not self.is_conditional else self.count or 1

    def code_of(self, value: HyperValue) -> float:
        """The code of a value of the parameter."""
        if isinstance(self.parameter, Categorical):
            index = self.parameter.index_of(value)
            return float(index) if not self.has_order else (index + 0.5) / (self.count or 1)
        return self._code_of_number(self.parameter, cast("float", value))

    def value_of(self, code: float) -> HyperValue:
        """The value that a code stands for, a native Python value of the parameter's domain."""
        for value in self.named:
            if code == self.code_of(value):
                return value
        if not self.has_order:
            return self.parameter.value_at(int(code))
        unit = min(max(code, 0.0), 1.0)
        if self.count is not None and self.log_scale is None:
            return self.parameter.value_at(index_from_unit(unit, self.count))
        return self.parameter.from_unit(unit)

    def snapped(self, codes: FloatArray) -> FloatArray:
        """The nearest codes that stand for values, of the same shape."""
        if self.count is None:
            return _between(codes, 0.0, 1.0)
        if not self.has_order:
            return _between(np.rint(codes), 0.0, self.count - 1.0)
        if self.log_scale is None:
            indices = _between(np.floor(codes * self.count), 0.0, self.count - 1.0)
            return np.asarray((indices + 0.5) / self.count)
        return self.log_scale.codes(self.log_scale.values(codes))

    def from_units(self, units: FloatArray) -> FloatArray:
        """The codes at points of [0, 1], of the same shape; every value has its share of them."""
        return self.snapped(units if self.has_order else np.floor(units * (self.count or 1)))

    def all_codes(self) -> FloatArray:
        """The codes of all values of a discrete axis, shape (count,)."""
        count = self.count or 0
        if not self.has_order:
            return np.arange(count, dtype=float)
        if self.log_scale is None:
            return (np.arange(count) + 0.5) / count
        first, last = self.log_scale.first, self.log_scale.last
        return self.log_scale.codes(np.arange(first, last + 1, dtype=float))

    def spacing(self, codes: FloatArray) -> FloatArray:
        """How far the next value is from each code of a discrete axis with an order."""
        if self.log_scale is None:
            return np.full_like(codes, 1.0 / (self.count or 1))
        return self.log_scale.spacing(codes)

    def numbers(self, codes: FloatArray) -> FloatArray:
        """The values at some codes of a numeric axis, as floats of the same shape."""
        parameter = self.parameter
        assert not isinstance(parameter, Categorical)  # noqa: S101 - its values need not be numbers
        if self.log_scale is not None:
            return self.log_scale.values(codes)
        if isinstance(parameter, Int):
            return parameter.low + self.keys(codes) * (parameter.step or 1)
        if self.count is not None:
            is_active = ~np.isnan(codes)
            numbers = np.full_like(codes, np.nan)
            numbers[is_active] = self._steps[self.keys(codes[is_active]).astype(np.intp)]
            return numbers
        low, high = parameter.low, parameter.high
        if parameter.log:
            low, high = math.log(low), math.log(high)
        values = (1.0 - codes) * low + codes * high
        values = np.exp(values) if parameter.log else values
        return _between(values, parameter.low, parameter.high)

    @cached_property
    def _steps(self) -> FloatArray:
        return np.array([self.parameter.value_at(index) for index in range(self.count or 0)])

    def keys(self, codes: FloatArray) -> FloatArray:
        """What tells apart the values at some codes, exactly.

        The indices of a discrete axis. Of a continuous one, the places of the values in `named`,
        and -1 for all others; by the values, as several codes may round to one.
        """
        if self.count is None:
            return np.array([self._place_of_named(code) for code in codes.tolist()])
        if not self.has_order:
            return codes
        if self.log_scale is None:
            return np.floor(codes * self.count)
        return self.log_scale.values(codes) - self.log_scale.first

    def key_of(self, value: HyperValue) -> float:
        """The key of a value; of a continuous axis, one that conditions name."""
        if self.count is None:
            return float(self.named.index(value))
        return float(self.parameter.index_of(value))  # type: ignore[arg-type]

    def _place_of_named(self, code: float) -> float:
        value = None if math.isnan(code) else self.value_of(code)
        return float(self.named.index(value)) if value in self.named else -1.0

    def _code_of_number(self, parameter: Float | Int, value: float) -> float:
        if self.log_scale is not None:
            return float(self.log_scale.codes(np.array(value, dtype=float)))
        if self.count is not None:
            # Of Python's whole numbers, which lose no digits.
            return (2 * parameter.index_of(value) + 1) / (2 * self.count)  # type: ignore[arg-type]
        low, high = parameter.low, parameter.high
        if parameter.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        if math.isinf(high - low):
            low, high, value = low / 2, high / 2, value / 2
        return min(max((value - low) / (high - low), 0.0), 1.0)


def axis_of(
    name: str,
    parameter: Parameter,
    *,
    is_conditional: bool = False,
    named: tuple[HyperValue, ...] = (),
) -> Axis:
    """The axis of a parameter that has more than one value.

    Args:
        name: The parameter's name.
        parameter: The parameter.
        is_conditional: Whether there are candidates in which it is not active.
        named: Its values that conditions name.
    """
    count = parameter.cardinality
    has_order = not isinstance(parameter, Categorical) or parameter.ordered
    log_scale = None
    stretch = 1.0 if count is None or not has_order else count / (count - 1)
    if isinstance(parameter, Int) and parameter.log:
        span = math.log(parameter.high) - math.log(parameter.low)
        # Where numbers hardly differ, logarithms cannot tell them apart, and need not.
        if span > _LEAST_LOG_SPAN:
            log_scale = LogScale(parameter.low, parameter.high)
            low, high = log_scale.bounds
            stretch = (high - low) / span
    exactly = named if count is None else ()
    return Axis(name, parameter, count, has_order, stretch, log_scale, is_conditional, exactly)


def _between(values: FloatArray, low: float, high: float) -> FloatArray:
    # A fraction of the time that `numpy.clip` takes for a few values.
    return np.minimum(np.maximum(values, low), high)
