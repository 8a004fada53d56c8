"""Which trials of a study count, and its result."""

from __future__ import annotations

from dataclasses import replace

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.ledger.ledger_records import StoppedRecord
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.flows.study.stop_rules import stop_reason
from prefect_tuner.flows.study.study_digest import study_digest
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.flows.study.tuning_result import StopReason, TuningResult
from prefect_tuner.trial import Outcome, Trial

AHEAD_OF_THE_STOP = "ran ahead of the trial that stopped the study; the ledger has its result"
"""The message of a trial of a reproducible study that ended after the last one that counts."""

IN_FLIGHT = "was in flight when the run of its study died"
"""The message of a trial that an earlier run has left and that the budget no longer holds."""


def counted_trials(state: StudyState) -> list[Trial]:
    """All trials in the order asked, as the study's result has them.

    Trials that were stopped with their run are cancelled, and so are those of a reproducible study
    that ended after the one that stopped it.
    """
    shown = [state.interruptions.get(trial.number, trial) for trial in state.trials]
    stopped = state.stopped
    if stopped is None or stopped.ending != "completed":
        return shown
    return trials_of_a_complete_study(state, _number_that_count(state))


def trials_of_a_complete_study(state: StudyState, counted: int | None) -> list[Trial]:
    """The same, for a study that ends now.

    Args:
        state: The study.
        counted: How many trials count, the first ones; None for all.
    """
    count = len(state.trials) if counted is None else counted
    return [
        state.interruptions.get(
            trial.number, replace(trial, outcome=Outcome.CANCELLED, message=IN_FLIGHT)
        )
        if trial.outcome is None
        else ahead_of_the_stop(trial)
        if trial.number >= count
        else trial
        for trial in state.trials
    ]


def ahead_of_the_stop(trial: Trial) -> Trial:
    """A trial that has ended, and whose result does not count."""
    if trial.outcome is Outcome.CANCELLED:
        return trial
    return replace(trial, outcome=Outcome.CANCELLED, metric=None, message=AHEAD_OF_THE_STOP)


def best_counted(state: StudyState) -> Trial | None:
    """The best trial among those that count."""
    return _best_of(counted_trials(state), state)


def _best_of(counted: list[Trial], state: StudyState) -> Trial | None:
    stopped = state.stopped
    if stopped is not None and stopped.best is not None:
        return state.trials[stopped.best]
    return state.definition.goal.best(counted[number] for number in state.finished)


def recorded_result(state: StudyState) -> TuningResult | None:
    """The result of a study that is complete; None when it is not."""
    stopped = state.stopped
    if stopped is None or stopped.ending != "completed":
        return None
    if stopped.reason not in {each.value for each in StopReason}:
        return None
    return result_so_far(state, StopReason(stopped.reason))


def result_so_far(state: StudyState, reason: StopReason) -> TuningResult | None:
    """The result of a study that stops where it is; None when no trial has a metric.

    Args:
        state: The study.
        reason: Why it stops.
    """
    trials = counted_trials(state)
    best = _best_of(trials, state)
    if best is None:
        return None
    return TuningResult(
        study=state.study,
        direction=state.definition.direction,
        stop_reason=reason,
        best_trial=best,
        trials=trials,
        duration=state.elapsed,
        digest=study_digest(trials),
        confirmation=None if state.confirmed is None else state.confirmed.confirmation,
    )


def stopped_again(state: StudyState | None) -> StoppedRecord:
    """The record that a search is complete, for a run that leaves it at that.

    Args:
        state: A study whose search is complete.
    """
    if state is None or state.stopped is None:
        raise ValueError("the search is not complete")
    told = {"at": utc_now(), "elapsed": state.elapsed, "counted": _number_that_count(state)}
    return state.stopped.model_copy(update=told)


def _number_that_count(state: StudyState) -> int | None:
    """How many trials of a complete study count; None for all."""
    stopped = state.stopped
    if stopped is None or stopped.counted is not None or state.definition.lag is None:
        return None if stopped is None else stopped.counted
    if stopped.reason == StopReason.MAX_DURATION:
        return None
    last = _last_before_format_3(state)
    return None if last is None else last + 1


def _last_before_format_3(state: StudyState) -> int | None:
    """The trial that stopped a reproducible study, whose ledger does not say how many count.

    The study is played again: trials are told in their order, and the stop rules asked after each.
    """
    try:
        config = TunerConfig(**state.config)
    except InvalidConfiguration:  # Of another release, with rules that are not known here.
        return None
    goal, progress = state.definition.goal, Progress()
    for trial in state.trials:
        if trial.outcome is None:
            return trial.number
        best = progress.best_trial
        improved = goal.is_better(trial.metric, than=None if best is None else best.metric)
        if trial.number not in state.known:
            progress = replace(progress.after(trial, improved=improved), asked=progress.asked + 1)
        elif improved:
            progress = replace(progress, best_trial=trial)
        if trial.number in state.inherited:
            continue
        if stop_reason(config, goal, progress) is not None:
            return trial.number
    return None
