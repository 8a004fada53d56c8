"""Values of parameters compared to the type, and copied, however deep they are nested.

Python holds `1`, `1.0` and `True` equal, and lists of them; to a study they are three values. The
order of a dict's keys makes no difference, as in JSON.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping

from prefect_tuner.hyper_value import HyperValue, Params


def exact_key(value: object) -> Hashable:
    """What is equal for equal values of the same types, and can stand in a set.

    Raises:
        TypeError: It holds something that JSON does not have, and that cannot be hashed.

    Example:
        ```python
        from prefect_tuner.exact_value import exact_key

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
        from prefect_tuner.exact_value import same_params

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
        from prefect_tuner.exact_value import copied_params

        params = {"layers": [64, 32]}
        copied_params(params)["layers"].append(16)
        assert params == {"layers": [64, 32]}
        ```
    """
    return {name: copied(value) for name, value in params.items()}
