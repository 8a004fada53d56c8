"""The module of an objective that travels by value: a script, a notebook, a file loaded by path.

The trial's process cannot import such a module by its name. Its functions arrive without it, and
whatever looks a class or a function up by the module's name, as pickle does and with it
`multiprocessing` and joblib, would not find it. So what the module defines travels along, with the
values that its variables have by now.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import math
import pickle
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.code_origin import innermost
from prefect_tuner.tasks.module_pickling import ModulePickler, Name, definition_path
from prefect_tuner.tasks.script_source import is_rerunnable

SPARE_LIMIT = 4_000_000
"""Bytes of a definition with all that it refers to, where the objective does not use it; a larger
one is left behind."""

SPARES_LIMIT = 32_000_000
"""Bytes of all of them."""

Place: TypeAlias = tuple[str, str, str]
"""A variable: the name of a module, a name in it, and an attribute of that; or no attribute."""


@dataclass(frozen=True)
class ModuleOutline:
    """What is known of a module in the process that cannot import it.

    Attributes:
        name: Under which it is looked up, such as `"__main__"`.
        file: Its file; empty for a notebook.
        run_as: The name under which `python -m` has found it; empty where it was not run so.
        search: Where its submodules are looked for, if it is a package.
        is_rerunnable: Whether its source may be run again.
        spares: Pickles of what it defines and the objective does not use, by name: most of it is
            never asked for, and some would import what no trial needs.
    """

    name: str
    file: str
    run_as: str
    search: list[str]
    is_rerunnable: bool
    spares: dict[str, bytes] = field(repr=False)


@dataclass(frozen=True)
class Travelled:
    """What is pickled of an objective and of modules that travel with it.

    Attributes:
        objective: The objective.
        definitions: Functions, classes and the like that it uses, directly or by others.
        values: The values of variables that it uses.
    """

    objective: Any
    definitions: dict[Name, Any]
    values: dict[Place, Any]


class CannotTravel(Exception):
    """Something of an objective cannot be pickled. The message says what, in half a sentence."""


@dataclass(frozen=True)
class LeftBehind:
    """What an objective uses and what cannot be pickled.

    Attributes:
        kind: Its type.
        reason: Why.
    """

    kind: str
    reason: str


@dataclass(frozen=True)
class Luggage:
    """What has to be known before `Travelled` is unpickled.

    Attributes:
        modules: The modules that the objective needs; empty where it can be imported.
        digests: Of the values' pickles, so that those are told that have changed.
        left: What is there only if its module is run again.
    """

    modules: list[ModuleOutline]
    digests: dict[Place, bytes]
    left: dict[Name, LeftBehind]

    def check_found(self) -> None:
        """Check that what was left behind is in the modules of this process.

        Raises:
            CannotTravel: Something is not.
        """
        for (module, name), left in self.left.items():
            found = vars(sys.modules[module]).get(name)
            if type_name(found) != left.kind:
                raise CannotTravel(_unpicklable(name, left.reason))


def pack(objective: object, modules: Iterable[ModuleType]) -> tuple[bytearray, Luggage]:
    """Pickle an objective, and of some modules what it uses.

    Args:
        objective: The objective.
        modules: Those that it may belong to and that cannot be imported elsewhere.

    Returns:
        `Travelled`, pickled, and what has to be known before; the objective alone, where it needs
        none of the modules.

    Raises:
        CannotTravel: Something of it cannot be pickled.
    """
    by_name = {module.__name__: module for module in modules}
    used = _Used(by_name)
    try:
        used.follow(objective)
        for name in used.met:
            used.add_plain_values(by_name[name])
        outlines = [_outline(by_name[name], by_name, used.seen) for name in sorted(used.met)]
        luggage = Luggage(outlines, used.digests, used.left)
        if not all(outline.is_rerunnable for outline in outlines):
            _check_nothing(used.left)
        return used.pickled(objective), luggage
    except CannotTravel:
        raise
    except Exception as error:
        culprit = _culprit(objective, by_name)
        raise CannotTravel(_unpicklable(culprit, shown_error(error))) from error


def digest(value: object, modules: Iterable[ModuleType]) -> bytes:
    """A digest of a value's pickle, which tells whether it has changed.

    Raises:
        Exception: It cannot be pickled.
    """
    sink = _Digest()
    ModulePickler(sink, modules).dump(value)
    return sink.content()


def variables_of(definition: object) -> dict[str, Any]:
    """The attributes of a class or a function that hold data."""
    if not isinstance(definition, type | FunctionType):
        return {}
    return {
        name: value
        for name, value in vars(definition).items()
        if not name.startswith("__")
        and not isinstance(value, type | FunctionType | classmethod | staticmethod)
        and not hasattr(type(value), "__get__")
    }


class _Used:
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
            return set()
        if not is_definition:
            self._add_value((*name, ""), value, mark)
            return more
        self._definitions[name] = value
        for attribute, data in variables_of(value).items():
            self._add_value((*name, attribute), data, self._look_at(data)[0])
        return more

    def add_plain_values(self, module: ModuleType) -> None:
        """Add numbers, texts and the like, which may be looked up by names made at run time."""
        for name, value in list(vars(module).items()):
            place = (module.__name__, name, "")
            if name.startswith("__") or (module.__name__, name) in self.seen:
                continue
            with suppress(Exception):
                sink = _Digest(SPARE_LIMIT)
                _PlainPickler(sink, pickle.HIGHEST_PROTOCOL).dump(value)
                self._add_value(place, value, sink.content())

    def pickled(self, objective: object) -> bytearray:
        """The object with all that it uses."""
        sink = _Bytes(self._limit)
        pickler = ModulePickler(sink, self._modules.values(), self._definitions)
        pickler.dump(
            Travelled(objective, self._definitions, self._values) if self.met else objective
        )
        return sink.content()

    def _add_value(self, place: Place, value: Any, mark: bytes) -> None:
        self._values[place] = value
        self.digests[place] = mark

    def _look_at(self, obj: Any, whole: Iterable[Name] = ()) -> tuple[bytes, set[Name]]:
        """The digest of an object, and the names that it uses."""
        sink = _Digest(self._limit)
        pickler = ModulePickler(sink, self._modules.values(), whole)
        pickler.dump(obj)
        self.met |= pickler.met
        return sink.content(), pickler.used


def _check_nothing(left: Mapping[Name, LeftBehind]) -> None:
    for (_, name), each in left.items():
        raise CannotTravel(_unpicklable(name, each.reason))


def _unpicklable(name: str, reason: str) -> str:
    named = f"{name!r}, which it uses," if name else "it, or something it refers to,"
    return f"{named} cannot be pickled ({reason})"


def _culprit(objective: object, modules: Mapping[str, ModuleType]) -> str:
    """The name of the first variable around a function that cannot be pickled, or empty."""
    with suppress(TypeError, ValueError):  # It is none that was written in Python.
        for name, value in inspect.getclosurevars(_function_of(objective)).nonlocals.items():
            try:
                _Used(modules).follow(value)
            except Exception:  # noqa: BLE001 - a user's `__reduce__` may raise anything
                return name
    return ""


def _function_of(objective: object) -> Any:
    """The function or method that an objective calls: its own, its `train`, or its `__call__`."""
    objective = innermost(objective)
    train = getattr(objective, "train", None)
    function = train if callable(train) else objective
    if not isinstance(function, type) and not hasattr(function, "__name__"):
        function = MethodType(type(function).__call__, function)  # An object that can be called.
    return function


class _PlainPickler(pickle.Pickler):
    """Pickles Python's own kinds of data, and nothing else."""

    def reducer_override(self, obj: Any) -> Any:
        raise TypeError(f"{type(obj)} is not plain")


