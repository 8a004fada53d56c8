"""The kinds of parameters: `Float`, `Int`, `Categorical`.

Each is an immutable value that knows its own domain: whether a value lies in it, how many
values there are, and which value a point of the unit interval stands for.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields
from typing import Any, TypeAlias

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import native
from prefect_tuner.redaction import shown
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.numeric import Float, Int

__all__ = ["Categorical", "Float", "Int", "Parameter", "parse_parameter"]

Parameter: TypeAlias = Float | Int | Categorical
"""Any kind of parameter."""

_KINDS: dict[str, Any] = {"float": Float, "int": Int, "categorical": Categorical}


def parse_parameter(declared: object) -> Parameter:
    """A parameter from what may stand in a search space: itself, a list, or JSON data.

    Args:
        declared: A `Float`, `Int` or `Categorical`; a list or tuple of choices; or a mapping with
            the key `type` (`"float"`, `"int"` or `"categorical"`) and the arguments of that kind.

    Raises:
        InvalidConfiguration: It is none of these, or its arguments are wrong; or it is a tuple of
            two numbers, by which other libraries mean a range.

    Example:
        ```python
        from prefect_tuner.search_space.parameters import Float, parse_parameter

        assert parse_parameter({"type": "float", "low": 0, "high": 1}) == Float(0.0, 1.0)
        ```
    """
    if isinstance(declared, Float | Int | Categorical):
        return declared
    if isinstance(declared, tuple) and _is_range(declared):
        low, high = map(native, declared)
        meant = "Int" if isinstance(low, int) and isinstance(high, int) else "Float"
        raise InvalidConfiguration(
            f"({low!r}, {high!r}) is no parameter: {meant}({low!r}, {high!r}) was probably meant, "
            f"with log=True for a logarithmic scale; a list, [{low!r}, {high!r}], stands for two "
            "choices"
        )
    if isinstance(declared, list | tuple | AbstractSet):
        return Categorical(declared)
    if not isinstance(declared, Mapping):
        raise InvalidConfiguration(
            f"must be a Float, Int or Categorical, a list of choices, or a mapping with a type, "
            f"got {shown(declared)}"
        )
    kind = declared.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise InvalidConfiguration(
            f"type must be one of {', '.join(map(repr, _KINDS))}, got {shown(kind)}"
        )
    arguments = {key: value for key, value in declared.items() if key != "type"}
    known = [f for f in fields(_KINDS[kind]) if f.init]
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


def _is_range(declared: tuple[object, ...]) -> bool:
    """Whether a tuple is two numbers."""
    values = [native(value) for value in declared]
    return len(values) == 2 and all(type(value) in (int, float) for value in values)
