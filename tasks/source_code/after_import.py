"""Doing something to a module as soon as it is imported, if it ever is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TypeAlias

Callback: TypeAlias = Callable[[ModuleType], object]


def call_after_import(name: str, callback: Callback) -> None:
    """Call a function with a module: at once if it is loaded, otherwise when it has been imported.

    Whatever imports it waits for the function; what the function raises, the import raises.

    Args:
        name: Of a module, such as `"torch"` or `"numpy.random"`.
        callback: Is called once.

    Example:
        ```python
        import sys

        from prefect_tuner.tasks.source_code.after_import import call_after_import

        seen = []
        call_after_import("colorsys", lambda module: seen.append(module.__name__))
        import colorsys

        assert seen == ["colorsys"]
        ```
    """
    loaded = sys.modules.get(name)
    if loaded is not None and not _is_being_imported(loaded):
        callback(loaded)
        return
    _finder.callbacks.setdefault(name, []).append(callback)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def _is_being_imported(module: ModuleType) -> bool:
    return bool(getattr(module.__spec__, "_initializing", False))


class _Finder:
    """Finds nothing itself: lets those modules that are waited for call back when they are run."""

    def __init__(self) -> None:
        self.callbacks: dict[str, list[Callback]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self.callbacks:
            return None
        for finder in sys.meta_path:
            if finder is self:
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                self._watch(spec)
                return spec
        return None

    def _watch(self, spec: ModuleSpec) -> None:
        execute = getattr(spec.loader, "exec_module", None)
        if execute is None:  # A namespace package, which has no code.
            return

        def execute_and_call(module: ModuleType) -> None:
            execute(module)
            for callback in self.callbacks.pop(spec.name, ()):
                callback(module)

        # Loaders of files are made for one module each. Others keep what they have: a module that
        # is frozen or built in is never one that is waited for.
        if getattr(spec.loader, "__dict__", None) is not None:
            spec.loader.exec_module = execute_and_call  # type: ignore[union-attr,method-assign]


_finder = _Finder()
