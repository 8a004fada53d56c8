"""The reducer: what follows from each record, given those before it."""

from __future__ import annotations

from typing import Any

import pytest

from prefect_tuner import LedgerError, Outcome, StopReason
from prefect_tuner.ending import Ending
from prefect_tuner.flows.ledger.counted_trials import (
    AHEAD_OF_THE_STOP,
    IN_FLIGHT,
    best_counted,
    counted_trials,
    recorded_result,
)
from prefect_tuner.flows.ledger.ledger_records import (
    AskedRecord,
    AttemptRecord,
    BestRecord,
    FinishedRecord,
    InterruptedRecord,
    KnownRecord,
    Record,
    RetriedRecord,
    StoppedRecord,
)
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.trial import Trial
from tests.flows.ledgers import run_record, study_record

AT = "2026-01-01T00:00:00.000+00:00"
FAILED = Ending(Outcome.FAILED, "ValueError: no", duration=0.5)


def state_after(*records: Record, **definition: Any) -> StudyState:
    state: StudyState | None = None
    for record in (study_record(**definition), *records):
        state = StudyState.after(state, record)
    assert state is not None
    return state


def asked(number: int, x: float = 0.5) -> Record:
    return AskedRecord.of(Trial(number, {"x": x, "kind": "a"}, seed=number))


def attempt(number: int, count: int = 1) -> Record:
    return AttemptRecord.of(number, count)


def finished(number: int, metric: float = 1.0, attempts: int = 1) -> Record:
    ending = Ending(Outcome.COMPLETED, metric=metric, duration=0.25, attempts=attempts)
    return FinishedRecord.of(number, ending, "here", elapsed=2.0)


def interrupted(number: int, attempts: int = 1) -> Record:
    ending = Ending(Outcome.CANCELLED, "interrupted (Ctrl-C)", attempts=attempts)
    return InterruptedRecord.of(number, ending)


def stopped(**members: Any) -> Record:
    fields = {"ending": "completed", "reason": "max_trials", "trials": 0, "digest": ""}
    return StoppedRecord.model_validate({"at": AT, "elapsed": 3.0, **fields, **members})


def test_a_ledger_begins_with_what_is_searched() -> None:
    with pytest.raises(LedgerError, match=r"\bbegins with .*type 'run'"):
        StudyState.after(None, run_record())


def test_a_trial_is_in_flight_from_its_asking_to_its_end() -> None:
    state = state_after(run_record(), asked(0))
    assert (state.in_flight, state.running) == ([state.trials[0]], set())
    state.take(attempt(0))
    assert (state.running, state.trials[0].attempts) == ({0}, 1)
    state.take(finished(0, metric=0.75))
    assert (state.in_flight, state.running, state.finished) == ([], set(), [0])
    assert (state.trials[0].metric, state.trials[0].duration) == (0.75, 0.25)
    assert state.elapsed == 2.0


def test_attempts_are_counted_over_retries_and_runs() -> None:
    state = state_after(run_record(), asked(0), attempt(0))
    state.take(RetriedRecord.of(0, 1, FAILED))
    state.take(attempt(0, 2))
    assert (state.trials[0].attempts, state.attempts_before) == (2, {})
    state.take(run_record())  # The run before died.
    assert (state.attempts_before, state.running) == ({0: 2}, set())


def test_an_interrupted_trial_is_in_flight_and_shown_as_cancelled() -> None:
    state = state_after(run_record(), asked(0), attempt(0), interrupted(0))
    assert (state.interrupted, state.running) == ([0], set())
    assert [trial.number for trial in state.in_flight] == [0]
    (shown,) = counted_trials(state)
    assert (shown.outcome, shown.message) == (Outcome.CANCELLED, "interrupted (Ctrl-C)")
    state.take(run_record())
    assert state.interrupted == []
    assert counted_trials(state) == [shown]
    state.take(attempt(0, 2))
    assert counted_trials(state)[0].outcome is None


def test_results_from_elsewhere_are_known_and_inherited() -> None:
    known = KnownRecord(at=AT, number=0, params={"x": 0.5, "kind": "a"}, metric=0.125)
    state = state_after(run_record(), known, asked(1))
    assert (state.known, state.inherited, state.finished) == ({0}, {0}, [0])
    assert state.trials[0].attempts == 0


