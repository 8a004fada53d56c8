"""Values of parameters: their types, and what all kinds of parameters do with them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.redaction import shown

HyperValue: TypeAlias = int | float | str | bool | list[Any] | dict[str, Any] | None
"""A value of a parameter: any that JSON has, lists and dicts of such values included.

`True` is never mistaken for `1`, nor `1` for `1.0`, however deep they stand.
"""

Params: TypeAlias = dict[str, Any]
"""The values of one trial, by the names of the parameters: each a `HyperValue`.

Whoever declared a parameter knows what it holds: `params["lr"] ** 2` needs no cast.
"""

TOO_LARGE = "must fit into 64 bits"

LARGEST = 2**63 - 1
"""The largest whole number that programs which read JSON take as it is, Prefect's server too."""


def native(value: Any) -> Any:
    """The Python value of a numpy scalar; anything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def fits_json(value: int) -> bool:
    """Whether programs that read JSON take the number as it is."""
    return -LARGEST - 1 <= value <= LARGEST


def index_from_unit(unit: float, count: int) -> int:
    """Which of `count` equal shares of [0, 1] holds `unit`; exact, however many there are."""
    numerator, denominator = unit.as_integer_ratio()
    return min(numerator * count // denominator, count - 1)


def checked_flag(parameter: object, name: str) -> bool:
    """The field `name` of a parameter, which must be a bool."""
    value = native(getattr(parameter, name))
    if not isinstance(value, bool):
        raise wrong_type(parameter, name, "true or false", value)
    return value


def wrong_type(parameter: object, name: str, wanted: str, value: object) -> InvalidConfiguration:
    """The error for a field of the wrong type."""
    kind = type(parameter).__name__
    return InvalidConfiguration(
        f"{kind}: {name} must be {wanted}, got {name}={shown(value)} ({type(value).__name__})"
    )


def set_fields(parameter: object, **values: object) -> None:
    """Set fields of a parameter while it is being made; afterwards it is frozen."""
    for name, value in values.items():
        object.__setattr__(parameter, name, value)
