"""Objectives: how one is named, how it travels to another process, how it is called."""

from __future__ import annotations

import functools
import inspect
import os
import sys
import uuid
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import cloudpickle

from prefect_tuner.errors import InvalidConfiguration, ObjectiveNotFound
from prefect_tuner.hyper_value import Params
from prefect_tuner.redaction import redacted
from prefect_tuner.tasks.objectives.allowed_objectives import check_allowed
from prefect_tuner.tasks.objectives.importable_path import importable_path, is_importable
from prefect_tuner.tasks.objectives.objective_import import options_left_out, undecorated
from prefect_tuner.tasks.source_code.code_origin import innermost
from prefect_tuner.tasks.source_code.library_options import library_options
from prefect_tuner.tasks.source_code.module_by_value import CannotTravel, Luggage, pack

if TYPE_CHECKING:  # No trial's process needs it.
    from prefect_tuner.search_space.space import SearchSpace


@runtime_checkable
class TrainableModel(Protocol):
    """An object that can be an objective: it has a method `train`.

    Example:
        ```python
        from prefect_tuner import Params, TrainableModel

        class Model:
            def train(self, params: Params) -> float:
                return float(params["depth"])

        assert isinstance(Model(), TrainableModel)
        ```
    """

    def train(self, params: Params) -> Any:
        """The metric of a model trained with `params`, or a mapping with it and more."""


@dataclass(frozen=True)
class ObjectiveSpec:
    """An objective in a form that can be sent to another process.

    Attributes:
        name: What the objective is called in logs.
        path: `"package.module:attribute"` or `"path/to/file.py:attribute"`, or empty.
        importable_path: The path by which any process that has the same packages can import it;
            empty where there is none.
        pickled: The objective itself, by cloudpickle, where there is no path.
        modules: What its modules define that cannot be imported, by cloudpickle.
        options: Those of the libraries that this process has loaded, pickled, for an objective that
            is part of it.
        sys_path: Where modules are looked for.
        directory: The working directory, to which the path of a file is relative.
        argv: The arguments of the program, for an objective that is part of it.
        parameters: The names in the search space; empty where that is not known.
        conditional: Those of them that not every trial has.
        warnings: What the user should know of it, a sentence each.
        note: What the log says of it, a sentence; or empty.
        key: Identifies the processes started for this objective.
    """

    name: str
    path: str = ""
    importable_path: str = ""
    pickled: bytes | bytearray = field(default=b"", repr=False)
    modules: bytes | bytearray = field(default=b"", repr=False)
    options: bytes | bytearray = field(default=b"", repr=False)
    sys_path: tuple[str, ...] = field(default=(), repr=False)
    directory: str = ""
    argv: tuple[str, ...] = field(default=(), repr=False)
    parameters: tuple[str, ...] = ()
    conditional: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    note: str = ""
    key: str = field(default_factory=lambda: uuid.uuid4().hex, repr=False)


def check_objective(objective: object) -> None:
    """Check the form of an objective without importing anything.

    Args:
        objective: A callable, an object with a method `train`, or a string with the path of one.

    Raises:
        InvalidConfiguration: It is none of these, or may not be run here (see
            `prefect_tuner.tasks.objectives.allowed_objectives`).
    """
    if isinstance(objective, str):
        location, _, attribute = objective.rpartition(":")
        well_formed = location and objective.isprintable()
        if not well_formed or not attribute.replace(".", "").isidentifier():
            raise InvalidConfiguration(
                'objective: must look like "package.module:attribute" or '
                f'"path/to/file.py:attribute", got {redacted(objective)}'
            )
        check_allowed(objective, "objective")
    elif not callable(objective) and not callable(getattr(objective, "train", None)):
        raise InvalidConfiguration(
            "objective: must be a callable, an object with a method train, or a string with the "
            f"path of one, got {redacted(objective)} ({type(objective).__name__})"
        )


