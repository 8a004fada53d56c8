"""The kinds of parameters: `Float`, `Int`, `Categorical`.

Each is an immutable value that knows its own domain: whether a value lies in it, how many
values there are, and which value a point of the unit interval stands for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np

from prefect_tuner.errors import InvalidConfiguration

HyperValue: TypeAlias = int | float | str | bool
"""A value of a parameter. `True` is never mistaken for `1`, nor `1` for `1.0`."""

Params: TypeAlias = dict[str, HyperValue]
"""The values of one trial, by the names of the parameters."""


@dataclass(frozen=True)
class Float:
    """A real number between `low` and `high`, both included.

    Args:
        low: Smallest value.
        high: Largest value.
        log: Search on a logarithmic scale; `low` must be above 0.
        step: Only `low`, `low + step`, `low + 2 * step`, ... up to `high`; `high` must be one of
            them. Not together with `log`.

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
    type: Literal["float"] = field(default="float", init=False, repr=False)

    def __post_init__(self) -> None:
        _set(self, low=_real(self, "low"), high=_real(self, "high"), log=_flag(self, "log"))
        if self.step is not None:
            _set(self, step=_real(self, "step"))
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

    def contains(self, value: object) -> bool:
        """Whether `value` is a float of this domain."""
        if type(value) is not float or not self.low <= value <= self.high:
            return False
        if self.step is None or self.low == self.high:
            return True
        low, _, step, denominator = self._as_whole_numbers
        return value == self.value_at(round((Fraction(value) * denominator - low) / step))

    def from_unit(self, unit: float) -> float:
        """The value at `unit`, a point of [0, 1]."""
        if self.cardinality is not None:
            return self.value_at(_index_from_unit(unit, self.cardinality))
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
    type: Literal["int"] = field(default="int", init=False, repr=False)

    def __post_init__(self) -> None:
        _set(self, low=_whole(self, "low"), high=_whole(self, "high"), log=_flag(self, "log"))
        if self.step is not None:
            _set(self, step=_whole(self, "step"))
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
            return self.value_at(_index_from_unit(unit, self.cardinality))
        low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
        value = round(math.exp((1.0 - unit) * low + unit * high))
        return min(max(value, self.low), self.high)

    def to_json(self) -> dict[str, Any]:
        """The parameter as plain JSON data."""
        return _bounds_to_json(self)


@dataclass(frozen=True)
class Categorical:
    """One of several choices.

    Args:
        choices: The values, each once: `int`, `float`, `str` or `bool`.
        ordered: The choices are given in a meaningful order, such as small, medium, large.

    Raises:
        InvalidConfiguration: No choices, a choice twice, or one of another type.

    Example:
        ```python
        from prefect_tuner import Categorical

        assert Categorical(["gbtree", "dart"]).cardinality == 2
        assert not Categorical([1, 2]).contains(True)
        ```
    """

    choices: tuple[HyperValue, ...]
    ordered: bool = False
    type: Literal["categorical"] = field(default="categorical", init=False, repr=False)

    # Any iterable is taken, a tuple is kept: hence a signature wider than the field's type.
    def __init__(self, choices: Iterable[HyperValue], ordered: bool = False) -> None:
        if isinstance(choices, str | bytes | Mapping) or not isinstance(choices, Iterable):
            raise InvalidConfiguration(
                f"Categorical: choices must be a list of values, got {choices!r}"
            )
        native = tuple(_native(choice) for choice in choices)
        _set(self, choices=native, ordered=ordered, type="categorical")
        _flag(self, "ordered")
        if not native:
            raise InvalidConfiguration("Categorical: choices must hold at least one value, got []")
        seen: set[tuple[type, object]] = set()
        for choice in native:
            if type(choice) not in (int, float, str, bool):
                raise InvalidConfiguration(
                    f"Categorical: a choice must be an int, float, str or bool, got {choice!r} "
                    f"({type(choice).__name__})"
                )
            if isinstance(choice, float) and not math.isfinite(choice):
                raise InvalidConfiguration(
                    f"Categorical: a choice must be a finite number, got {choice!r}"
                )
            if type(choice) is int and not _fits_json(choice):
                raise InvalidConfiguration(f"Categorical: a choice {_TOO_LARGE}, got {choice}")
            if (type(choice), choice) in seen:
                raise InvalidConfiguration(
                    f"Categorical: each choice must be given once, got {choice!r} again"
                )
            seen.add((type(choice), choice))

    # The generated comparison would hold (1,) and (True,) equal.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Categorical):
            return NotImplemented
        return repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    @property
    def cardinality(self) -> int:
        """How many choices there are."""
        return len(self.choices)

    def value_at(self, index: int) -> HyperValue:
        """The choice number `index`, from 0 in the order given."""
        return self.choices[index]

    def contains(self, value: object) -> bool:
        """Whether `value` is one of the choices, and of the same type."""
        return any(type(value) is type(choice) and value == choice for choice in self.choices)

    def from_unit(self, unit: float) -> HyperValue:
        """The choice at `unit`, a point of [0, 1]; each has an equal share of the interval."""
        return self.choices[_index_from_unit(unit, len(self.choices))]

    def to_json(self) -> dict[str, Any]:
        """The parameter as plain JSON data."""
        data: dict[str, Any] = {"type": self.type, "choices": list(self.choices)}
        return data | {"ordered": True} if self.ordered else data


