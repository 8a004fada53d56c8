"""Reports that another process makes."""

from __future__ import annotations

import time

import pytest

from prefect_tuner import TunerConfig
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.study_report.report_maker import (
    ReportNotMade,
    ReportRequest,
    can_make_reports,
    make_report,
)
from tests.flows.stored_studies import run_record, study_record, trial_records
from tests.flows.studies import completed


def request(timeout: float, elapsed: float = 1.0) -> ReportRequest:
    state = StudyState.begin(study_record("churn"))
    state.take(run_record(TunerConfig(), []))
    for record in trial_records(completed(0, 0.25, x=0.5)):
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
