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

from prefect_tuner.tasks.code_origin import Origin, origin_of

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

_register, _unregister = atexit.register, atexit.unregister
_handlers: list[_Handler] = []
_listener: Callable[[str], object] = lambda _: None  # noqa: E731


@final
class _Handler:
    """A registered function; equal to it, so that `atexit.unregister` finds it."""

    def __init__(self, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self.function, self.args, self.kwargs = function, args, kwargs

    def __call__(self) -> None:
        _listener(self.name)
        self.function(*self.args, **self.kwargs)

    # A handler is found by the function alone, as in the standard library.
    def __eq__(self, other: object) -> bool:
        return self is other or bool(self.function == other)

    __hash__ = object.__hash__

    @property
    def name(self) -> str:
        module = getattr(self.function, "__module__", None)
        name = getattr(self.function, "__qualname__", type(self.function).__qualname__)
        return f"{module}.{name}" if module else str(name)

    @property
    def belongs_to_each_process(self) -> bool:
        """Whether a fork has to call it as well, though its parent has registered it."""
        home = getattr(self.function, "__module__", "")
        if (home, getattr(self.function, "__qualname__", "")) in _OF_EACH_PROCESS:
            return True
        return origin_of(self.function) is Origin.INSTALLED


def record_exit_handlers() -> None:
    """From now on, remember who registers what. Called before the objective is imported."""

    def register(function: _F, *args: Any, **kwargs: Any) -> _F:
        handler = _Handler(function, args, kwargs)
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
    """Names of the user's own functions that are to be called at the end."""
    return [each.name for each in _handlers if origin_of(each.function) is Origin.OWN]


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