Parameter: TypeAlias = Float | Int | Categorical
"""Any kind of parameter."""

_TOO_LARGE = "must fit into 64 bits"

_KINDS: dict[str, Any] = {"float": Float, "int": Int, "categorical": Categorical}


def parse_parameter(declared: object) -> Parameter:
    """A parameter from what may stand in a search space: itself, a list, or JSON data.

    Args:
        declared: A `Float`, `Int` or `Categorical`; a list or tuple of choices; or a mapping with
            the key `type` (`"float"`, `"int"` or `"categorical"`) and the arguments of that kind.

    Raises:
        InvalidConfiguration: It is none of these, or its arguments are wrong.

    Example:
        ```python
        from prefect_tuner.parameters import Float, parse_parameter

        assert parse_parameter({"type": "float", "low": 0, "high": 1}) == Float(0.0, 1.0)
        ```
    """
    if isinstance(declared, Float | Int | Categorical):
        return declared
    if isinstance(declared, list | tuple):
        return Categorical(declared)
    if not isinstance(declared, Mapping):
        raise InvalidConfiguration(
            f"must be a Float, Int or Categorical, a list of choices, or a mapping with a type, "
            f"got {declared!r}"
        )
    kind = declared.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InvalidConfiguration(
            f"type must be one of {', '.join(map(repr, _KINDS))}, got {kind!r}"
        )
    arguments = {key: value for key, value in declared.items() if key != "type"}
    known = [f for f in fields(_KINDS[kind]) if f.name != "type"]
    required = ("choices",) if kind == "categorical" else ("low", "high")
    mistakes = [
        f"{kind} has no argument {key!r}, it has {', '.join(f.name for f in known)}"
        for key in arguments
        if key not in {f.name for f in known}
    ]
    mistakes += [f"{kind} needs {name!r}" for name in required if name not in arguments]
    if mistakes:
        raise InvalidConfiguration(*mistakes)
    parameter: Parameter = _KINDS[kind](**arguments)
    return parameter


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
    return data


def _index_from_unit(unit: float, count: int) -> int:
    return min(int(unit * count), count - 1)


def _native(value: Any) -> Any:
    """The Python value of a numpy scalar; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def _fits_json(value: int) -> bool:
    """Whether programs that read JSON, Prefect's server among them, take the number as it is."""
    return -(2**63) <= value < 2**63


def _real(parameter: Float, name: str) -> float:
    value = _native(getattr(parameter, name))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong_type(parameter, name, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidConfiguration(f"Float: {name} must be a finite number, got {name}={value!r}")
    return number


def _whole(parameter: Int, name: str) -> int:
    value = _native(getattr(parameter, name))
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(parameter, name, "a whole number", value)
    if not _fits_json(value):
        raise InvalidConfiguration(f"Int: {name} {_TOO_LARGE}, got {name}={value}")
    return value


def _flag(parameter: Parameter, name: str) -> bool:
    value = _native(getattr(parameter, name))
    if not isinstance(value, bool):
        raise _wrong_type(parameter, name, "true or false", value)
    return value


def _wrong_type(
    parameter: Parameter, name: str, wanted: str, value: object
) -> InvalidConfiguration:
    kind = type(parameter).__name__
    return InvalidConfiguration(
        f"{kind}: {name} must be {wanted}, got {name}={value!r} ({type(value).__name__})"
    )


def _set(parameter: Parameter, **values: object) -> None:
    for name, value in values.items():
        object.__setattr__(parameter, name, value)
