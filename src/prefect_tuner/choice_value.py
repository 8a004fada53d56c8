"""What may be a choice: any value that JSON gives back exactly as it was.

A tuple would come back as a list, a set in another order, a number beyond 64 bits as another one.
All of these are refused, with what to write instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import TOO_LARGE, HyperValue, fits_json, is_of_numpy, native
from prefect_tuner.redaction import HIDDEN, names_secret, shown

DEEPEST_CHOICE = 20
"""Lists and dicts within each other in a choice."""

LARGEST_CHOICE = 10_000
"""Values in a choice: it is written down with every trial that tries it."""

RESERVED = "__"
"""What keys must not begin with: in JSON that it reads back, Prefect acts on some of these."""


def checked_choice(value: object, field: str, noun: str) -> HyperValue:
    """A value as a parameter may have it: Python's own types, a copy of lists and dicts.

    Args:
        value: What was given; numpy's scalars become Python's values.
        field: Where it stands; messages begin with it.
        noun: What it is, such as `a choice`.

    Raises:
        InvalidConfiguration: JSON would not give it back as it is.

    Example:
        ```python
        import numpy as np

        from prefect_tuner.choice_value import checked_choice

        assert checked_choice([None, np.int64(3)], "Categorical", "a choice") == [None, 3]
        ```
    """
    return _Check(field, noun).checked(value, ())


class _Check:
    def __init__(self, field: str, noun: str) -> None:
        self._field = field
        self._noun = noun
        self._count = 0

    def checked(self, value: object, place: tuple[object, ...]) -> HyperValue:
        """The value at a place: the keys and indices that lead there."""
        self._count += 1
        if self._count > LARGEST_CHOICE:
            raise self._mistake(
                (),
                f"must not hold more than {LARGEST_CHOICE:,} values: give it a name, and let the "
                "objective look it up",
            )
        if len(place) > DEEPEST_CHOICE:
            raise self._mistake((), f"must not be nested deeper than {DEEPEST_CHOICE} levels")
        plain = native(value)
        kind = type(plain)
        if kind is list:
            return [self.checked(inner, (*place, i)) for i, inner in enumerate(plain)]
        if kind is dict:
            return {
                self._key(name, place): self.checked(inner, (*place, native(name)))
                for name, inner in plain.items()
            }
        if plain is not None and kind not in (int, float, str, bool):
            raise self._mistake(
                place,
                "must be a number, a text, true or false, None, or a list or dict of these, "
                f"got {_shown(plain, place)} ({kind.__name__}){_remedy(plain, place)}",
            )
        if kind is float and not math.isfinite(plain):
            raise self._mistake(place, f"must be a finite number, got {plain!r}")
        if kind is int and not fits_json(plain):
            raise self._mistake(place, f"{TOO_LARGE}, got {_shown(plain, place)}")
        known: HyperValue = plain
        return known

    def _key(self, name: object, place: tuple[object, ...]) -> str:
        key = native(name)
        if type(key) is not str:
            raise self._mistake(
                place,
                f"must have strings as keys, as all that JSON has, got {shown(key)} "
                f"({type(key).__name__})",
            )
        if key.startswith(RESERVED):
            raise self._mistake(
                place, f"must have no key that begins with {RESERVED!r}, got {shown(key)}"
            )
        return key

    def _mistake(self, place: tuple[object, ...], rule: str) -> InvalidConfiguration:
        where = "".join(f"[{step!r}]" for step in place)
        what = f"{where} of {self._noun}" if place else self._noun
        return InvalidConfiguration(f"{self._field}: {what} {rule}")


def _shown(value: object, place: tuple[object, ...]) -> str:
    hidden = any(isinstance(step, str) and names_secret(step) for step in place)
    return HIDDEN if hidden else shown(value)


def _remedy(value: Any, place: tuple[object, ...]) -> str:
    """What to write instead."""
    if isinstance(value, tuple):
        return f": JSON would give back a list, write {_shown(list(value), place)}"
    if isinstance(value, AbstractSet):
        return ": it has another order in the next process, write a list"
    if is_of_numpy(value, "ndarray"):
        return ": write a list, as its tolist() gives it"
    if isinstance(value, Mapping | list):
        return f": write a plain {'list' if isinstance(value, list) else 'dict'}"
    return ""
