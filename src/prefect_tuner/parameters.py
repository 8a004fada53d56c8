"""The kinds of parameters: `Float`, `Int`, `Categorical`.

Each is an immutable value that knows its own domain: whether a value lies in it, how many
values there are, and which value a point of the unit interval stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeAlias

from prefect_tuner.categorical import Categorical
from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import HyperValue, Params
from prefect_tuner.numeric import Float, Int

__all__ = [
    "Categorical",
    "Float",
    "HyperValue",
    "Int",
    "Parameter",
    "Params",
    "parse_parameter",
]

Parameter: TypeAlias = Float | Int | Categorical
"""Any kind of parameter."""

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
