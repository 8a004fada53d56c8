"""An objective in the process that runs trials: imported or unpickled, and ready to be called."""

from __future__ import annotations

import importlib
import inspect
import sys
from dataclasses import dataclass, field
from typing import Any

from prefect_tuner.errors import ObjectiveNotFound
from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec
from prefect_tuner.tasks.objectives.objective_call import ObjectiveCall, objective_call
from prefect_tuner.tasks.objectives.objective_import import (
    import_objective,
    importing,
    options_left_out,
    undecorated,
)
from prefect_tuner.tasks.source_code.library_options import set_library_options
from prefect_tuner.tasks.source_code.module_by_value import CannotTravel
from prefect_tuner.tasks.source_code.module_standing_in import unpack


@dataclass(frozen=True)
class LoadedObjective:
    """An objective that can be called.

    Attributes:
        call: Calls it with the parameters and the trial.
        namespaces: The globals of its functions, where they came without their module.
        warnings: What the user should know of it, a sentence each.
    """

    call: ObjectiveCall
    namespaces: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def load_objective(spec: ObjectiveSpec) -> LoadedObjective:
    """Load an objective in this process.

    Raises:
        ObjectiveNotFound: It cannot be imported, unpickled or called.
    """
    sys.argv[:] = spec.argv or [spec.path.rpartition(":")[0]]
    namespaces: list[dict[str, Any]] = []
    warnings: list[str] = []
    with importing(spec.path or spec.name):
        if spec.path:
            found = import_objective(spec.path)
        else:
            found = _unpickle(spec, namespaces, warnings)
    warnings += options_left_out(found, spec.name)
    objective = undecorated(found)
    if inspect.isclass(objective) and hasattr(objective, "train"):
        try:
            objective = objective()
        except Exception as error:
            raise ObjectiveNotFound(
                f"objective {spec.name!r}: cannot be instantiated without arguments: "
                f"{shown_error(error)}"
            ) from error
    function = objective.train if callable(getattr(objective, "train", None)) else objective
    if not callable(function):
        raise ObjectiveNotFound(
            f"objective {spec.name!r}: must be callable or have a method train, "
            f"got {type(objective).__name__}"
        )
    if inspect.iscoroutinefunction(function):
        importlib.import_module("asyncio")  # Here once, rather than in each trial's process.
    call = objective_call(function, spec.name, spec.parameters, spec.conditional)
    return LoadedObjective(call, namespaces, warnings)


def _unpickle(spec: ObjectiveSpec, namespaces: list[dict[str, Any]], warnings: list[str]) -> Any:
    import pickle

    # The bytes were made by the flow's own process for this one and are never stored.
    def load(data: bytes | bytearray) -> Any:
        return pickle.loads(data)  # noqa: S301

    try:
        if not spec.modules:
            objective = load(spec.pickled)
        else:
            objective, standing = unpack(spec.pickled, load(spec.modules), load)
            namespaces += standing.namespaces
            warnings += standing.warnings
        set_library_options(spec.options, load)
        return objective
    except (Exception, SystemExit) as error:
        raise ObjectiveNotFound(
            f"objective {spec.name!r}: cannot be loaded in the trials' process: "
            f"{error if isinstance(error, CannotTravel) else shown_error(error)}"
        ) from error
