"""The command `prefect-tuner resume`: a study that goes on, from its ledger to its summary."""

from __future__ import annotations

import sys

from prefect_tuner.errors import StudyConflict
from prefect_tuner.flows.commands.run_command import RunCommand
from prefect_tuner.flows.commands.study_file import on_engine
from prefect_tuner.flows.commands.study_resumption import resumption_parameters
from prefect_tuner.flows.commands.study_summary import summary_table
from prefect_tuner.flows.confirmation.race import RaceEnd
from prefect_tuner.flows.ledger.counted_trials import recorded_result
from prefect_tuner.flows.ledger.stored_study import StoredStudy, read_study
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reports.plain_console import plain_console
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.run.study_plan import plan_study
from prefect_tuner.flows.study.tuning_result import TuningResult


def resume_study(
    name: str,
    storage: str,
    *,
    max_trials: int | None = None,
    max_duration: float | None = None,
    confirm: int | None = None,
    engine: str = "",
    log: bool = False,
    as_json: bool = False,
) -> int:
    """Go on with a study, or show the result of one that is complete.

    Args:
        name: Its name or its key.
        storage: Where its ledger is; empty for the default.
        max_trials: Another budget of trials, in all.
        max_duration: Another budget of seconds, in all.
        confirm: How many of the best trials to evaluate anew.
        engine: Another engine; empty for that of the last run.
        log: Whether to show everything that is logged, rather than warnings alone.
        as_json: Whether to print the result as JSON rather than as a table.

    Returns:
        The exit code, as that of `RunCommand.run`.

    Raises:
        InvalidConfiguration: There is no such study, or it cannot go on from its ledger alone.
        ObjectiveNotFound: The objective cannot be loaded.
        StudyConflict: A run holds the study.
        LedgerError: The ledger cannot be read.
    """
    study = read_study(storage_or_default(storage), name)
    state = _free_state(study)
    if max_trials is None and max_duration is None and confirm is None:
        result = recorded_result(state)
        if result is not None and not _is_to_be_confirmed(state):
            _show(study, result, as_json=as_json)
            return 0

    parameters = resumption_parameters(
        state, storage, max_trials=max_trials, max_duration=max_duration, confirm=confirm
    )
    plan = plan_study(on_engine(parameters, engine))
    return RunCommand(study.name, lambda: plan, log=log, as_json=as_json).run()


def _free_state(study: StoredStudy) -> StudyState:
    """What the ledger says of a study that nobody holds."""
    state = study.readable_state
    if study.holder is not None:
        raise StudyConflict(
            f"study {study.name!r} is held by {study.holder}. Wait until that run has ended"
        )
    return state


def _is_to_be_confirmed(state: StudyState) -> bool:
    """Whether the last run was to confirm the best trials, and was ended before."""
    stored = state.confirmed
    return bool(state.runs[-1].confirm) and (
        stored is None or stored.confirmation.end is RaceEnd.STOPPED
    )


def _show(study: StoredStudy, result: TuningResult, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(f"{result.to_json()}\n")
    else:
        plain_console().print(summary_table(result))
    message = f"Study {study.name!r} was complete already: {study.reason}"
    plain_console(stderr=True).print(message, soft_wrap=True)