def describe_objective(objective: object, space: SearchSpace | None = None) -> ObjectiveSpec:
    """Make an objective ready to travel.

    A string stays a path, to be imported in the other process only. An object goes by
    cloudpickle: by reference where its module can be imported, otherwise by value (closures,
    notebooks, scripts).

    Args:
        objective: The objective.
        space: The search space, where the objective may take the parameters by their names.

    Raises:
        InvalidConfiguration: It cannot be an objective.
        ObjectiveNotFound: It cannot be pickled.
    """
    check_objective(objective)
    sys_path = tuple(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109 - "" in sys.path
    directory = str(Path.cwd())
    names = () if space is None else tuple(space)
    conditional = tuple(name for name in names if space is not None and space[name].when)
    if isinstance(objective, str):
        return ObjectiveSpec(
            name=objective,
            path=objective,
            importable_path=objective,
            sys_path=sys_path,
            directory=directory,
            parameters=names,
            conditional=conditional,
        )
    function = undecorated(objective)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    pickled, modules, note = _pickle(function, name)
    return ObjectiveSpec(
        name=name,
        importable_path=importable_path(function),
        pickled=pickled,
        modules=modules,
        options=library_options(),
        sys_path=sys_path,
        directory=directory,
        argv=tuple(sys.argv),
        parameters=names,
        conditional=conditional,
        warnings=tuple(options_left_out(objective, name)),
        note=note,
    )


def objective_label(objective: object) -> str:
    """What an objective is called in a study's ledger: its path, where it has one.

    A function of a module has the same label as its path. What another process could not import
    by it, such as a lambda or an instance, has such a label, too.

    Example:
        ```python
        import json

        from prefect_tuner.tasks.objectives.objective import objective_label

        assert objective_label(json.loads) == objective_label("json:loads")
        ```
    """
    if isinstance(objective, str):
        return objective
    objective = undecorated(objective)
    if isinstance(objective, functools.partial):
        return f"{objective_label(objective.func)} (partial)"
    is_instance = not hasattr(objective, "__qualname__")
    named: Any = type(objective) if is_instance else objective
    return f"{named.__module__}:{named.__qualname__}{' (instance)' if is_instance else ''}"


def _own_path(objective: object) -> str:
    """The path by which a function of the script that runs can be imported; empty for others."""
    main = sys.modules["__main__"]
    name = getattr(objective, "__qualname__", "")
    if getattr(objective, "__module__", "") != "__main__" or not name.isidentifier():
        return ""
    spec: ModuleSpec | None = getattr(main, "__spec__", None)
    file = getattr(main, "__file__", None)
    if spec is not None:
        return f"{spec.name}:{name}"
    return f"{Path(file).name}:{name}" if file else ""


def _pickle(objective: object, name: str) -> tuple[bytes | bytearray, bytes, str]:
    """The objective, what is needed of the modules that travel with it, and what to say of them."""
    module = _defining_module(objective)
    main = sys.modules["__main__"]
    unknown = [main]
    if module is not None and module is not main and not is_importable(module):
        unknown.append(module)
    known = {"__main__", *cloudpickle.list_registry_pickle_by_value()}
    registered = [each for each in unknown if each.__name__ not in known]
    for each in registered:
        cloudpickle.register_pickle_by_value(each)
    try:
        pickled, luggage = pack(objective, unknown)
        modules = cloudpickle.dumps(luggage) if luggage.modules else b""
        return pickled, modules, _what_is_not_there(luggage)
    except CannotTravel as error:
        raise ObjectiveNotFound(_cannot_be_sent(objective, name, str(error))) from error
    finally:
        for each in registered:
            cloudpickle.unregister_pickle_by_value(each)


def _what_is_not_there(luggage: Luggage) -> str:
    """That trials do not have all that the program has set up, where that is so."""
    unknown = luggage.unknown_states()
    if unknown:
        return (
            f"Trials have {', '.join(map(repr, unknown))} as the script makes it when it is run "
            "again, and not as it was when the study began, since it cannot be pickled"
        )
    for module in luggage.modules:
        if not module.is_rerunnable:
            is_script = Path(module.file).is_file() if module.file else False
            home = repr(Path(module.file).name) if is_script else "the program"
            remedy = (
                'With `if __name__ == "__main__":` around the call, its other lines are run for '
                "the trials, too"
                if is_script
                else "Set up in the objective what it needs"
            )
            return (
                f"Trials have of {home} what the objective uses, but not what else it has set up, "
                f"such as handlers of logs and registered classes. {remedy}"
            )
    return ""


def _cannot_be_sent(objective: object, name: str, reason: str) -> str:
    path = _own_path(objective)
    is_script = path and sys.modules["__main__"].__spec__ is None
    remedy = (
        'put the call that begins the study under `if __name__ == "__main__":`, and the script is '
        f'run for the trials as well, or give its path, "{path}", too, and they import it'
        if is_script
        else f'give its path, such as "{path or "package.module:attribute"}", and trials import it'
    )
    return f"objective {name!r}: cannot be sent to the trials' process: {reason}; {remedy}"


def _defining_module(objective: object) -> ModuleType | None:
    objective = innermost(objective)
    return inspect.getmodule(objective if hasattr(objective, "__module__") else type(objective))
