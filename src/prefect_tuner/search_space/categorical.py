"""Parameters with choices: `Categorical`."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, KeysView, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, overload

from prefect_tuner.choice_value import checked_choice
from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import (
    HyperValue,
    checked_flag,
    copied,
    exact_key,
    exact_text,
    index_from_unit,
    set_fields,
)
from prefect_tuner.redaction import shown
from prefect_tuner.search_space.conditions import Conditions, When, parse_conditions

_Values: TypeAlias = tuple[HyperValue, ...]


class _Choices:
    """The field `choices`: lists and dicts in it are copies, so that nobody changes the domain."""

    @overload
    def __get__(self, parameter: None, owner: type) -> _Choices: ...
    @overload
    def __get__(self, parameter: Categorical, owner: type) -> _Values: ...
    def __get__(self, parameter: Categorical | None, owner: type) -> _Choices | _Values:
        if parameter is None:
            raise AttributeError("choices")  # To a dataclass: there is no default.
        kept = parameter._kept
        return tuple(map(copied, kept)) if parameter._is_nested else kept

    def __set__(self, parameter: Categorical, values: _Values) -> None:
        parameter.__dict__["_kept"] = values


@dataclass(frozen=True)
class Categorical:
    """One of several choices.

    Args:
        choices: The values, each once, in an order that stays: numbers, texts, bools, None, and
            lists and dicts of such values. Each comes back exactly as it was given, from the
            objective's params to the result and its JSON; lists and dicts as copies.
        ordered: The choices are given in a meaningful order, such as small, medium, large.
        when: Active only with these values of other parameters, see `SearchSpace`.

    Raises:
        InvalidConfiguration: No choices, a choice twice, a set of them, or a value that JSON would
            not give back: a tuple, a set, a number that is not finite or has more than 64 bits, a
            key that is no string.

    Example:
        ```python
        from prefect_tuner import Categorical

        assert Categorical(["gbtree", "dart"]).cardinality == 2
        assert not Categorical([1, 2]).contains(True)
        assert Categorical([None, 3, [64, 32], {"solver": "lbfgs"}]).value_at(2) == [64, 32]
        ```
    """

    choices: _Choices = _Choices()
    ordered: bool = False
    when: When | None = None
    type: Literal["categorical"] = field(default="categorical", init=False, repr=False)
    _kept: _Values = field(init=False, repr=False)
    _is_nested: bool = field(init=False, repr=False)
    _places: dict[Hashable, int] = field(init=False, repr=False)

    # Any iterable is taken, a tuple is kept: hence a signature wider than the field's type.
    def __init__(
        self, choices: Iterable[HyperValue], ordered: bool = False, when: When | None = None
    ) -> None:
        if isinstance(choices, str | bytes | Mapping) or not isinstance(choices, Iterable):
            raise InvalidConfiguration(
                f"Categorical: choices must be a list of values, got {shown(choices)}"
            )
        if isinstance(choices, AbstractSet) and not isinstance(choices, KeysView | Sequence):
            raise InvalidConfiguration(
                "Categorical: choices must have an order, and that of a set is another one in the "
                f"next process: write a list, got {shown(choices)} ({type(choices).__name__})"
            )
        values = tuple(checked_choice(choice, "Categorical", "a choice") for choice in choices)
        conditions = parse_conditions("Categorical", when)
        set_fields(self, ordered=ordered, when=conditions, type="categorical")
        checked_flag(self, "ordered")
        if not values:
            raise InvalidConfiguration("Categorical: choices must hold at least one value, got []")
        places: dict[Hashable, int] = {}
        for choice in values:
            key = exact_key(choice)
            if key in places:
                raise InvalidConfiguration(
                    f"Categorical: each choice must be given once, got {shown(choice)} again"
                )
            places[key] = len(places)
        is_nested = any(isinstance(choice, list | dict) for choice in values)
        set_fields(self, choices=values, _places=places, _is_nested=is_nested)

    # The generated comparison would hold (1,) and (True,) equal.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Categorical):
            return NotImplemented
        return exact_text(self.to_json()) == exact_text(other.to_json())

    def __hash__(self) -> int:
        return hash(exact_text(self.to_json()))

    @property
    def cardinality(self) -> int:
        """How many choices there are."""
        return len(self._kept)

    def value_at(self, index: int) -> HyperValue:
        """The choice number `index`, from 0 in the order given; a list or dict as a copy."""
        choice = self._kept[index]
        return copied(choice) if self._is_nested else choice

    def index_of(self, value: HyperValue) -> int:
        """The number of a choice; the inverse of `value_at`."""
        return self._places[exact_key(value)]

    def contains(self, value: object) -> bool:
        """Whether `value` is one of the choices, and of the same type, to its innermost values."""
        try:
            return exact_key(value) in self._places
        except (TypeError, RecursionError):  # It holds what no choice does, or itself.
            return False

    def from_unit(self, unit: float) -> HyperValue:
        """The choice at `unit`, a point of [0, 1]; each has an equal share of the interval."""
        return self.value_at(index_from_unit(unit, len(self._kept)))

    def to_json(self) -> dict[str, Any]:
        """The parameter as plain JSON data."""
        data: dict[str, Any] = {"type": self.type, "choices": list(self.choices)}
        if self.ordered:
            data["ordered"] = True
        if isinstance(self.when, Conditions):
            data["when"] = self.when.to_json()
        return data
