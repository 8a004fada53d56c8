"""Parameters with choices: `Categorical`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from prefect_tuner.conditions import Conditions, When, parse_conditions
from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import (
    TOO_LARGE,
    HyperValue,
    checked_flag,
    fits_json,
    index_from_unit,
    native,
    set_fields,
)


@dataclass(frozen=True)
class Categorical:
    """One of several choices.

    Args:
        choices: The values, each once: `int`, `float`, `str` or `bool`.
        ordered: The choices are given in a meaningful order, such as small, medium, large.
        when: Active only with these values of other parameters, see `SearchSpace`.

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
    when: When | None = None
    type: Literal["categorical"] = field(default="categorical", init=False, repr=False)

    # Any iterable is taken, a tuple is kept: hence a signature wider than the field's type.
    def __init__(
        self, choices: Iterable[HyperValue], ordered: bool = False, when: When | None = None
    ) -> None:
        if isinstance(choices, str | bytes | Mapping) or not isinstance(choices, Iterable):
            raise InvalidConfiguration(
                f"Categorical: choices must be a list of values, got {choices!r}"
            )
        values = tuple(native(choice) for choice in choices)
        conditions = parse_conditions("Categorical", when)
        set_fields(self, choices=values, ordered=ordered, when=conditions, type="categorical")
        checked_flag(self, "ordered")
        if not values:
            raise InvalidConfiguration("Categorical: choices must hold at least one value, got []")
        seen: set[tuple[type, object]] = set()
        for choice in values:
            if type(choice) not in (int, float, str, bool):
                raise InvalidConfiguration(
                    f"Categorical: a choice must be an int, float, str or bool, got {choice!r} "
                    f"({type(choice).__name__})"
                )
            if isinstance(choice, float) and not math.isfinite(choice):
                raise InvalidConfiguration(
                    f"Categorical: a choice must be a finite number, got {choice!r}"
                )
            if type(choice) is int and not fits_json(choice):
                raise InvalidConfiguration(f"Categorical: a choice {TOO_LARGE}, got {choice}")
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

    def index_of(self, value: HyperValue) -> int:
        """The number of a choice; the inverse of `value_at`."""
        return next(i for i, c in enumerate(self.choices) if type(c) is type(value) and c == value)

    def contains(self, value: object) -> bool:
        """Whether `value` is one of the choices, and of the same type."""
        return any(type(value) is type(choice) and value == choice for choice in self.choices)

    def from_unit(self, unit: float) -> HyperValue:
        """The choice at `unit`, a point of [0, 1]; each has an equal share of the interval."""
        return self.choices[index_from_unit(unit, len(self.choices))]

    def to_json(self) -> dict[str, Any]:
        """The parameter as plain JSON data."""
        data: dict[str, Any] = {"type": self.type, "choices": list(self.choices)}
        if self.ordered:
            data["ordered"] = True
        if isinstance(self.when, Conditions):
            data["when"] = self.when.to_json()
        return data
