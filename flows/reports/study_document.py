"""A study as JSON data, for programs."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

from prefect_tuner.flows.ledger.counted_trials import best_counted, counted_trials, recorded_result
from prefect_tuner.flows.ledger.ledger_records import RunRecord, StoppedRecord
from prefect_tuner.flows.ledger.stored_study import StoredStudy
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reports.study_analysis import ImportanceMethod, shown_importance
from prefect_tuner.flows.reports.time_left import busy_workers, time_left_of
from prefect_tuner.flows.study.study_digest import study_digest
from prefect_tuner.flows.study.tuning_result import TuningResult
from prefect_tuner.trial import Trial


def study_outline(study: StoredStudy) -> dict[str, Any]:
    """A study without its trials: name, state, budget and what was found.

    The numbers of trials do not count results from elsewhere, which cost no budget.
    """
    state = study.state
    outline: dict[str, Any] = {
        "study": study.name,
        "key": study.key,
        "ledger": study.location,
        "state": study.status.value,
        "reason": study.reason,
        "holder": None if study.holder is None else asdict(study.holder),
    }
    if state is None:
        return outline
    best = best_counted(state)
    result = recorded_result(state)
    return outline | {
        "created": state.created,
        "updated": state.updated,
        "direction": state.definition.direction,
        "counts": trial_counts(state),
        "elapsed": study.elapsed,
        "time_left": time_left_of(study, state),
        "max_concurrency": state.config.get("max_concurrency"),
        "running": busy_workers(study, state),
        "max_trials": state.config.get("max_trials"),
        "max_duration": state.config.get("max_duration"),
        "max_failures": state.config.get("max_failures"),
        "best_metric": None if best is None else best.metric,
        "best_trial": None if best is None else best.number,
        "best_params": None if best is None else best.params,
        "winner": _winner(result),
        "winning_params": None if result is None else result.winning_params,
        "winning_metric": None if result is None else result.winning_metric,
    }


def _winner(result: TuningResult | None) -> dict[str, Any] | None:
    winner = None if result is None else result.winner
    return None if winner is None else winner.model_dump(mode="json")


def trial_counts(state: StudyState) -> dict[str, int]:
    """How many trials were asked, have finished, failed and are in flight; without known ones."""
    outcomes = Counter(trial.outcome for trial in state.trials if trial.number not in state.known)
    in_flight = outcomes.pop(None, 0)
    finished = sum(outcomes.values())
    return {
        "asked": finished + in_flight,
        "finished": finished,
        "failed": sum(n for outcome, n in outcomes.items() if outcome and outcome.is_failure),
        "in_flight": in_flight,
    }


def study_document(
    study: StoredStudy, state: StudyState, importance: ImportanceMethod = "ped-anova"
) -> dict[str, Any]:
    """Everything about a study: outline, definition, runs, trials, end and digest.

    Args:
        study: The study.
        state: What its ledger says.
        importance: How the importance of parameters is told.

    Raises:
        InvalidConfiguration: What that needs is not installed.
    """
    trials = counted_trials(state)
    return study_outline(study) | {
        "definition": state.definition.model_dump(mode="json"),
        "runs": [_run(run, ending) for run, ending in zip(state.runs, state.endings, strict=True)],
        "stop": _ending(state.stopped),
        "digest": study_digest(trials),
        "importance": shown_importance(state, importance),
        "importance_method": importance,
        "confirmation": None
        if state.confirmed is None
        else state.confirmed.confirmation.model_dump(mode="json"),
        "trials": [_trial(trial, state) for trial in trials],
    }


def _run(run: RunRecord, ending: StoppedRecord | None) -> dict[str, Any]:
    return _members(run) | {"stop": _ending(ending)}


def _ending(stopped: StoppedRecord | None) -> dict[str, Any] | None:
    return None if stopped is None else _members(stopped)


def _members(record: RunRecord | StoppedRecord) -> dict[str, Any]:
    return {name: value for name, value in record.to_json().items() if name != "type"}


def _trial(trial: Trial, state: StudyState) -> dict[str, Any]:
    return {
        "number": trial.number,
        "params": dict(trial.params),
        "seed": trial.seed,
        "outcome": None if trial.outcome is None else trial.outcome.value,
        "metric": trial.metric,
        "extra": dict(trial.extra),
        "duration": trial.duration,
        "memory": trial.memory,
        "attempts": trial.attempts,
        "message": trial.message,
        "proposer": trial.proposer,
        "started": state.started.get(trial.number),
        "ended": state.ended.get(trial.number),
        "is_known": trial.number in state.known,
    }
