"""Conditions: on which values of other parameters a parameter is active.

A parent is a parameter that a condition names. A conditional parameter is active where each of
its parents is active and has one of the values listed for it; candidates hold the active ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias, final

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import TOO_LARGE, HyperValue, fits_json, native

When: TypeAlias = Mapping[str, HyperValue | Sequence[HyperValue]]
"""Conditions as they are declared: for each parent a value, or a list of values."""


@final
class Conditions(Mapping[str, tuple[HyperValue, ...]]):
    """For each parent the values with which the parameter is active. Immutable.

    Args:
        kind: The kind of the parameter, for messages.
        when: The conditions as declared.

    Raises:
        InvalidConfiguration: It is no such mapping.

    Example:
        ```python
        from prefect_tuner.conditions import Conditions

        assert Conditions("Float", {"booster": "dart"})["booster"] == ("dart",)
        ```
    """

    def __init__(self, kind: str, when: object) -> None:
        if not isinstance(when, Mapping):
            raise InvalidConfiguration(
                f"{kind}: when must be a mapping of parameters to lists of their values, such as "
                f'{{"booster": ["dart"]}}, got {when!r}'
            )
        mistakes: list[str] = []
        self._values: dict[str, tuple[HyperValue, ...]] = {}
        for parent, listed in when.items():
            if not isinstance(parent, str):
                mistakes.append(
                    f"{kind}: when: a parameter's name must be a string, got {parent!r}"
                )
                continue
            several = isinstance(listed, list | tuple)
            values = tuple(native(each) for each in (listed if several else [listed]))
            mistakes += _mistakes_in(f"{kind}: when.{parent}", values)
            self._values[parent] = values
        if mistakes:
            raise InvalidConfiguration(*mistakes)

    def __getitem__(self, parent: str) -> tuple[HyperValue, ...]:
        return self._values[parent]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self.to_json())

    # The comparison of mappings would hold (1,) and (True,) equal.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Conditions):
            return NotImplemented
        return repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def allow(self, parent: str, value: object) -> bool:
        """Whether the parameter may be active with this value of a parent."""
        return any(type(value) is type(each) and value == each for each in self._values[parent])

    def to_json(self) -> dict[str, list[HyperValue]]:
        """The conditions as plain JSON data."""
        return {parent: list(values) for parent, values in self._values.items()}


def parse_conditions(kind: str, when: object) -> Conditions | None:
    """The conditions that a parameter was declared with, None where there are none.

    Args:
        kind: The kind of the parameter, for messages.
        when: What was given.

    Raises:
        InvalidConfiguration: It is no mapping of names to values.
    """
    if when is None or isinstance(when, Conditions):
        return when
    return Conditions(kind, when) or None


def _mistakes_in(field: str, values: tuple[object, ...]) -> list[str]:
    if not values:
        return [f"{field} must list at least one value, got []"]
    mistakes: list[str] = []
    seen: set[tuple[type, object]] = set()
    for value in values:
        if type(value) not in (int, float, str, bool):
            mistakes.append(
                f"{field}: a value must be an int, float, str or bool, got {value!r} "
                f"({type(value).__name__})"
            )
            continue
        if isinstance(value, float) and not math.isfinite(value):
            mistakes.append(f"{field}: a value must be a finite number, got {value!r}")
        if type(value) is int and not fits_json(value):
            mistakes.append(f"{field}: a value {TOO_LARGE}, got {value}")
        if (type(value), value) in seen:
            mistakes.append(f"{field}: each value must be given once, got {value!r} again")
        seen.add((type(value), value))
    return mistakes
