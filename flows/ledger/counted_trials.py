"""Which trials of a ledger count: in a reproducible study not those that ran ahead of its end."""

from __future__ import annotations

from dataclasses import replace

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.ledger.recorded_study import AHEAD_OF_THE_STOP
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.study.stop_rules import stop_reason
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.flows.study.tuning_result import StopReason
from prefect_tuner.trial import Outcome, Trial, is_better


def counted_trials(state: StudyState) -> list[Trial]:
    """All trials in the order asked, as the study's result has them.

    Trials that were stopped with their run are cancelled, and so are those of a reproducible study
    that ended after the one that stopped it.
    """
    shown = state.shown_trials()
    last = _last_that_counts(state)
    if last is None:
        return shown
    return [
        replace(trial, outcome=Outcome.CANCELLED, metric=None, message=AHEAD_OF_THE_STOP)
        if trial.number > last and trial.outcome not in (None, Outcome.CANCELLED)
        else trial
        for trial in shown
    ]


def best_counted(state: StudyState) -> Trial | None:
    """The best trial among those that count."""
    has_said = state.stopped is not None and state.stopped.best is not None
    if has_said or _last_that_counts(state) is None:
        return state.best_trial
    best: Trial | None = None
    for trial in counted_trials(state):
        if trial.metric is not None and _improves(trial, best, state):
            best = trial
    return best


def _last_that_counts(state: StudyState) -> int | None:
    """The number of the trial that stopped a reproducible study; None where all trials count."""
    stopped = state.stopped
    if state.definition.lag is None or stopped is None or stopped.ending != "completed":
        return None
    if stopped.reason == StopReason.MAX_DURATION:
        return None
    try:
        config = TunerConfig(**state.config)
    except InvalidConfiguration:  # Of another release, with rules that are not known here.
        return None
    # Played again: trials were told in their order, and the stop rules asked after each.
    progress = Progress()
    for trial in state.trials:
        if trial.outcome is None:
            return trial.number
        if trial.number not in state.known:
            progress = _after(progress, trial, state)
        elif _improves(trial, progress.best_trial, state):
            progress = replace(progress, best_trial=trial)
        if trial.number in state.given:
            continue
        if stop_reason(config, state.definition.direction, progress) is not None:
            return trial.number
    return None


def _after(progress: Progress, trial: Trial, state: StudyState) -> Progress:
    completed = trial.outcome is Outcome.COMPLETED
    failed = trial.outcome is not None and trial.outcome.is_failure
    improved = _improves(trial, progress.best_trial, state)
    return replace(
        progress,
        asked=progress.asked + 1,
        completed=progress.completed + completed,
        failed=progress.failed + failed,
        since_best=0 if improved else progress.since_best + (completed or failed),
        best_trial=trial if improved else progress.best_trial,
    )


def _improves(trial: Trial, best: Trial | None, state: StudyState) -> bool:
    if trial.metric is None:
        return False
    return (
        best is None
        or best.metric is None
        or is_better(trial.metric, best.metric, state.definition.direction)
    )
