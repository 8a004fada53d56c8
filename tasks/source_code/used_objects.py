"""What an objective uses of modules that travel with it: their functions, classes and variables.

Found by pickling it: what is pickled by reference to such a module is looked at next, and so on.
"""

from __future__ import annotations

import hashlib
import io
import math
import pickle
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import Any, TypeAlias

from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.source_code.module_pickling import (
    ModulePickler,
    Name,
    Placed,
    definition_path,
)

PLAIN_LIMIT = 4_000_000
"""Bytes of a variable that travels though nothing is seen to use it."""

Place: TypeAlias = tuple[str, str, str]
"""A variable: the name of a module, a name in it, and an attribute of that; or no attribute."""


@dataclass(frozen=True)
class Travelled:
    """What is pickled of an objective and of modules that travel with it.

    Attributes:
        contents: All that it uses, directly or by others; each is found in its module from then on.
        definitions: Functions, classes and the like among it.
        values: The values of variables among it, and of attributes of what cannot be pickled.
        objective: The objective.
    """

    contents: list[Placed]
    definitions: dict[Name, Any]
    values: dict[Place, Any]
    objective: Any


@dataclass(frozen=True)
class LeftBehind:
    """What an objective uses and what cannot be pickled.

    Attributes:
        kind: Its type.
        reason: Why.
    """

    kind: str
    reason: str


class UsedObjects:
    """What an object uses of some modules.

    Args:
        modules: By their names.
        limit: Bytes that any of it may have.
    """

    def __init__(self, modules: Mapping[str, ModuleType], limit: float = math.inf) -> None:
        self.met: set[str] = set()
        self.seen: set[Name] = set()
        self.digests: dict[Place, bytes] = {}
        self.left: dict[Name, LeftBehind] = {}
        self._definitions: dict[Name, Any] = {}
        self._values: dict[Place, Any] = {}
        self._modules = modules
        self._limit = limit

    def follow(self, obj: object) -> None:
        """Find what an object uses, and what that uses, and so on.

        Raises:
            Exception: The object itself cannot be pickled.
        """
        _, pending = self._look_at(obj)
        while pending:
            name = pending.pop()
            if name not in self.seen and name[1] in vars(self._modules[name[0]]):
                self.seen.add(name)
                pending |= self._add(name)

    def _add(self, name: Name) -> set[Name]:
        value = vars(self._modules[name[0]])[name[1]]
        is_definition = definition_path(value, self._modules) == name
        try:
            mark, more = self._look_at(value, [name] if is_definition else [])
        except OverflowError:
            raise
        except Exception as error:  # noqa: BLE001 - a user's `__reduce__` may raise anything
            self.left[name] = LeftBehind(type_name(value), shown_error(error))
            return self._add_attributes(name, value)
        if is_definition:
            self._definitions[name] = value
        else:
            self._add_value((*name, ""), value, mark)
        return more

    def _add_attributes(self, name: Name, value: object) -> set[Name]:
        """Add what can be pickled of an object that cannot."""
        used: set[Name] = set()
        for attribute, data in _variables_of(value).items():
            with suppress(Exception):
                mark, more = self._look_at(data)
                self._add_value((*name, attribute), data, mark)
                used |= more
        return used

    def add_plain_values(self, module: ModuleType) -> None:
        """Add numbers, texts and the like, which may be looked up by names made at run time."""
        for name, value in list(vars(module).items()):
            place = (module.__name__, name, "")
            if name.startswith("__") or (module.__name__, name) in self.seen:
                continue
            with suppress(Exception):
                mark = _hash()
                sink = _Sink(mark.update, PLAIN_LIMIT)
                _PlainPickler(sink, pickle.HIGHEST_PROTOCOL).dump(value)
                self._add_value(place, value, mark.digest())

    def pickled(self, objective: object, *, updates: bool = True) -> bytearray:
        """The object with all that it uses.

        Args:
            objective: The object.
            updates: Whether what the other process has already is to be as it is here.
        """
        kept = bytearray()
        sink = _Sink(kept.extend, self._limit)
        modules = self._modules.values()
        pickler = ModulePickler(sink, modules, self._definitions, updates=updates)
        pickler.dump(self._travelled(objective) if self.met else objective)
        return kept

    def _travelled(self, objective: object) -> Travelled:
        variables = {place[:2]: value for place, value in self._values.items() if not place[2]}
        found = self._definitions | variables
        # In the order in which the modules have made them: one may need another when it is made.
        ordered = [
            Placed(home, name, found[home, name])
            for home, module in self._modules.items()
            for name in vars(module)
            if (home, name) in found
        ]
        return Travelled(ordered, self._definitions, self._values, objective)

    def _add_value(self, place: Place, value: Any, mark: bytes) -> None:
        self._values[place] = value
        self.digests[place] = mark

    def _look_at(self, obj: Any, whole: Iterable[Name] = ()) -> tuple[bytes, set[Name]]:
        """The digest of an object, and the names that it uses."""
        mark = _hash()
        sink = _Sink(mark.update, self._limit)
        pickler = ModulePickler(sink, self._modules.values(), whole)
        pickler.dump(obj)
        self.met |= pickler.met
        return mark.digest(), pickler.used


def digest(value: object, modules: Iterable[ModuleType]) -> bytes:
    """A digest of a value's pickle, which tells whether it has changed.

    Raises:
        Exception: It cannot be pickled.
    """
    mark = _hash()
    ModulePickler(_Sink(mark.update), modules).dump(value)
    return mark.digest()


def _variables_of(obj: object) -> dict[str, Any]:
    """The attributes of an object that hold data."""
    return {
        name: value
        for name, value in getattr(obj, "__dict__", {}).items()
        if not name.startswith("__")
        and not isinstance(value, type | FunctionType | classmethod | staticmethod)
        and not hasattr(type(value), "__get__")
    }


def type_name(value: object) -> str:
    """The name of a value's type and of the module that has it; of a file, its own as well."""
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    return f"{name} {getattr(value, 'name', '')}" if isinstance(value, io.IOBase) else name


class _PlainPickler(pickle.Pickler):
    """Pickles Python's own kinds of data, and nothing else."""

    def reducer_override(self, obj: Any) -> Any:
        raise TypeError(f"{type(obj)} is not plain")


class _Sink(io.RawIOBase):
    """Hands on what is written, up to a limit.

    Args:
        take: Is given it.
        limit: Bytes.
    """

    def __init__(self, take: Callable[[Any], object], limit: float = math.inf) -> None:
        self._take = take
        self._left = limit

    def write(self, data: Any, /) -> int:
        size = memoryview(data).nbytes  # Of large data, `pickle` gives no bytes, but the buffer.
        self._left -= size
        if self._left < 0:
            raise OverflowError("more than what travels along unasked")
        self._take(data)
        return size


def _hash() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)
