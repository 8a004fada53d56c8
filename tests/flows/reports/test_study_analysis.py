"""What the ledger says of the times of a run is what the doctor is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect_tuner import TunerConfig
from prefect_tuner.flows.ledger.ledger_records import (
    AskedRecord,
    AttemptRecord,
    FinishedRecord,
)
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reports.study_analysis import findings_in, last_run_times
from prefect_tuner.trial import Outcome
from tests.flows.stored_studies import run_record, study_record

BEGIN = datetime(2026, 1, 2, 12, tzinfo=UTC)


def at(seconds: float) -> str:
    return (BEGIN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def one_after_the_other(
    state: StudyState, numbers: range, begin: float, *, attempts: int = 1
) -> None:
    """A run with four workers, in which one trial runs at a time, for ten seconds."""
    run = run_record(TunerConfig(max_trials=100, max_concurrency=4), [], "")
    state.take(run.model_copy(update={"at": at(begin)}))
    for place, number in enumerate(numbers):
        started = begin + 11.0 * place
        x = (number * 0.618) % 1.0
        state.take(AskedRecord(at=at(started), number=number, params={"x": x}, seed=0))
        for attempt in range(1, attempts + 1):
            state.take(AttemptRecord(at=at(started), number=number, attempt=attempt))
        state.take(
            FinishedRecord(
                at=at(started + 10.0),
                number=number,
                outcome=Outcome.COMPLETED,
                metric=(x - 0.4) ** 2,
                duration=10.0,
                attempts=attempts,
                host="here",
                elapsed=started + 10.0,
            )
        )


def new_state() -> StudyState:
    return StudyState.begin(study_record("idle", direction="minimize"))


def test_idle_workers_are_found() -> None:
    state = new_state()
    one_after_the_other(state, range(20), 0.0)
    (finding,) = findings_in(state)
    assert finding.check == "idle_workers"
    assert "of 4 trials that may run at the same time, 0.9 did on average" in finding.sentence


def test_it_is_the_last_run_that_is_looked_at() -> None:
    state = new_state()
    one_after_the_other(state, range(20), 0.0)
    one_after_the_other(state, range(20, 25), 10_000.0)
    (times,) = last_run_times(state)
    assert sorted(times.started) == [*range(20, 25)]
    assert times.ended[24] - times.started[20] == 54.0
    assert findings_in(state) == []


def test_of_trials_that_were_tried_again_too_little_is_known() -> None:
    state = new_state()
    one_after_the_other(state, range(20), 0.0, attempts=2)
    assert last_run_times(state) == []


def test_a_study_that_has_not_run_has_no_times() -> None:
    assert last_run_times(new_state()) == []
