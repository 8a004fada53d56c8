"""What an objective's code is, so that a study can tell when it has changed.

The code is that of the objective and of whatever it uses of the user's own: functions, classes and
constants of its module, and of other modules of the user's that these import from. Each is known by
a digest of its source, in which comments, docstrings and layout make no difference. Sources are
read, not imported. What is not seen: data, and what is looked up by a name made at run time.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from prefect_tuner.tasks.code_origin import Origin, origin_of, origin_of_file
from prefect_tuner.tasks.objective_import import undecorated
from prefect_tuner.tasks.static_code import (
    MOST_DEFINITIONS,
    Code,
    StaticCode,
    plain_source,
    source_digest,
    source_file,
)

_CONSTANTS = (int, float, complex, str, bytes, bool, type(None))


def objective_code(objective: object) -> Code:
    """The code of an objective; empty where no source can be found.

    Args:
        objective: As `tune` takes it: a path, a callable, or an object with a method `train`.

    Example:
        ```python
        from prefect_tuner.tasks.objective_code import objective_code

        assert objective_code("json:dumps") == {}  # Python's, not the user's own.
        ```
    """
    if isinstance(objective, str):
        location, _, attribute = objective.rpartition(":")
        file = source_file(location)
        return {} if file is None else StaticCode().of(file, attribute.split(".")[0])
    function = _function_in(objective)
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    file = getattr(module, "__file__", None)
    root = getattr(function, "__qualname__", "").split(".")[0]
    with suppress(OSError, SyntaxError, ValueError):
        if file and "<" not in root and origin_of_file(file) is Origin.OWN:
            found = StaticCode().of(Path(file), root)
            if found:
                return found
    return _live_code(function)


def changed_code(before: Code, now: Code) -> list[str]:
    """The names of what has changed, half a sentence each.

    Example:
        ```python
        from prefect_tuner.tasks.objective_code import changed_code

        assert changed_code({"m:f": "1", "m:g": "2"}, {"m:f": "3"}) == [
            "m:f has changed", "m:g is not used any more"
        ]
        ```
    """
    changed = [f"{name} has changed" for name in now if before.get(name, now[name]) != now[name]]
    changed += [f"{name} is new" for name in now if name not in before]
    return changed + [f"{name} is not used any more" for name in before if name not in now]


def _live_code(function: Any) -> Code:
    """The code of a function that lies in no file, such as one of a notebook."""
    found: Code = {}
    todo: list[tuple[str, Any]] = [(_name_of(function), function)]
    while todo and len(found) < MOST_DEFINITIONS:
        name, each = todo.pop()
        if name in found:
            continue
        if not isinstance(each, FunctionType | type):
            found[name] = source_digest(repr(each))
            continue
        found[name] = source_digest(_live_source(each))
        for part in _functions_of(each):
            for used in _names_in(part.__code__):
                if used not in part.__globals__:
                    continue
                value = part.__globals__[used]
                is_own = isinstance(value, FunctionType | type) and origin_of(value) is Origin.OWN
                if is_own:
                    todo.append((_name_of(value), value))
                elif isinstance(value, _CONSTANTS) and not used.startswith("__"):
                    todo.append((f"{part.__module__}:{used}", value))
    return dict(sorted(found.items()))


def _functions_of(each: Any) -> list[FunctionType]:
    if isinstance(each, FunctionType):
        return [each]
    return [value for value in vars(each).values() if isinstance(value, FunctionType)]


def _live_source(each: Any) -> str:
    try:
        return "\n".join(
            map(plain_source, ast.parse(textwrap.dedent(inspect.getsource(each))).body)
        )
    except (OSError, TypeError, SyntaxError):  # Typed in, or in the middle of an expression.
        codes = [part.__code__ for part in _functions_of(each)]
        return repr([(c.co_code, c.co_names, list(map(repr, _plain_constants(c)))) for c in codes])


def _plain_constants(code: CodeType) -> list[Any]:
    return [each for each in code.co_consts if isinstance(each, _CONSTANTS)]


def _names_in(code: CodeType) -> set[str]:
    inner = [each for each in code.co_consts if isinstance(each, CodeType)]
    return set(code.co_names).union(*map(_names_in, inner))


def _function_in(objective: object) -> Any:
    objective = undecorated(objective)
    while isinstance(objective, functools.partial):
        objective = objective.func
    if not isinstance(objective, type | FunctionType) and not inspect.ismethod(objective):
        objective = type(objective)
    return getattr(objective, "__func__", objective)


def _name_of(each: Any) -> str:
    return f"{each.__module__}:{each.__qualname__}"
