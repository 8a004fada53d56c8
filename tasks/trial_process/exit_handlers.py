"""What is to be called when the program ends, told apart by who registered it and when.

A trial's process that was forked has the handlers of its parent, which has imported the objective's
module. Some of them look after what is the trial's own by now, such as a tracker's active run;
others would take away what all trials share, such as a temporary folder made during the import.
"""

from __future__ import annotations

import atexit
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from operator import attrgetter
from typing import Any, TypeVar, final

from prefect_tuner.tasks.source_code.code_origin import Origin, innermost, origin_of, origin_of_file

_F = TypeVar("_F", bound=Callable[..., Any])

# Handlers of the standard library that look after the state of the process, which each has its own
# of. All others release something, such as `shutil.rmtree` and `TemporaryDirectory.cleanup`.
_OF_EACH_PROCESS = frozenset(
    {
        ("logging", "shutdown"),
        ("multiprocessing.util", "_exit_function"),
        ("weakref", "finalize._exitfunc"),
    }
)

# Functions of the standard library that take away what was made, such as a temporary folder.
_RELEASERS = frozenset(
    {
        ("shutil", "rmtree"),
        ("posix", "remove"),
        ("posix", "rmdir"),
        ("posix", "unlink"),
        ("pathlib", "Path.rmdir"),
        ("pathlib", "Path.unlink"),
        ("tempfile", "TemporaryDirectory.cleanup"),
        ("tempfile", "TemporaryDirectory._cleanup"),
    }
)

_register, _unregister = atexit.register, atexit.unregister
_handlers: list[_Handler] = []
_listener: Callable[[str], object] = lambda _: None  # noqa: E731


@final
class _Handler:
    """A registered function; equal to it, so that `atexit.unregister` finds it."""

    def __init__(
        self, function: Callable[..., Any], args: Any, kwargs: Any, *, is_users: bool = False
    ) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs
        self.is_users = is_users

    def __call__(self) -> None:
        _listener(self.name)
        self.function(*self.args, **self.kwargs)

    # A handler is found by the function alone, as in the standard library.
    def __eq__(self, other: object) -> bool:
        return self is other or bool(self.function == other)

    __hash__ = object.__hash__

    @property
    def name(self) -> str:
        return _name_of(self.function)

    @property
    def belongs_to_each_process(self) -> bool:
        """Whether a fork has to call it as well, though its parent has registered it."""
        if _path_of(self.function) in _OF_EACH_PROCESS:
            return True
        return origin_of(self.function) is Origin.INSTALLED

    @property
    def needs_users_state(self) -> bool:
        """Whether it may look at what the user's program has made until the end."""
        origin = origin_of(self.function)
        is_pythons = origin is Origin.STANDARD and _path_of(self.function) not in _RELEASERS
        return origin is Origin.OWN or (self.is_users and is_pythons)


def record_exit_handlers() -> None:
    """From now on, remember who registers what. Called before the objective is imported."""

    def register(function: _F, *args: Any, **kwargs: Any) -> _F:
        caller = sys._getframe(1).f_code.co_filename
        handler = _Handler(function, args, kwargs, is_users=origin_of_file(caller) is Origin.OWN)
        _register(handler)
        _handlers.append(handler)
        return function

    def unregister(function: Callable[..., Any]) -> None:
        _unregister(function)
        _handlers[:] = [handler for handler in _handlers if handler != function]

    # Some have registered already, as they do when they are loaded; `atexit` does not tell which.
    for home, name in sorted(_OF_EACH_PROCESS):
        with suppress(KeyError, AttributeError):
            _handlers.append(_Handler(attrgetter(name)(sys.modules[home]), (), {}))
    # Whoever imports the module's functions afterwards gets these.
    vars(atexit).update(register=register, unregister=unregister)


def own_exit_handlers() -> list[str]:
    """Names of what the user has registered to be called at the end, with what is there then."""
    functions = [each.function for each in _handlers if each.needs_users_state]
    for finalizer in list(getattr(weakref.finalize, "_registry", ())):
        found = finalizer.peek()
        if found is not None and finalizer.atexit and origin_of(found[1]) is Origin.OWN:
            functions.append(found[1])
    return list(map(_name_of, functions))


def leave_parents_exit_handlers() -> None:
    """In a fork: leave to the parent what is the parent's to do at its end."""
    kept = [handler for handler in _handlers if handler.belongs_to_each_process]
    atexit._clear()
    _handlers[:] = kept
    for handler in kept:
        _register(handler)
    # The same for finalizers, which one handler calls: a temporary folder made during the import.
    for finalizer in list(getattr(weakref.finalize, "_registry", ())):
        finalizer.atexit = False
    _leave_parents_processes()


def _path_of(function: Callable[..., Any]) -> tuple[str, str]:
    function = innermost(function)
    home = getattr(function, "__module__", None)
    return str(home), str(getattr(function, "__qualname__", ""))


def _name_of(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", None)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{module}.{name}" if module else str(name)


def run_exit_handlers() -> None:
    """Call the handlers, the last registered first; their errors are printed."""
    atexit._run_exitfuncs()


def on_exit_handler(listener: Callable[[str], object]) -> None:
    """Have a function told the name of each handler before it is called."""
    global _listener  # noqa: PLW0603 - there is one program, and one end of it
    _listener = listener


def _leave_parents_processes() -> None:
    """As `multiprocessing` does in the processes that it forks itself."""
    process: Any = sys.modules.get("multiprocessing.process")
    util: Any = sys.modules.get("multiprocessing.util")
    with suppress(AttributeError):
        if process is not None:
            process._children = set()
        if util is not None:
            util._finalizer_registry.clear()
            util._run_after_forkers()
