"""Studies in YAML files: the parameters of `tune` under their own names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.run.study_parameters import (
    ObjectiveParameter,
    SpaceParameter,
    StudyParameters,
)
from prefect_tuner.flows.run.study_plan import StudyPlan, plan_study
from prefect_tuner.tasks.engines.engine_registry import DEFAULT_ENGINE


class StudyFile(StudyParameters):
    """What a study's file says: the parameters of `tune`, two of which it must say.

    `tune` has examples for them, which nobody who writes a file wants.
    """

    objective: ObjectiveParameter
    space: SpaceParameter


def load_study_file(path: Path) -> dict[Any, Any]:
    """What a study's file says, unchecked.

    The file is YAML 1.2, in which `1e-5` is a number.

    Raises:
        InvalidConfiguration: The file cannot be read, or is not YAML, or is no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InvalidConfiguration(f"there is no such file in {str(Path.cwd())!r}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(f"cannot be read: {error}") from error
    try:
        # The pure implementation has the clearer messages.
        loaded = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise InvalidConfiguration(_syntax_mistake(error)) from error
    if not isinstance(loaded, dict):
        kind = "nothing" if loaded is None else f"a {type(loaded).__name__}"
        raise InvalidConfiguration(
            f"must hold the parameters of a study, such as 'objective: module:function', has {kind}"
        )
    return loaded


def plan_study_file(given: dict[Any, Any], path: Path) -> StudyPlan:
    r"""Check what a study's file says, all of it, and build what it describes.

    The keys are the parameters of `tune`; `objective` and `space` are required. The objective is
    not loaded. The path of its file is relative to the working directory, as in `tune`, wherever
    the study's file may be.

    Args:
        given: What the file says.
        path: The file.

    Raises:
        InvalidConfiguration: Lists all the mistakes.

    Example:
        ```python
        from pathlib import Path

        from prefect_tuner.flows.commands.study_file import load_study_file, plan_study_file

        file = Path("study.yaml")
        file.write_text("objective: json:loads\nspace: {lr: {type: float, low: 1e-5, high: 0.1}}")
        plan = plan_study_file(load_study_file(file), file)
        assert plan.study.space["lr"].low == 0.00001
        assert plan.strategy == "auto"
        ```
    """
    mistakes = _objective_file_mistakes(given.get("objective"), path)
    try:
        plan = plan_study(given, StudyFile)
    except InvalidConfiguration as error:
        raise InvalidConfiguration(*mistakes, *error.mistakes) from error
    if mistakes:
        raise InvalidConfiguration(*mistakes)
    return plan


def on_engine(given: dict[Any, Any], engine: str) -> dict[Any, Any]:
    """Parameters with another engine. Options stay where they are for the same one.

    Args:
        given: Parameters of `tune`, unchecked.
        engine: A name; empty for the engine that is given.

    Example:
        ```python
        from prefect_tuner.flows.commands.study_file import on_engine

        given = {"engine": "dask", "engine_options": {"address": "tcp://scheduler:8786"}}
        assert on_engine(given, "dask") == on_engine(given, "") == given
        assert on_engine(given, "local") == {"engine": "local"}
        ```
    """
    if not engine or given.get("engine", DEFAULT_ENGINE) == engine:
        return given
    others = {name: value for name, value in given.items() if name != "engine_options"}
    return {**others, "engine": engine}


def _syntax_mistake(error: YAMLError) -> str:
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return " ".join(str(error).split())
    mark = error.problem_mark
    context = f" {error.context}" if error.context else ""
    return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem}{context}"


def _objective_file_mistakes(objective: object, study_file: Path) -> list[str]:
    """Whether the file of an objective is there, before a process is started to load it."""
    location, _, attribute = objective.rpartition(":") if isinstance(objective, str) else ("",) * 3
    if not location.endswith(".py") or Path(location).expanduser().is_file():
        return []
    beside = study_file.parent / location
    hint = f", did you mean '{beside}:{attribute}'?" if beside.is_file() else ""
    return [f"objective: there is no file {location!r} in {str(Path.cwd())!r}{hint}"]
