"""The log of a study ends with what is wrong with it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import pytest

from prefect_tuner import (
    ConfirmationStarted,
    Float,
    SearchSpace,
    StudyCompleted,
    Trial,
    TuningResult,
)
from prefect_tuner.flows.observers.log_observer import LogObserver
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.flows.study.tuning_result import StopReason
from tests.flows.studies import completed, failed, study_started

SPACE = SearchSpace({"x": Float(0.0, 1.0)})


def logged(trials: Sequence[Trial], caplog: pytest.LogCaptureFixture) -> list[str]:
    """What is logged as a warning when a study of some trials is complete."""
    started = replace(study_started("sick study", *trials), space=SPACE, direction="minimize")
    best = min((trial for trial in trials if trial.metric is not None), key=lambda t: t.metric or 0)
    result = TuningResult(
        study="sick study",
        direction="minimize",
        stop_reason=StopReason.MAX_TRIALS,
        best_trial=best,
        trials=list(trials),
        duration=1.0,
    )
    observer = LogObserver(logging.getLogger("study"))
    observer.on_study_started(started)
    with caplog.at_level(logging.WARNING):
        observer.on_completed(StudyCompleted(result, Progress(asked=len(trials))))
    return [record.getMessage() for record in caplog.records]


def test_findings_are_told_with_what_to_do(caplog: pytest.LogCaptureFixture) -> None:
    trials = [completed(n, n / 40, x=n / 40) for n in range(20)]
    trials += [replace(failed(n), params={"x": 0.5 + n / 100}) for n in range(20, 40)]
    first, *_ = logged(trials, caplog)
    assert first.startswith("Doctor: 20 of 20 trials with x > 0.475 failed")
    assert "leave that out of the space. [failures_in_region]" in first


def test_of_a_healthy_study_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert logged([completed(n, (n / 40 - 0.4) ** 2, x=n / 40) for n in range(40)], caplog) == []


def test_many_findings_are_counted(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prefect_tuner.flows.observers.log_observer._MOST_FINDINGS", 0)
    (told,) = logged([completed(n, 0.5, x=n / 40) for n in range(40)], caplog)
    assert told == "Doctor: 1 more: prefect-tuner doctor 'sick study'"


@pytest.mark.parametrize(
    ("count", "told"), [(1, "trial 0 is evaluated anew"), (2, "trials 0, 1 are evaluated anew")]
)
def test_who_races_is_told(count: int, told: str, caplog: pytest.LogCaptureFixture) -> None:
    candidates = [completed(n, 0.5, x=0.5) for n in range(count)]
    with caplog.at_level(logging.INFO):
        LogObserver(logging.getLogger("study")).on_confirmation_started(
            ConfirmationStarted(candidates, 10, 0, Progress())
        )
    assert told in caplog.messages[0]
