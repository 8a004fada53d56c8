"""Values of parameters: their types, and what all kinds of parameters do with them.

They are compared to the type, however deep they are nested: Python holds `1`, `1.0` and `True`
equal, and lists of them; to a study they are three values. The order of a dict's keys makes no
difference, as in JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Hashable, Mapping
from typing import Any, TypeAlias

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
    return value.item() if is_of_numpy(value, "generic") else value


def is_of_numpy(value: Any, kind: str) -> bool:
    """Whether it is an instance of a class of numpy's, given by its name.

    Numpy is not imported for that: a trial's process has it only where the user's program has, and
    then as that has set it up, such as by `OPENBLAS_NUM_THREADS`.

    Example:
        ```python
        import numpy as np

        from prefect_tuner.hyper_value import is_of_numpy

        assert is_of_numpy(np.int64(3), "generic") and not is_of_numpy(3, "generic")
        ```
    """
    return isinstance(value, getattr(sys.modules.get("numpy"), kind, ()))


def fits_json(value: int) -> bool:
    """Whether programs that read JSON take the number as it is."""
    return -LARGEST - 1 <= value <= LARGEST


def index_from_unit(unit: float, count: int) -> int:
    """Which of `count` equal shares of [0, 1] holds `unit`; exact, however many there are."""
    numerator, denominator = unit.as_integer_ratio()
    return min(numerator * count // denominator, count - 1)


def exact_key(value: object) -> Hashable:
    """What is equal for equal values of the same types, and can stand in a set.

    Raises:
        TypeError: It holds something that JSON does not have, and that cannot be hashed.

    Example:
        ```python
        from prefect_tuner.hyper_value import exact_key

        assert exact_key([{"a": 1, "b": None}]) == exact_key([{"b": None, "a": 1}])
        assert len({exact_key(value) for value in ([1], [1.0], [True], 1)}) == 4
        ```
    """
    kind = type(value)
    if kind is list:
        return kind, tuple(map(exact_key, value))  # type: ignore[call-overload]
    if kind is dict:
        items = value.items()  # type: ignore[attr-defined]
        return kind, frozenset((name, exact_key(inner)) for name, inner in items)
    return kind, value


def same_value(one: object, other: object) -> bool:
    """Whether two values are equal and of the same types."""
    if type(one) is not type(other) or one != other:
        return False
    return type(one) not in (list, dict) or exact_key(one) == exact_key(other)


def same_params(one: Mapping[str, HyperValue], other: Mapping[str, HyperValue]) -> bool:
    """Whether two candidates have the same values: `True`, `1` and `1.0` are three, in lists too.

    Example:
        ```python
        from prefect_tuner.hyper_value import same_params

        assert same_params({"a": 1, "b": 2}, {"b": 2, "a": 1})
        assert not same_params({"a": [1]}, {"a": [True]})
        ```
    """
    return one == other and all(same_value(one[name], other[name]) for name in one)


def exact_text(value: object) -> str:
    """JSON that is equal for equal JSON data of the same types; `0.0` and `-0.0` differ."""
    return json.dumps(value, sort_keys=True)


def copied(value: HyperValue) -> HyperValue:
    """The value; a list or dict as a copy that shares nothing with it."""
    if isinstance(value, list):
        return [copied(inner) for inner in value]
    if isinstance(value, dict):
        return {name: copied(inner) for name, inner in value.items()}
    return value


def copied_params(params: Mapping[str, HyperValue]) -> Params:
    """The same params as a copy that shares nothing with them.

    Example:
        ```python
        from prefect_tuner.hyper_value import copied_params

        params = {"layers": [64, 32]}
        copied_params(params)["layers"].append(16)
        assert params == {"layers": [64, 32]}
        ```
    """
    return {name: copied(value) for name, value in params.items()}


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
