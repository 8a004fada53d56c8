"""The module of an objective that travels by value: a script, a notebook, a file loaded by path.

The trial's process cannot import such a module by its name. Its functions arrive without it, and
whatever looks a class or a function up by the module's name, as pickle does and with it
`multiprocessing` and joblib, would not find it. So what the module defines travels along, with the
values that its variables have by now.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MethodType, ModuleType
from typing import Any

from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.source_code.code_origin import innermost
from prefect_tuner.tasks.source_code.module_pickling import Name, definition_path
from prefect_tuner.tasks.source_code.script_source import is_rerunnable
from prefect_tuner.tasks.source_code.used_objects import LeftBehind, Place, UsedObjects, type_name

# Of these, one is like another, or known by its name.
_ALIKE = ("_thread.", "threading.", "_io.", "_queue.", "queue.")

SPARE_LIMIT = 4_000_000
"""Bytes of a definition with all that it refers to, where the objective does not use it; a larger
one is left behind."""

SPARES_LIMIT = 32_000_000
"""Bytes of all of them."""


@dataclass(frozen=True)
class ModuleOutline:
    """What is known of a module in the process that cannot import it.

    Attributes:
        name: Under which it is looked up, such as `"__main__"`.
        file: Its file; empty for a notebook.
        run_as: The name under which `python -m` has found it; empty where it was not run so.
        search: Where its submodules are looked for, if it is a package.
        is_rerunnable: Whether its source may be run again.
        names: All that it holds; some of what it has defined may have been deleted.
        written: The files that the process has open to write to. Run again, the module must not
            empty them.
        spares: Pickles of what it defines and the objective does not use, by name: most of it is
            never asked for, and some would import what no trial needs.
    """

    name: str
    file: str
    run_as: str
    search: list[str]
    is_rerunnable: bool
    names: frozenset[str]
    written: list[str]
    spares: dict[str, bytes] = field(repr=False)


class CannotTravel(Exception):
    """Something of an objective cannot be pickled. The message says what, in half a sentence."""


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

    def unknown_states(self) -> list[str]:
        """What is there, but as its module makes it, which may not be as it was."""
        compared = {place[:2] for place in self.digests if place[2]}
        return [
            name
            for (home, name), left in self.left.items()
            if (home, name) not in compared and not left.kind.startswith(_ALIKE)
        ]

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
    used = UsedObjects(by_name)
    try:
        used.follow(objective)
        for name in used.met:
            used.add_plain_values(by_name[name])
        outlines = [_outline(by_name[name], by_name, used.seen) for name in sorted(used.met)]
        luggage = Luggage(outlines, used.digests, used.left)
        once_only = {outline.name for outline in outlines if not outline.is_rerunnable}
        _check_none_of(once_only, used.left)
        return used.pickled(objective), luggage
    except CannotTravel:
        raise
    except Exception as error:
        culprit = _culprit(objective, by_name)
        raise CannotTravel(_unpicklable(culprit, shown_error(error))) from error


def _check_none_of(modules: set[str], left: Mapping[Name, LeftBehind]) -> None:
    for (module, name), each in left.items():
        if module in modules:
            raise CannotTravel(_unpicklable(name, each.reason))


def _unpicklable(name: str, reason: str) -> str:
    named = f"{name!r}, which it uses," if name else "it, or something it refers to,"
    return f"{named} cannot be pickled ({reason})"


def _culprit(objective: object, modules: Mapping[str, ModuleType]) -> str:
    """The name of the first variable around a function that cannot be pickled, or empty."""
    with suppress(TypeError, ValueError):  # It is none that was written in Python.
        for name, value in inspect.getclosurevars(_function_of(objective)).nonlocals.items():
            try:
                UsedObjects(modules).follow(value)
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
        names=frozenset(vars(module)),
        written=_files_written(),
        spares=_spares(module, modules, used),
    )


def _files_written() -> list[str]:
    found = []
    with suppress(OSError):
        for link in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                target = str(link.readlink())
                flags = Path("/proc/self/fdinfo", link.name).read_text().split("flags:")[1]
                if (
                    target.startswith("/")
                    and int(flags.split()[0], 8) & os.O_ACCMODE != os.O_RDONLY
                ):
                    found.append(target)
    return [target for target in found if Path(target).is_file()]


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
            found = UsedObjects(modules, min(left, SPARE_LIMIT))
            found.follow(value)
            spares[name] = bytes(found.pickled(None, updates=False))
            left -= len(spares[name])
    return spares
