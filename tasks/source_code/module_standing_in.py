"""What stands for the module of an objective in a process that cannot import it by its name.

Where its source may be run again, that is what it is, with the values that its variables had when
the objective was handed over. Otherwise it holds what has travelled: then what the module's lines
have set up elsewhere, such as the options of a library, is not there.
"""

from __future__ import annotations

import builtins
import functools
import io
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType
from typing import Any

from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.source_code.module_by_value import Luggage, ModuleOutline
from prefect_tuner.tasks.source_code.module_pickling import Load, standing
from prefect_tuner.tasks.source_code.script_source import MAIN, run_again
from prefect_tuner.tasks.source_code.used_objects import Place, Travelled, digest


@dataclass(frozen=True)
class Standing:
    """What there is to know of the modules that were made.

    Attributes:
        namespaces: What they hold.
        warnings: What the user should know, a sentence each.
    """

    namespaces: list[dict[str, Any]]
    warnings: list[str]


def unpack(pickled: bytes | bytearray, luggage: Luggage, load: Load) -> tuple[Any, Standing]:
    """The objective, once its modules are there.

    Args:
        pickled: `Travelled`.
        luggage: What has come with it.
        load: Unpickles it.

    Raises:
        CannotTravel: Something that it uses is not there.
        Exception: Something of it cannot be unpickled.
    """
    modules: list[ModuleType] = []
    warnings: list[str] = []
    standing.update(outline.name for outline in luggage.modules)
    for outline in luggage.modules:
        module, warning = _stand_in(outline, load)
        modules.append(module)
        warnings += [warning] if warning else []
    travelled: Travelled = load(pickled)
    for (home, name), definition in travelled.definitions.items():
        vars(sys.modules[home])[name] = definition
    luggage.check_found()
    for place, value in travelled.values.items():
        _set_if_changed(place, value, luggage.digests.get(place), modules)
    return travelled.objective, Standing([vars(module) for module in modules], warnings)


def _stand_in(outline: ModuleOutline, load: Load) -> tuple[ModuleType, str]:
    """Make a module and let it be found; and what went wrong, if it did."""
    module = _empty(outline)
    warning = ""
    if outline.is_rerunnable:
        try:
            with _keeping(outline.written):
                run_again(module, outline.file)
            for name in vars(module).keys() - outline.names:
                if not name.startswith("__"):
                    del vars(module)[name]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is the user's code
            module = _empty(outline)
            warning = (
                f"{outline.file!r} cannot be run in the process of the trials "
                f"({shown_error(error)}): they have what the objective uses of it, but not what "
                "else it sets up, such as handlers of logs and registered classes"
            )
    _find_spares(module, outline, load)
    return module, warning


@contextmanager
def _keeping(files: Iterable[str]) -> Iterator[None]:
    """Have files that somebody else is writing appended to, where they would be emptied."""
    kept = set(files)
    opened = builtins.open

    @functools.wraps(opened)
    def append(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if "w" in mode and not isinstance(file, int) and os.path.realpath(file) in kept:
            mode = mode.replace("w", "a")
        return opened(file, mode, *args, **kwargs)

    if kept:
        builtins.open = io.open = append
    try:
        yield
    finally:
        builtins.open = io.open = opened
        kept.clear()  # The module may have taken the other one along.


def _empty(outline: ModuleOutline) -> ModuleType:
    module = ModuleType(outline.name)
    if outline.file and outline.name != MAIN:
        spec = spec_from_file_location(
            outline.name, outline.file, submodule_search_locations=outline.search or None
        )
        if spec is not None:
            module = module_from_spec(spec)
    elif outline.run_as:
        module.__spec__ = ModuleSpec(outline.run_as, None, origin=outline.file)
        module.__package__ = module.__spec__.parent
    if outline.file:
        module.__file__ = outline.file
    sys.modules[outline.name] = module
    if outline.name == MAIN and "__mp_main__" in sys.modules:
        sys.modules["__mp_main__"] = module  # As `multiprocessing` has it.
    return module


def _find_spares(module: ModuleType, outline: ModuleOutline, load: Load) -> None:
    """Have what travels along unasked found by its name."""
    held = vars(module)

    def find(name: str) -> Any:
        with suppress(KeyError):
            load(outline.spares[name])  # By which it is placed here.
            return held[name]
        raise AttributeError(f"module {outline.name!r} has no attribute {name!r}")

    held.setdefault("__getattr__", find)


def _set_if_changed(
    place: Place, value: Any, mark: bytes | None, modules: Iterable[ModuleType]
) -> None:
    """Give a variable the value that it had, unless it has an equal one anyway."""
    module, name, attribute = place
    holder: Any = sys.modules[module]
    if attribute:
        holder, name = getattr(holder, name), attribute
    with suppress(Exception):
        if digest(vars(holder)[name], modules) == mark:
            return
    with suppress(AttributeError, TypeError):  # A class may refuse.
        setattr(holder, name, value)
