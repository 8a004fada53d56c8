"""Conditions: on which values of other parameters a parameter is active.

A parent is a parameter that a condition names. A conditional parameter is active where each of
its parents is active and has one of the values listed for it; candidates hold the active ones.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TypeAlias, final

from prefect_tuner.choice_value import checked_choice
from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import HyperValue, copied, exact_key, exact_text
from prefect_tuner.redaction import shown

When: TypeAlias = Mapping[str, HyperValue | Sequence[HyperValue]]
"""Conditions as they are declared: for each parent a value, or a list of values.

A list always lists values: the choice `[64, 64]` is written `[[64, 64]]`.
"""


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
        from prefect_tuner.search_space.conditions import Conditions

        assert Conditions("Float", {"booster": "dart"})["booster"] == ("dart",)
        assert Conditions("Int", {"layers": [[64, 64]]}).allow("layers", [64, 64])
        ```
    """

    def __init__(self, kind: str, when: object) -> None:
        if not isinstance(when, Mapping):
            raise InvalidConfiguration(
                f"{kind}: when must be a mapping of parameters to lists of their values, such as "
                f'{{"booster": ["dart"]}}, got {shown(when)}'
            )
        mistakes: list[str] = []
        self._values: dict[str, tuple[HyperValue, ...]] = {}
        self._allowed: dict[str, frozenset[Hashable]] = {}
        for parent, listed in when.items():
            if not isinstance(parent, str):
                mistakes.append(
                    f"{kind}: when: a parameter's name must be a string, got {shown(parent)}"
                )
                continue
            several = isinstance(listed, list | tuple)
            values = _checked(f"{kind}: when.{parent}", listed if several else [listed], mistakes)
            self._values[parent] = values
            self._allowed[parent] = frozenset(map(exact_key, values))
        if mistakes:
            raise InvalidConfiguration(*mistakes)

    def __getitem__(self, parent: str) -> tuple[HyperValue, ...]:
        return tuple(map(copied, self._values[parent]))

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
        return exact_text(self.to_json()) == exact_text(other.to_json())

    def __hash__(self) -> int:
        return hash(exact_text(self.to_json()))

    def allow(self, parent: str, value: object) -> bool:
        """Whether the parameter may be active with this value of a parent."""
        try:
            return exact_key(value) in self._allowed[parent]
        except (TypeError, RecursionError):  # It holds what no value does, or itself.
            return False

    def to_json(self) -> dict[str, list[HyperValue]]:
        """The conditions as plain JSON data."""
        return {parent: list(self[parent]) for parent in self._values}


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


def _checked(field: str, listed: Sequence[object], mistakes: list[str]) -> tuple[HyperValue, ...]:
    """The values that are right; the mistakes in the others are noted."""
    if not listed:
        mistakes.append(f"{field} must list at least one value, got []")
    values: list[HyperValue] = []
    seen: set[Hashable] = set()
    for each in listed:
        try:
            value = checked_choice(each, field, "a value")
        except InvalidConfiguration as error:
            mistakes += error.mistakes
            continue
        if exact_key(value) in seen:
            mistakes.append(
                f"{field}: each value must be given once, got {shown(value)} again; a list lists "
                "values, and one that is a value itself stands in another"
            )
        seen.add(exact_key(value))
        values.append(value)
    return tuple(values)
