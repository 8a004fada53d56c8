"""Checking a study's file without running the study."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from prefect_tuner.errors import InvalidConfiguration, ObjectiveNotFound
from prefect_tuner.flows.commands.study_file import load_study_file, plan_study_file
from prefect_tuner.flows.run.launch_settings import launch_settings
from prefect_tuner.flows.run.study_plan import StudyPlan
from prefect_tuner.flows.study.study_sentence import study_sentence
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.processes.launcher import Launcher


@dataclass(frozen=True)
class StudyCheck:
    """What is known of a study that was not run.

    Attributes:
        sentence: What would be run.
        notes: What to know of how it would be run, a sentence each.
    """

    sentence: str
    notes: list[str]


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
    notes: list[str] = []
    if not any(mistake.startswith("objective:") for mistake in mistakes):
        try:
            notes = _load(given["objective"], plan)
        except ObjectiveNotFound as error:
            mistakes.append(str(error))
    if mistakes or plan is None:
        raise InvalidConfiguration(*mistakes)
    study = plan.study
    return StudyCheck(
        study_sentence(
            given["objective"], study.space, plan.strategy, study.direction, plan.config
        ),
        notes,
    )


def _load(objective: str, plan: StudyPlan | None) -> list[str]:
    """Load the objective; its arguments are checked where the search space is right."""
    space, config = (None, TunerConfig()) if plan is None else (plan.study.space, plan.config)
    settings = replace(launch_settings(config), note="")  # Nothing is run.
    launcher = Launcher(describe_objective(objective, space), settings)
    try:
        launcher.load()
        return [note for _, note in launcher.notes]
    finally:
        launcher.stop()
