"""The path by which another process, perhaps on another machine, imports an objective."""

from __future__ import annotations

import sys
from contextlib import suppress
from functools import reduce
from importlib.machinery import ModuleSpec
from types import ModuleType

from prefect_tuner.tasks.objectives.objective_import import undecorated


def importable_path(objective: object) -> str:
    """The path by which a function or a class is imported; empty for what has none.

    Args:
        objective: Without its decorators.

    Example:
        ```python
        import json

        from prefect_tuner.tasks.objectives.importable_path import importable_path

        assert importable_path(json.loads) == "json:loads"
        assert importable_path(lambda params: 1.0) == ""
        ```
    """
    module = sys.modules.get(str(getattr(objective, "__module__", "")))
    name = getattr(objective, "__qualname__", "")
    if module is None or not name or module.__name__ == "__main__" or not is_importable(module):
        return ""
    found: object = None
    with suppress(AttributeError):
        found = reduce(getattr, name.split("."), module)
    return f"{module.__name__}:{name}" if undecorated(found) is objective else ""


def is_importable(module: ModuleType) -> bool:
    """Whether another process that imports the module by name gets the same file.

    Scripts that are served or loaded by path are modules of a name that leads elsewhere, or
    nowhere, in another process.
    """
    if module.__name__ == "__main__" or sys.modules.get(module.__name__) is not module:
        return True  # cloudpickle takes these by value of its own accord.
    found = _search(module.__name__)
    if found is None:
        return False
    return found.origin in (
        getattr(module.__spec__, "origin", None),
        getattr(module, "__file__", None),
    )


def _search(name: str) -> ModuleSpec | None:
    """Where another process would find a module.

    Unlike `importlib.util.find_spec`, which trusts what this process has imported already.
    """
    parent = name.rpartition(".")[0]
    path = None
    if parent:
        if _search(parent) is None:
            return None
        path = getattr(sys.modules.get(parent), "__path__", None)
    for finder in sys.meta_path:
        with suppress(ImportError, AttributeError, ValueError):
            found = finder.find_spec(name, path)
            if found is not None:
                return found
    return None
