"""Checking a study's file without running the study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prefect_tuner.errors import InvalidConfiguration, ObjectiveNotFound
from prefect_tuner.flows.study_file import load_study_file, plan_study_file
from prefect_tuner.flows.study_plan import StudyPlan
from prefect_tuner.flows.study_sentence import study_sentence
from prefect_tuner.tasks.launcher import Launcher
from prefect_tuner.tasks.objective import describe_objective


@dataclass(frozen=True)
class StudyCheck:
    """What is known of a study that was not run.

    Attributes:
        sentence: What would be run.
        warning: What may go wrong when it is run; or empty.
    """

    sentence: str
    warning: str


def check_study_file(path: Path) -> StudyCheck:
    """Check a study's file, and that its objective can be loaded; it is not called.

    The objective is loaded in a process of its own, as the trials do it.

    Raises:
        InvalidConfiguration: Lists all the mistakes.
    """
    given = load_study_file(path)
    mistakes: list[str] = []
    plan: StudyPlan | None = None
    try:
        plan = plan_study_file(given, path)
    except InvalidConfiguration as error:
        mistakes += error.mistakes
    warning = ""
    if not any(mistake.startswith("objective:") for mistake in mistakes):
        try:
            warning = _load(given["objective"], plan is not None and plan.config.fresh_import)
        except ObjectiveNotFound as error:
            mistakes.append(str(error))
    if mistakes or plan is None:
        raise InvalidConfiguration(*mistakes)
    study = plan.study
    return StudyCheck(
        study_sentence(
            given["objective"], study.space, plan.strategy, study.direction, plan.config
        ),
        warning,
    )


def _load(objective: str, fresh_import: bool) -> str:
    launcher = Launcher(describe_objective(objective), fresh_import=fresh_import)
    try:
        launcher.load()
        return launcher.warning
    finally:
        launcher.stop()
