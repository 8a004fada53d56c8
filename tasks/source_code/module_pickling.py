"""Pickling of what belongs to modules that another process cannot import by their names.

Functions and classes of such a module travel by value, as `cloudpickle` has it, with three
differences. Their globals are those of the module that stands for theirs in the other process.
Where that module has a function or a class already, it is taken instead. And what they use of their
module's globals does not travel with each of them, but is told to the caller.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import io
import pickle
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from types import BuiltinMethodType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any, TypeAlias

import cloudpickle

Name: TypeAlias = tuple[str, str]
"""The name of a module, and a name in it."""

Load: TypeAlias = Callable[[bytes | bytearray], Any]
"""Unpickles an object."""

_CACHED = type(functools.cache(abs))
_PLAIN_CONSTANTS = (int, float, complex, str, bytes, bool, type(None))


class ModulePickler(cloudpickle.Pickler):  # type: ignore[misc]
    """Pickles objects that refer to what belongs to some modules.

    Args:
        file: Is written to.
        modules: Those modules.
        whole: The names of the functions and classes of theirs that are written down. The others
            are looked up in the other process.
        updates: Whether those that the other process has already are to be as they are here.

    Attributes:
        used: The names in these modules that are needed, after something was pickled.
        met: The names of those of the modules that are needed.
    """

    def __init__(
        self,
        file: Any,
        modules: Iterable[ModuleType],
        whole: Iterable[Name] = (),
        *,
        updates: bool = True,
    ) -> None:
        super().__init__(file, protocol=pickle.HIGHEST_PROTOCOL)
        self.used: set[Name] = set()
        self.met: set[str] = set()
        self._modules = {module.__name__: module for module in modules}
        self._whole = frozenset(whole)
        self._setter = _set_or_update if updates else _set_if_made
        for name, module in self._modules.items():
            self.globals_ref[id(vars(module))] = _Globals(name)

    def reducer_override(self, obj: Any) -> Any:
        """Say how an object is pickled; see `pickle.Pickler.reducer_override`."""
        if isinstance(obj, ModuleType):
            if self._modules.get(obj.__name__) is not obj:
                return NotImplemented
            self.met.add(obj.__name__)
            return _module, (obj.__name__,)
        if (home := _home_of_method(obj)) is not None and home.__name__ not in self._modules:
            return getattr, (home, obj.__name__)
        path = definition_path(obj, self._modules)
        if path is None:
            return self._without_globals(obj, super().reducer_override(obj))
        module, qualname = path
        root = (module, qualname.partition(".")[0])
        self.used.add(root)
        self.met.add(module)
        reduced = self._reduced_whole(obj) if root in self._whole else None
        if reduced is None:
            return _found, path
        make, arguments, state, setter = reduced
        made = (*path, code_mark(obj), make, arguments)
        return _found_or_made, made, (state, setter), None, None, self._setter

    def _reduced_whole(self, obj: Any) -> tuple[Any, Any, Any, Any] | None:
        """What to make an object by, and to set its state by; None where that cannot be told."""
        reduced = _reduce_cached(obj) or super().reducer_override(obj)
        if reduced is NotImplemented:
            reduced = obj.__reduce_ex__(pickle.HIGHEST_PROTOCOL)
        reduced = self._without_globals(obj, reduced)
        if not isinstance(reduced, tuple):
            return None
        make, arguments, state, items, pairs, setter = (*reduced, *[None] * 4)[:6]
        return None if items or pairs else (make, arguments, state, setter)

    def _without_globals(self, obj: Any, reduced: Any) -> Any:
        """Take the globals that a function uses out of what `cloudpickle` writes down of it."""
        if not isinstance(obj, FunctionType) or not isinstance(reduced, tuple):
            return reduced
        for home, module in self._modules.items():
            if obj.__globals__ is vars(module):
                self.met.add(home)
                slots = reduced[2][1]
                self.used |= {(home, name) for name in slots["__globals__"]}
                slots["__globals__"] = {}
        return reduced


def _home_of_method(obj: Any) -> ModuleType | None:
    """The module that has a method of an object of its own as one of its functions.

    As `random.gauss` and `numpy.random.normal` are: by value, each would bring a copy of the global
    generator along, which no seed of a trial would reach.
    """
    if not isinstance(obj, MethodType | BuiltinMethodType):
        return None
    owner = obj.__self__
    if owner is None or isinstance(owner, ModuleType | type):
        return None
    home = sys.modules.get(type(owner).__module__)
    found = None if home is None else vars(home).get(obj.__name__)
    return home if type(found) is type(obj) and found == obj else None


def definition_path(obj: Any, modules: Mapping[str, ModuleType]) -> Name | None:
    """Where a function, a class or the like is found in its module; None for all else.

    Args:
        obj: Whatever it is.
        modules: By their names.
    """
    try:
        qualname, home = getattr(obj, "__qualname__", None), getattr(obj, "__module__", None)
    except Exception:  # noqa: BLE001 - a user's `__getattr__` may raise anything
        return None
    if not isinstance(qualname, str) or not isinstance(home, str):
        return None
    module = modules.get(home)
    return (home, qualname) if module and _lookup(module, qualname) is obj else None


def code_mark(obj: Any) -> str:
    """Tells the code of a function or a class from that of another.

    Of other objects, such as a function with a cache, it is that of what they wrap, if anything.
    """
    if not isinstance(obj, type | FunctionType):
        with suppress(ValueError):  # It goes round in circles.
            obj = inspect.unwrap(obj)
    if isinstance(obj, type):
        functions = {k: v for k, v in vars(obj).items() if isinstance(v, FunctionType)}
        code: object = [(name, _code_parts(functions[name].__code__)) for name in sorted(functions)]
    elif isinstance(obj, FunctionType):
        code = _code_parts(obj.__code__)
    else:
        return ""
    return hashlib.blake2b(repr(code).encode(), digest_size=16).hexdigest()


def _code_parts(code: CodeType) -> list[object]:
    constants = [
        _code_parts(each) if isinstance(each, CodeType) else each
        for each in code.co_consts
        if isinstance(each, (CodeType, *_PLAIN_CONSTANTS))
    ]
    return [code.co_name, code.co_firstlineno, code.co_code, code.co_names, constants]


def _lookup(module: ModuleType, qualname: str) -> Any:
    first, *rest = qualname.split(".")
    found = vars(module).get(first)
    for name in rest:
        found = getattr(found, name, None)
    return found


@dataclass(frozen=True)
class _Globals:
    """Stands for the globals of a module."""

    module: str

    def __reduce__(self) -> tuple[Callable[[str], dict[str, Any]], tuple[str]]:
        return _globals, (self.module,)


@dataclass(frozen=True)
class Placed:
    """Something that its module has as soon as it is loaded, unless it has one of that name."""

    module: str
    name: str
    value: Any

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str, Any]]:
        return _place, (self.module, self.name, self.value)


# What follows is called by the names that are in the pickles, in the process that loads them.

standing: set[str] = set()
"""The names of the modules that stand for those of another process in this one."""

_made: set[int] = set()
_NONE = object()


def _place(module: str, name: str, value: Any) -> Any:
    return vars(sys.modules[module]).setdefault(name, value)


def _module(name: str) -> ModuleType:
    return sys.modules[name]


def _globals(module: str) -> dict[str, Any]:
    return vars(sys.modules[module])


def _found(module: str, qualname: str) -> Any:
    return attrgetter(qualname)(sys.modules[module])


def _found_or_made(
    module: str, qualname: str, mark: str, make: Callable[..., Any], arguments: tuple[Any, ...]
) -> Any:
    found = _lookup(sys.modules[module], qualname)
    if found is not None and code_mark(found) == mark:
        return found
    made = make(*arguments)
    _made.add(id(made))
    return made


def _set_or_update(obj: Any, given: tuple[Any, Callable[[Any, Any], object] | None]) -> None:
    if id(obj) in _made:
        _set_if_made(obj, given)
    else:
        _update(obj, given[0])


def _set_if_made(obj: Any, given: tuple[Any, Callable[[Any, Any], object] | None]) -> None:
    state, setter = given
    if id(obj) not in _made:
        return
    _made.discard(id(obj))
    if setter is not None:
        setter(obj, state)
    elif hasattr(obj, "__setstate__"):
        obj.__setstate__(state)
    elif state is not None:
        plain, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, {})
        vars(obj).update(plain or {})
        for name, value in (slots or {}).items():
            setattr(obj, name, value)


def _update(obj: Any, state: Any) -> None:
    """Give a function or a class what was changed of it since it was defined."""
    with suppress(Exception):
        if isinstance(obj, FunctionType):
            attributes, slots = state
            for name, value in attributes.items():
                _set_if_other(obj, name, value)
            _set_if_other(obj, "__defaults__", slots["__defaults__"])
            _set_if_other(obj, "__kwdefaults__", slots["__kwdefaults__"])
            for cell, other in zip(obj.__closure__ or (), slots["__closure__"] or (), strict=True):
                _set_if_other(cell, "cell_contents", other.cell_contents)
        elif isinstance(obj, type) and not issubclass(obj, Enum):
            for name, value in state[0].items():
                if not name.startswith("__") and name != "_abc_impl":
                    _set_if_other(obj, name, value)


def _set_if_other(obj: Any, name: str, value: Any) -> None:
    before = vars(obj).get(name, _NONE) if isinstance(obj, type) else getattr(obj, name, _NONE)
    with suppress(Exception):
        if before is not value and (before is _NONE or _pickled(before) != _pickled(value)):
            setattr(obj, name, value)


def _pickled(value: object) -> bytes:
    buffer = io.BytesIO()
    homes = [module for module in map(sys.modules.get, standing) if module is not None]
    ModulePickler(buffer, homes).dump(value)
    return buffer.getvalue()


def _reduce_cached(obj: Any) -> tuple[Any, ...] | None:
    """A function with a cache, which `pickle` would look up by its name."""
    if not isinstance(obj, _CACHED):
        return None
    return _cached, (obj.__wrapped__, obj.cache_parameters()), None


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)