def test_an_adopted_study_keeps_what_has_ended_and_lies_in_the_new_space() -> None:
    state = state_after(run_record(), asked(0, 0.25), attempt(0), asked(1, 0.75), attempt(1))
    state.take(asked(2, 0.125))
    for record in (finished(1, 2.0), finished(0, 3.0), attempt(2)):
        state.take(record)
    space = {"x": {"type": "float", "low": 0.5, "high": 1.0}, "kind": ["a", "b"]}
    state.take(study_record(space=state.definition.space | {"x": space["x"]}))
    assert [(t.number, t.params["x"], t.metric) for t in state.trials] == [(0, 0.75, 2.0)]
    assert (state.finished, state.inherited, state.begun) == ([0], {0}, False)
    assert (state.running, state.attempts_before) == (set(), {})


def test_what_a_trial_took_beside_its_objective_is_kept_where_it_is_known() -> None:
    trials = [Trial(number, {"x": x, "kind": "a"}) for number, x in enumerate((0.25, 0.75))]
    ending = Ending(Outcome.COMPLETED, metric=1.0, startup=0.5, teardown=0.25)
    told = [AskedRecord.of(trial, 1.5) for trial in trials]
    ended = FinishedRecord.of(1, ending, "here", elapsed=2.0)
    state = state_after(run_record(), *told, attempt(0), attempt(1), finished(0), ended)
    assert state.suggestion == {0: 1.5, 1: 1.5}
    assert (state.startup, state.teardown) == ({1: 0.5}, {1: 0.25})
    upper = {"x": {"type": "float", "low": 0.5, "high": 1.0}}
    state.take(study_record(space=state.definition.space | upper))
    assert (state.suggestion, state.startup, state.teardown) == ({0: 1.5}, {0: 0.5}, {0: 0.25})
    unknown = asked(0).to_json() | finished(0).to_json()
    assert not {"suggestion", "startup", "teardown"} & unknown.keys()


def test_the_last_record_says_which_trials_count() -> None:
    state = state_after(run_record(), asked(0), attempt(0), asked(1), attempt(1), lag=2)
    for record in (finished(1, 0.0), finished(0, 1.0)):
        state.take(record)
    assert [trial.metric for trial in counted_trials(state)] == [1.0, 0.0]
    state.take(stopped(counted=1))
    first, second = counted_trials(state)
    assert (first.metric, second.metric) == (1.0, None)
    assert (second.outcome, second.message) == (Outcome.CANCELLED, AHEAD_OF_THE_STOP)
    assert best_counted(state) == first
    result = recorded_result(state)
    assert result is not None
    assert (result.trials, result.best_trial) == ([first, second], first)
    assert (result.stop_reason, result.duration) == (StopReason.MAX_TRIALS, 3.0)
    state.take(run_record())  # It goes on: all of them count again.
    assert [trial.metric for trial in counted_trials(state)] == [1.0, 0.0]
    assert recorded_result(state) is None


def test_a_trial_that_a_dead_run_has_left_is_cancelled_in_a_complete_study() -> None:
    state = state_after(run_record(), asked(0), attempt(0), asked(1), attempt(1), finished(0))
    state.take(run_record())
    state.take(stopped())
    left = counted_trials(state)[1]
    assert (left.outcome, left.message) == (Outcome.CANCELLED, IN_FLIGHT)


def test_the_best_record_is_there_to_be_read() -> None:
    before = state_after(run_record(), asked(0), attempt(0), finished(0))
    after = before.copy()
    after.take(BestRecord(at=before.updated, number=0, metric=1.0))
    assert after == before


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (asked(2), "trial 2 follows trial 0"),
        (attempt(1), "trial 1 was never asked"),
        (finished(0), "trial 0 has finished already"),
        (interrupted(0), "trial 0 has finished already"),
        (stopped(best=1), "trial 1 cannot be the best"),
    ],
)
def test_a_record_that_contradicts_those_before_is_refused(record: Record, error: str) -> None:
    state = state_after(run_record(), asked(0), attempt(0), finished(0))
    before = state.copy()
    with pytest.raises(LedgerError, match=error):
        state.take(record)
    assert state == before


def test_a_copy_goes_its_own_way() -> None:
    state = state_after(run_record(), asked(0), attempt(0))
    other = state.copy()
    other.take(finished(0))
    assert state.finished == []
    assert state.trials[0].outcome is None
