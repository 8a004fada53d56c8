"""Numeric parameters: `Float` and `Int`."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import (
    TOO_LARGE,
    checked_flag,
    fits_json,
    index_from_unit,
    native,
    set_fields,
    wrong_type,
)
from prefect_tuner.redaction import shown
from prefect_tuner.search_space.conditions import Conditions, When, parse_conditions


@dataclass(frozen=True)
class Float:
    """A real number between `low` and `high`, both included.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Search on a logarithmic scale; `low` must be above 0.
        step: Only `low`, `low + step`, `low + 2 * step`, ... up to `high`; `high` must be one of
            them. Not together with `log`.
        when: Active only with these values of other parameters, see `SearchSpace`.

    Raises:
        InvalidConfiguration: The bounds do not make a domain.

    Example:
        ```python
        from prefect_tuner import Float

        assert abs(Float(1e-5, 1e-1, log=True).from_unit(0.5) - 1e-3) < 1e-15
        assert Float(0.0, 1.0, step=0.1).value_at(3) == 0.3
        ```
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    when: When | None = None
    type: Literal["float"] = field(default="float", init=False, repr=False)

    def __post_init__(self) -> None:
        set_fields(
            self, low=_real(self, "low"), high=_real(self, "high"), log=checked_flag(self, "log")
        )
        if self.step is not None:
            set_fields(self, step=_real(self, "step"))
        set_fields(self, when=parse_conditions("Float", self.when))
        _check_bounds(self)
        if self.step is not None:
            self._check_step(self.step)

    @property
    def cardinality(self) -> int | None:
        """How many values there are; None for a continuous parameter."""
        if self.low == self.high:
            return 1
        if self.step is None:
            return None
        low, high, step, _ = self._as_whole_numbers
        return (high - low) // step + 1

    def value_at(self, index: int) -> float:
        """The value number `index`, from 0 in ascending order, of a parameter with steps."""
        if self.step is None:
            if self.low == self.high and index == 0:
                return self.low
            raise IndexError(f"{self!r} is continuous: it has no value number {index}")
        low, _, step, denominator = self._as_whole_numbers
        return (low + index * step) / denominator

    def index_of(self, value: float) -> int:
        """The number of a value of a parameter with steps; the inverse of `value_at`."""
        if self.low == self.high:
            return 0
        low, _, step, denominator = self._as_whole_numbers
        return round((Fraction(value) * denominator - low) / step)

    def contains(self, value: object) -> bool:
        """Whether `value` is a float of this domain."""
        if type(value) is not float or not self.low <= value <= self.high:
            return False
        if self.step is None or self.low == self.high:
            return True
        return value == self.value_at(self.index_of(value))

    def from_unit(self, unit: float) -> float:
        """The value at `unit`, a point of [0, 1]."""
        if self.cardinality is not None:
            return self.value_at(index_from_unit(unit, self.cardinality))
        if self.log:
            value = math.exp((1.0 - unit) * math.log(self.low) + unit * math.log(self.high))
        else:
            value = (1.0 - unit) * self.low + unit * self.high
        return min(max(value, self.low), self.high)

    def to_json(self) -> dict[str, Any]:
        """The parameter as plain JSON data."""
        return _bounds_to_json(self)

    @cached_property
    def _as_whole_numbers(self) -> tuple[int, int, int, int]:
        """Numerators of `low`, `high` and `step`, and the denominator they share.

        Floats stand for the decimal numbers they are written as, so that what was declared is
        kept: `0.1 * 3` is 0.3, not 0.30000000000000004.
        """
        exact = [Fraction(repr(value)) for value in (self.low, self.high, self.step)]
        denominator = math.lcm(*(value.denominator for value in exact))
        low, high, step = (int(value * denominator) for value in exact)
        return low, high, step, denominator

    def _check_step(self, step: float) -> None:
        if step < 2 * math.ulp(max(abs(self.low), abs(self.high))):
            raise InvalidConfiguration(
                f"{self!r}: step={step!r} is too small: floats of this size cannot be told apart"
            )
        low, high, whole_step, _ = self._as_whole_numbers
        if (high - low) % whole_step:
            raise InvalidConfiguration(
                f"{self!r}: step={step!r} does not fit: high - low must be a whole "
                f"number of steps, got {self.high!r} - {self.low!r}"
            )


