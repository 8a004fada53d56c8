"""Objectives by path: from a module or a file to what is called."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import textwrap
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from prefect_tuner.errors import InvalidConfiguration, ObjectiveNotFound
from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.objectives.allowed_objectives import check_allowed, check_definition
from prefect_tuner.tasks.process_table.process_tree import TRIAL_MARK


def import_objective(path: str) -> Any:
    """What a path names, in the process that runs trials; it must be allowed there.

    Raises:
        ObjectiveNotFound: It cannot be imported, or not be run here.
    """
    # Checked before there was this process, and again where nothing can come in between.
    with _refused_as_not_found(path):
        check_allowed(path, "objective")
    location, _, attribute = path.rpartition(":")
    is_file = location.endswith(".py")
    if is_file and not Path(location).expanduser().is_file():
        raise ObjectiveNotFound(
            f"objective {path!r}: there is no file {location!r} in {str(Path.cwd())!r}"
        )
    try:
        found: Any = _import_file(location) if is_file else importlib.import_module(location)
    except (Exception, SystemExit) as error:
        raise ObjectiveNotFound(
            f"objective {path!r}: importing {location!r} failed: {shown_error(error)}"
        ) from error
    for name in attribute.split("."):
        if not hasattr(found, name):
            known = ", ".join(n for n in dir(found) if not n.startswith("_")) or "none"
            raise ObjectiveNotFound(
                f"objective {path!r}: {location!r} has no attribute {attribute!r}, it has "
                + textwrap.shorten(known, 300, placeholder=" …")
            )
        found = getattr(found, name)
    with _refused_as_not_found(path):
        check_definition(path, undecorated(found), "objective")
    return found


@contextmanager
def _refused_as_not_found(path: str) -> Iterator[None]:
    try:
        yield
    except InvalidConfiguration as error:
        raise ObjectiveNotFound(f"objective {path!r}: {error}") from None


_importing = ""


@contextmanager
def importing(objective: str) -> Iterator[None]:
    """While this process imports an objective, have `check_not_importing` refuse."""
    global _importing  # noqa: PLW0603 - a process imports one objective, once
    _importing = objective
    try:
        yield
    finally:
        _importing = ""


def check_not_importing() -> None:
    """Refuse to begin a study while a module is imported that names itself as an objective.

    Raises:
        InvalidConfiguration: Somebody imports an objective here, or starts a process of a trial.
    """
    multiprocessing = sys.modules.get("multiprocessing.process")
    inherits = multiprocessing is not None and getattr(
        multiprocessing.current_process(), "_inheriting", False
    )
    if _importing or (inherits and TRIAL_MARK in os.environ):
        named = f" of the objective {_importing!r}" if _importing else ""
        raise InvalidConfiguration(
            f"objective: its own module begins a study when it is imported, as the trials{named} "
            'do. Put the call that begins it under `if __name__ == "__main__":`'
        )


def options_left_out(objective: Any, name: str) -> list[str]:
    """What a Prefect task or flow says of its runs that a trial does not go by."""
    if undecorated(objective) is objective:
        return []
    given = {
        option: getattr(objective, option, None)
        for option in ("retries", "timeout_seconds", "cache_key_fn", "result_storage_key")
    }
    said = {
        option: value if isinstance(value, int | float | str) else "..."
        for option, value in given.items()
        if value
    }
    if not said:
        return []
    listed = ", ".join(f"{option}={value}" for option, value in said.items())
    warning = (
        f"the objective {name!r} is a Prefect {type(objective).__name__.lower()} with {listed}, "
        "by which trials do not go: they are task runs of their own. Set retries and trial_timeout "
        "of the config instead"
    )
    return [warning]


def undecorated(objective: Any) -> Any:
    """The function in a Prefect task or flow: a trial has a task run already."""
    if type(objective).__module__.partition(".")[0] == "prefect" and hasattr(objective, "fn"):
        return objective.fn
    return objective


def _import_file(location: str) -> ModuleType:
    file = Path(location).expanduser().resolve()
    name = file.stem
    # As `python file.py` does: the file's neighbours can be imported, and what it defines can be
    # found by its module's name in processes that the objective starts. But a file `queue.py`
    # must not be what others get when they import `queue`.
    if name in sys.stdlib_module_names:
        sys.path.append(str(file.parent))
    else:
        sys.path.insert(0, str(file.parent))
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(file):
        return known
    if known is not None or name in sys.stdlib_module_names:
        name += f"_{uuid.uuid5(uuid.NAMESPACE_URL, str(file)).hex}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{location!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]  # As an import does: the next attempt begins anew.
        raise
    return module