def _outline(
    module: ModuleType, modules: Mapping[str, ModuleType], used: set[Name]
) -> ModuleOutline:
    file = getattr(module, "__file__", None)
    spec = getattr(module, "__spec__", None)
    return ModuleOutline(
        name=module.__name__,
        file=str(Path(file).absolute()) if file else "",
        run_as=spec.name if spec is not None and module.__name__ == "__main__" else "",
        search=list(getattr(module, "__path__", [])),
        is_rerunnable=is_rerunnable(module),
        spares=_spares(module, modules, used),
    )


def _spares(
    module: ModuleType, modules: Mapping[str, ModuleType], used: set[Name]
) -> dict[str, bytes]:
    spares: dict[str, bytes] = {}
    left = SPARES_LIMIT
    for name, value in list(vars(module).items()):
        path = (module.__name__, name)
        if path in used or definition_path(value, modules) != path:
            continue
        # Too much data, or whatever a user's `__reduce__` raises: then it is not found by name.
        with suppress(Exception):
            found = _Used(modules, min(left, SPARE_LIMIT))
            found.follow(value)
            spares[name] = bytes(found.pickled(None))
            left -= len(spares[name])
    return spares


def type_name(value: object) -> str:
    """The name of a value's type, and of the module that has it."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


class _Sink(io.RawIOBase):
    """Takes what is written, up to a limit."""

    def __init__(self, limit: float = math.inf) -> None:
        self._left = limit

    def write(self, data: Any, /) -> int:
        self._left -= memoryview(data).nbytes
        if self._left < 0:
            raise OverflowError("more than what travels along unasked")
        self._take(data)
        return len(data)

    def _take(self, data: Any) -> None:
        raise NotImplementedError


class _Bytes(_Sink):
    """Keeps it."""

    def __init__(self, limit: float) -> None:
        super().__init__(limit)
        self._kept = bytearray()

    def _take(self, data: Any) -> None:
        self._kept += data

    def content(self) -> bytearray:
        return self._kept


class _Digest(_Sink):
    """Keeps its digest."""

    def __init__(self, limit: float = math.inf) -> None:
        super().__init__(limit)
        self._hash = hashlib.blake2b(digest_size=16)

    def _take(self, data: Any) -> None:
        self._hash.update(data)

    def content(self) -> bytes:
        return self._hash.digest()
