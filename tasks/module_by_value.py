"""The module of an objective that travels by value: a script, a notebook, a file loaded by path.

The trial's process cannot import such a module. Its functions arrive without it, and whatever looks
a class or a function up by the module's name, as pickle does and with it `multiprocessing` and
joblib, would not find it. So what the module defines travels along, and stands in for the module.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

from prefect_tuner.tasks.code_origin import innermost

DEFINITION_LIMIT = 4_000_000
"""Bytes of one definition with all that it refers to; a larger one is left behind."""

DEFINITIONS_LIMIT = 32_000_000
"""Bytes of all of them."""

Dump: TypeAlias = Callable[[Any, io.RawIOBase], object]
"""Pickles an object into a file."""


@dataclass(frozen=True)
class ModuleByValue:
    """What is known of a module in the process that cannot import it.

    Attributes:
        name: Under which it is looked up, such as `"__main__"`.
        file: Its file; empty for a notebook.
        definitions: Its functions and classes, each pickled by itself: most are never asked for,
            and some would import what no trial needs.
    """

    name: str
    file: str
    definitions: dict[str, bytes] = field(repr=False)

    def install(self, objective: object, load: Callable[[bytes], Any]) -> dict[str, Any] | None:
        """Let the module be found in this process, and in it what the objective refers to.

        Args:
            objective: As it arrived.
            load: Unpickles a definition.

        Returns:
            The globals of the objective's functions; None where they are not of this module.
        """
        function = function_of(objective)
        belongs = getattr(function, "__module__", None) == self.name
        own: dict[str, Any] = getattr(function, "__globals__", {}) if belongs else {}
        module = ModuleType(self.name)
        held = vars(module)
        held.update({name: value for name, value in own.items() if name != "__builtins__"})
        for named in (function, type(getattr(function, "__self__", objective))):
            if getattr(named, "__module__", None) == self.name:
                held.setdefault(named.__name__, named)

        def find(name: str) -> Any:
            with suppress(KeyError):
                held[name] = load(self.definitions[name])
                return held[name]
            raise AttributeError(f"module {self.name!r} has no attribute {name!r}")

        held.update({"__name__": self.name, "__spec__": None, "__getattr__": find})
        if self.file:
            held["__file__"] = self.file
        sys.modules[self.name] = module
        if self.name == "__main__" and "__mp_main__" in sys.modules:
            sys.modules["__mp_main__"] = module  # As `multiprocessing` has it.
        return own if belongs else None


def module_by_value(module: ModuleType, dump: Dump) -> ModuleByValue:
    """What a module defines, as far as it can travel.

    Args:
        module: The module.
        dump: Pickles an object by value, where it is of this module.
    """
    file = getattr(module, "__file__", None)
    definitions: dict[str, bytes] = {}
    left = DEFINITIONS_LIMIT
    for name, value in list(vars(module).items()):
        if not isinstance(value, type | FunctionType):
            continue
        if getattr(value, "__module__", None) != module.__name__:
            continue
        limited = _LimitedBuffer(min(left, DEFINITION_LIMIT))
        # Too much data, or whatever a user's `__reduce__` raises: then it is not found by name.
        with suppress(Exception):
            dump(value, limited)
            definitions[name] = limited.content()
            left -= len(definitions[name])
    return ModuleByValue(module.__name__, str(Path(file).absolute()) if file else "", definitions)


class _LimitedBuffer(io.RawIOBase):
    """Keeps what is written, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._chunks: list[bytes] = []
        self._left = limit

    def write(self, data: Any, /) -> int:
        self._left -= memoryview(data).nbytes
        if self._left < 0:
            raise OverflowError("more than what travels along unasked")
        self._chunks.append(bytes(data))
        return len(data)

    def content(self) -> bytes:
        return b"".join(self._chunks)


def function_of(objective: object) -> Any:
    """The function or method that an objective calls: its own, its `train`, or its `__call__`."""
    objective = innermost(objective)
    train = getattr(objective, "train", None)
    function = train if callable(train) else objective
    if not isinstance(function, type) and not hasattr(function, "__name__"):
        function = MethodType(type(function).__call__, function)  # An object that can be called.
    return function
