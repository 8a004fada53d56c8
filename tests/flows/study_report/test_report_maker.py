"""Reports that another process makes."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from prefect_tuner import Outcome, TunerConfig
from prefect_tuner.ending import Ending
from prefect_tuner.flows.confirmation.judgement import judged as judged_race
from prefect_tuner.flows.confirmation.race import Evaluation, Race
from prefect_tuner.flows.ledger.ledger_records import (
    ConfirmedRecord,
    PreflightRecord,
    Record,
    ReevaluatedRecord,
    ReevaluationRecord,
)
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.study_report.report_maker import (
    ReportNotMade,
    ReportRequest,
    can_make_reports,
    make_report,
)
from prefect_tuner.goal import Goal
from tests.flows.stored_studies import LATER, run_record, study_record, trial_records
from tests.flows.studies import completed


def request(timeout: float, elapsed: float = 1.0, more: Sequence[Record] = ()) -> ReportRequest:
    state = StudyState.begin(study_record("churn"))
    state.take(run_record(TunerConfig(), []))
    for record in (*trial_records(completed(0, 0.25, x=0.5)), *more):
        state.take(record)
    return ReportRequest.model_construct(
        state=state,
        name="<b>",
        ending="Running",
        elapsed=elapsed,
        timeout=timeout,
        is_last=False,
    )


def test_a_report_is_made_of_what_the_ledger_says(capfd: pytest.CaptureFixture[str]) -> None:
    report = make_report(request(60.0))
    assert report.startswith("# &lt;b&gt;\n\n**The best metric is 0.25, found by trial 0 of 1.**")
    assert 'alt="Best so far by trial' in report
    assert capfd.readouterr() == ("", "")


def test_a_report_is_made_of_each_kind_of_record() -> None:
    """In which evaluations are over, under way and judged, and a preflight was planned."""
    ending = Ending(Outcome.COMPLETED, metric=0.5, attempts=1, duration=1.0)
    judged = judged_race(Race(Goal("maximize"), {0: 0.25}, budget=5), {0: {0: Evaluation(0.5)}})
    more: list[Record] = [
        PreflightRecord(at=LATER, first=1, points=[]),
        ReevaluationRecord(at=LATER, number=0, repetition=1, seed=1, attempt=1),
        ReevaluatedRecord.of(0, 1, ending, "host", 2.0),
        ReevaluationRecord(at=LATER, number=0, repetition=2, seed=2, attempt=1),
        ConfirmedRecord(at=LATER, confirm=1, confirmation=judged, elapsed=3.0),
    ]
    report = make_report(request(60.0, more=more))
    assert "Nothing is confirmed: the race was stopped" in report


def test_a_report_that_takes_too_long_is_given_up() -> None:
    began = time.monotonic()
    with pytest.raises(ReportNotMade, match=r"the report took longer than 0\.1 s"):
        make_report(request(0.1))
    assert time.monotonic() - began < 10.0


def test_a_report_that_fails_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        ReportNotMade, match=r"the report could not be made: ValidationError.*elapsed"
    ):
        make_report(request(60.0, elapsed=float("nan")))
    assert capfd.readouterr() == ("", "")


def test_the_extra_is_looked_for_without_importing_it() -> None:
    assert can_make_reports()