@dataclass(frozen=True)
class Int:
    """A whole number between `low` and `high`, both included.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Search on a logarithmic scale; `low` must be at least 1.
        step: Only `low`, `low + step`, ... up to `high`; `high` must be one of them. Not together
            with `log`.
        when: Active only with these values of other parameters, see `SearchSpace`.

    Raises:
        InvalidConfiguration: The bounds do not make a domain.

    Example:
        ```python
        from prefect_tuner import Int

        assert Int(2, 10, step=4).cardinality == 3
        assert Int(1, 100, log=True).from_unit(0.5) == 7
        ```
    """

    low: int
    high: int
    log: bool = False
    step: int | None = None
    when: When | None = None
    type: Literal["int"] = field(default="int", init=False, repr=False)

    def __post_init__(self) -> None:
        set_fields(
            self, low=_whole(self, "low"), high=_whole(self, "high"), log=checked_flag(self, "log")
        )
        if self.step is not None:
            set_fields(self, step=_whole(self, "step"))
        set_fields(self, when=parse_conditions("Int", self.when))
        _check_bounds(self)
        if self.step is not None and (self.high - self.low) % self.step:
            raise InvalidConfiguration(
                f"{self!r}: step={self.step} does not fit: high - low must be a whole number of "
                f"steps, got {self.high} - {self.low}"
            )

    @property
    def cardinality(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // (self.step or 1) + 1

    def value_at(self, index: int) -> int:
        """The value number `index`, from 0 in ascending order."""
        return self.low + index * (self.step or 1)

    def index_of(self, value: int) -> int:
        """The number of a value; the inverse of `value_at`."""
        return (value - self.low) // (self.step or 1)

    def contains(self, value: object) -> bool:
        """Whether `value` is an int (not a bool) of this domain."""
        return (
            type(value) is int
            and self.low <= value <= self.high
            and (value - self.low) % (self.step or 1) == 0
        )

    def from_unit(self, unit: float) -> int:
        """The value at `unit`, a point of [0, 1]; each value has an equal share of the interval.

        With `log`, the shares are equal on the logarithmic scale from `low - 1/2` to
        `high + 1/2`.
        """
        if not self.log:
            return self.value_at(index_from_unit(unit, self.cardinality))
        low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
        value = round(math.exp((1.0 - unit) * low + unit * high))
        return min(max(value, self.low), self.high)

    def to_json(self) -> dict[str, Any]:
        """The parameter as plain JSON data."""
        return _bounds_to_json(self)


def _check_bounds(parameter: Float | Int) -> None:
    low, high, step = parameter.low, parameter.high, parameter.step
    if low > high:
        raise InvalidConfiguration(
            f"{parameter!r}: low must not be above high, got low={low!r} and high={high!r}"
        )
    smallest = 1 if isinstance(parameter, Int) else 0
    if parameter.log and (low < smallest or low == 0):
        rule = "at least 1" if isinstance(parameter, Int) else "above 0"
        raise InvalidConfiguration(f"{parameter!r}: with log, low must be {rule}, got low={low!r}")
    if step is not None and step <= 0:
        raise InvalidConfiguration(f"{parameter!r}: step must be above 0, got step={step!r}")
    if step is not None and parameter.log:
        raise InvalidConfiguration(
            f"{parameter!r}: log and step cannot be used together; leave one out"
        )


def _bounds_to_json(parameter: Float | Int) -> dict[str, Any]:
    data: dict[str, Any] = {"type": parameter.type, "low": parameter.low, "high": parameter.high}
    if parameter.log:
        data["log"] = True
    if parameter.step is not None:
        data["step"] = parameter.step
    if isinstance(parameter.when, Conditions):
        data["when"] = parameter.when.to_json()
    return data


def _real(parameter: Float, name: str) -> float:
    value = native(getattr(parameter, name))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(parameter, name, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidConfiguration(
            f"Float: {name} must be a finite number, got {name}={shown(value)}"
        )
    return number


def _whole(parameter: Int, name: str) -> int:
    value = native(getattr(parameter, name))
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(parameter, name, "a whole number", value)
    if not fits_json(value):
        raise InvalidConfiguration(f"Int: {name} {TOO_LARGE}, got {name}={value}")
    return value
