"""What an objective's code is, so that a study can tell when it has changed.

The code is that of the objective and of whatever it uses of the user's own: functions, classes and
constants of its module, and of other modules of the user's that these import from. Each is known by
a digest of its source, in which comments, docstrings and layout make no difference. Sources are
read, not imported. What is not seen: data, and what is looked up by a name made at run time.
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from prefect_tuner.tasks.objectives.objective_import import undecorated
from prefect_tuner.tasks.source_code.code_origin import Origin, innermost, origin_of, origin_of_file
from prefect_tuner.tasks.source_code.static_code import (
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
        from prefect_tuner.tasks.objectives.objective_code import objective_code

        assert objective_code("json:dumps") == {}  # Python's, not the user's own.
        ```
    """
    if isinstance(objective, str):
        location, _, attribute = objective.rpartition(":")
        file = source_file(location)
        return {} if file is None else StaticCode().of(file, attribute.split(".")[0])
    return _live_code(_function_in(objective))


def changed_code(before: Code, now: Code) -> list[str]:
    """The names of what has changed, half a sentence each.

    Example:
        ```python
        from prefect_tuner.tasks.objectives.objective_code import changed_code

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
        if isinstance(each, _CONSTANTS):
            found[name] = source_digest(repr(each))
        elif origin_of(each) is not Origin.OWN:
            continue
        elif (file := _file_behind(each)) is not None:
            found |= StaticCode().of(file, each.__qualname__.split(".")[0])
        else:
            found[name] = source_digest(_live_source(each))
            todo += _used_by(each, found)
    return dict(sorted(found.items()))


def _used_by(each: Any, found: Code) -> Iterator[tuple[str, Any]]:
    """What the functions of a definition find among their globals."""
    for part in _functions_of(each):
        for used in _names_in(part.__code__) & part.__globals__.keys():
            value = part.__globals__[used]
            if isinstance(value, FunctionType | type):
                yield _name_of(value), value
            elif isinstance(value, ModuleType) and (file := _own_file(value)) is not None:
                found |= StaticCode().of_module(file)
            elif isinstance(value, _CONSTANTS) and not used.startswith("__"):
                yield f"{part.__module__}:{used}", value


def _file_behind(definition: Any) -> Path | None:
    """The user's own file in which a definition stands; None for that of a notebook."""
    module = sys.modules.get(definition.__module__ or "")
    root = definition.__qualname__.split(".")[0]
    is_found = "<" not in root and getattr(module, root, None) is not None
    return _own_file(module) if isinstance(module, ModuleType) and is_found else None


def _own_file(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file) if file and origin_of_file(file) is Origin.OWN else None


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
    objective = innermost(undecorated(objective))
    if not isinstance(objective, type | FunctionType) and not inspect.ismethod(objective):
        objective = type(objective)
    return getattr(objective, "__func__", objective)


def _name_of(each: Any) -> str:
    return f"{each.__module__}:{each.__qualname__}"
