"""What the user's modules hold, given up as the interpreter does it at its end.

A file that was never closed has its last lines in a buffer, an archive its list of contents: they
are written when nothing refers to the object any more. The interpreter sees to that by clearing the
modules. Here it is done for the user's own modules alone, and for what was made since they were
imported: in a fork, that is what the trial has made.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import PurePath
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CoroutineType,
    FunctionType,
    GeneratorType,
    ModuleType,
)
from typing import Any, TypeAlias, final

from prefect_tuner.tasks.source_code.code_origin import Origin, origin_of_file

Namespace: TypeAlias = dict[str, Any]
"""What a module holds, or the globals of functions that came without their module."""

# The base of all files, those written in Python included. To ask `io.IOBase`, which is abstract,
# of every object there is takes many times as long; to ask objects for their class wakes some up.
_FILE = io.FileIO.__mro__[-2]

_CODE = type | FunctionType | BuiltinFunctionType | ModuleType
_PLAIN = int | float | complex | str | bytes | None

_RUNNING = (GeneratorType, CoroutineType, AsyncGeneratorType)

# Whose objects stand for processes and connections, which end with this one, in their order.
_OF_PROCESSES = frozenset(
    {
        "_multiprocessing",
        "_socket",
        "asyncio",
        "concurrent",
        "multiprocessing",
        "socket",
        "subprocess",
    }
)

_NOTHING: dict[str, int] = {}


@final
class UserGlobals:
    """What the user's modules held when this was made; the rest is given up by `release`.

    Args:
        namespaces: Further namespaces of the user's.
        is_import_shared: Whether what is held now belongs to others, too, and is left alone.

    Attributes:
        is_import_shared: As above.
    """

    def __init__(self, namespaces: Iterable[Namespace] = (), *, is_import_shared: bool) -> None:
        self.is_import_shared = is_import_shared
        self._known_modules = set(sys.modules) if is_import_shared else set[str]()
        self._latest_module = _latest_module() if is_import_shared else None
        self._held: list[tuple[Namespace, dict[str, int]]] = []
        if is_import_shared:
            for namespace in [*_users_among(self._known_modules), *namespaces]:
                self._held.append((namespace, _identities(namespace)))

    def release(self, namespaces: Iterable[Namespace] = ()) -> None:
        """Give up what was made since, and write what is in the buffers of files.

        Args:
            namespaces: Further namespaces of the user's.
        """
        gc.collect()  # As the interpreter does, while its finalizers still find all that they use.
        for namespace, name in list(self.made_since(namespaces)):
            namespace[name] = None
        gc.collect()
        if not self.is_import_shared:
            gc.unfreeze()  # What the import has made is the trial's own, too.
        _finalize_the_rest()

    def made_since(self, namespaces: Iterable[Namespace] = ()) -> Iterator[tuple[Namespace, str]]:
        """The names of what was made since, each with the namespace that it is in.

        Args:
            namespaces: Further namespaces of the user's.
        """
        known = [id(namespace) for namespace, _ in self._held]
        made: list[Namespace] = []
        if self._latest_module != _latest_module():
            made = _users_among(set(sys.modules) - self._known_modules)
        made += [each for each in namespaces if id(each) not in known]
        for namespace, before in [*self._held, *((each, _NOTHING) for each in made)]:
            # As the interpreter does it: private names first, and all in the order of the module.
            for name in sorted(namespace, key=lambda name: not name.startswith("_")):
                if _is_given_up(name, namespace[name], before):
                    yield namespace, name


def _is_given_up(name: str, value: Any, before: dict[str, int]) -> bool:
    # Code and plain values finalize nothing, and are needed by what does.
    is_needed = isinstance(value, _CODE | PurePath | _PLAIN)
    return before.get(name) != id(value) and not is_needed and not name.startswith("__")


def _users_among(names: Iterable[str]) -> list[Namespace]:
    modules = [(name, sys.modules.get(name)) for name in names]
    return [
        vars(module)
        for name, module in modules
        if isinstance(module, ModuleType) and _is_the_users(name, module)
    ]


def _is_the_users(name: str, module: ModuleType) -> bool:
    if name.partition(".")[0] == "prefect_tuner":
        return False
    if name in ("__main__", "__mp_main__"):  # This package's own program, or a user's script.
        spec = module.__spec__
        return spec is None or spec.name.partition(".")[0] != "prefect_tuner"
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and origin_of_file(file) is Origin.OWN


def _latest_module() -> tuple[int, str, int]:
    """Tells whether a module was imported since; to compare the names of all takes longer."""
    name, module = next(reversed(sys.modules.items()))
    return len(sys.modules), name, id(module)


def _identities(namespace: Namespace) -> dict[str, int]:
    return {name: id(value) for name, value in namespace.items()}


def _finalize_the_rest() -> None:
    """Do what is done when an object is deleted, for those that are still there.

    In a fork, these are what was made in it: what its parent has made is frozen for the garbage
    collector, which does not tell of it. It may be held by anything that the import has made, and
    by modules of packages.
    """
    standard = _standard_streams()
    objects = gc.get_objects()
    kinds = {kind for kind in set(map(type, objects)) if _is_finalized_here(kind)}
    found = [each for each in objects if type(each) in kinds]
    found.reverse()  # What finalizes the latest may need what was there before.
    for generator in [each for each in objects if type(each) is GeneratorType]:
        if generator.gi_suspended:
            with suppress(BaseException):
                generator.close()
    for each in sorted(found, key=_layer):
        if any(each is stream for stream in standard):
            continue
        with suppress(BaseException):  # Nobody is there who could be told.
            type(each).__del__(each)


def _is_finalized_here(kind: type) -> bool:
    bases = kind.__mro__
    if not any("__del__" in vars(base) for base in bases) or issubclass(kind, _RUNNING):
        return False
    return _OF_PROCESSES.isdisjoint(str(base.__module__).partition(".")[0] for base in bases)


def _layer(found: object) -> int:
    """What writes into another comes before it: the text of a file before its buffer."""
    kind = type(found)
    if not issubclass(kind, _FILE):
        return 0
    if issubclass(kind, io.TextIOWrapper):
        return 1
    if kind.__module__ != "_io":  # Such as `gzip.GzipFile`.
        return 2
    return 4 if issubclass(kind, io.FileIO) else 3


def _standard_streams() -> list[object]:
    streams: list[Any] = [sys.stdin, sys.stdout, sys.stderr]
    streams += [sys.__stdin__, sys.__stdout__, sys.__stderr__]
    buffers = [getattr(stream, "buffer", None) for stream in streams]
    return [*streams, *buffers, *(getattr(buffer, "raw", None) for buffer in buffers)]
