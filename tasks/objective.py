"""Objectives: how one is named, how it travels to another process, how it is called."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeAlias, runtime_checkable

from prefect_tuner.errors import InvalidConfiguration, ObjectiveNotFound
from prefect_tuner.parameters import Params
from prefect_tuner.redaction import redacted
from prefect_tuner.tasks.allowed_objectives import check_allowed
from prefect_tuner.tasks.objective_import import import_objective, undecorated
from prefect_tuner.tasks.trial_context import TrialContext

LoadedObjective: TypeAlias = Callable[[Params, TrialContext], Any]
"""An objective in the process that runs it."""


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
        pickled: The objective itself, by cloudpickle, where there is no path.
        sys_path: Where modules are looked for.
        directory: The working directory, to which the path of a file is relative.
        key: Identifies the processes started for this objective.
    """

    name: str
    path: str = ""
    pickled: bytes = field(default=b"", repr=False)
    sys_path: tuple[str, ...] = field(default=(), repr=False)
    directory: str = ""
    key: str = field(default_factory=lambda: uuid.uuid4().hex, repr=False)


def check_objective(objective: object) -> None:
    """Check the form of an objective without importing anything.

    Args:
        objective: A callable, an object with a method `train`, or a string with the path of one.

    Raises:
        InvalidConfiguration: It is none of these, or may not be run here (see
            `prefect_tuner.tasks.allowed_objectives`).
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


def describe_objective(objective: object) -> ObjectiveSpec:
    """Make an objective ready to travel.

    A string stays a path, to be imported in the other process only. An object goes by
    cloudpickle: by reference where its module can be imported, otherwise by value (closures,
    notebooks, scripts).

    Raises:
        InvalidConfiguration: It has not the form of an objective.
        ObjectiveNotFound: It cannot be pickled.
    """
    check_objective(objective)
    sys_path = tuple(entry or os.getcwd() for entry in sys.path)  # noqa: PTH109 - "" in sys.path
    if isinstance(objective, str):
        return ObjectiveSpec(
            name=objective, path=objective, sys_path=sys_path, directory=str(Path.cwd())
        )
    objective = undecorated(objective)
    name = getattr(objective, "__qualname__", type(objective).__qualname__)
    return ObjectiveSpec(
        name=name,
        pickled=_pickle(objective, name),
        sys_path=sys_path,
        directory=str(Path.cwd()),
    )


def objective_label(objective: object) -> str:
    """What an objective is called in a study's ledger: its path, where it has one.

    A function of a module has the same label as its path. What another process could not import
    by it, such as a lambda or an instance, has a label of the same kind all the same.

    Example:
        ```python
        import json

        from prefect_tuner.tasks.objective import objective_label

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


def load_objective(spec: ObjectiveSpec) -> LoadedObjective:
    """The objective as a function of parameters and context, in the process that runs trials.

    Raises:
        ObjectiveNotFound: It cannot be imported, unpickled or called.
    """
    objective = undecorated(import_objective(spec.path) if spec.path else _unpickle(spec))
    if inspect.isclass(objective) and hasattr(objective, "train"):
        try:
            objective = objective()
        except Exception as error:
            raise ObjectiveNotFound(
                f"objective {spec.name!r}: cannot be instantiated without arguments: {error!r}"
            ) from error
    function = objective.train if callable(getattr(objective, "train", None)) else objective
    if not callable(function):
        raise ObjectiveNotFound(
            f"objective {spec.name!r}: must be callable or have a method train, "
            f"got {type(objective).__name__}"
        )
    if inspect.iscoroutinefunction(function):
        importlib.import_module("asyncio")  # Here once, rather than in each trial's process.
    if _takes_context(function, spec.name):
        with_context: LoadedObjective = function
        return with_context
    return lambda params, _: function(params)


def _pickle(objective: object, name: str) -> bytes:
    import cloudpickle

    module = _defining_module(objective)
    by_value = (
        module is not None
        and module.__name__ not in cloudpickle.list_registry_pickle_by_value()
        and not _importable(module)
    )
    if by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        pickled: bytes = cloudpickle.dumps(objective)
    except Exception as error:
        raise ObjectiveNotFound(
            f"objective {name!r}: cannot be sent to the trials' process ({error!r}); it, or "
            'something it refers to, cannot be pickled: give its path, "package.module:attribute"'
        ) from error
    finally:
        if by_value:
            cloudpickle.unregister_pickle_by_value(module)
    return pickled


def _defining_module(objective: object) -> ModuleType | None:
    while isinstance(objective, functools.partial):
        objective = objective.func
    return inspect.getmodule(objective if hasattr(objective, "__module__") else type(objective))


def _importable(module: ModuleType) -> bool:
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


def _unpickle(spec: ObjectiveSpec) -> Any:
    import pickle

    try:
        # The bytes were made by the flow's own process for this one and are never stored.
        return pickle.loads(spec.pickled)  # noqa: S301
    except (Exception, SystemExit) as error:
        raise ObjectiveNotFound(
            f"objective {spec.name!r}: cannot be loaded in the trials' process: {error!r}"
        ) from error


def _takes_context(function: Callable[..., Any], name: str) -> bool:
    """Whether the second argument is the trial's context: it has no default, or is named trial."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return False  # A builtin without a signature.
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    positional = [p for p in parameters if p.kind in kinds]
    required = [p for p in positional if p.default is p.empty]
    takes_any = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    needs_keywords = any(p.kind is p.KEYWORD_ONLY and p.default is p.empty for p in parameters)
    if (not positional and not takes_any) or len(required) > 2 or needs_keywords:
        raise ObjectiveNotFound(
            f"objective {name!r}: must take the parameters, or the parameters and the trial, "
            f"got the signature {inspect.signature(function)}"
        )
    return len(positional) > 1 and (len(required) > 1 or positional[1].name == "trial")
