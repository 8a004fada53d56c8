from __future__ import annotations

import pytest
from prefect.exceptions import Pause, TerminationSignal

from prefect_tuner import Outcome, TrainingError, TuningCancelled
from prefect_tuner.flows.run.cancellation import describe_error
from prefect_tuner.flows.study.tuning_events import Progress, describe_failure, is_cancellation
from tests.flows.studies import completed, failed


@pytest.mark.parametrize(
    ("error", "reason", "cancelled"),
    [
        (TrainingError("trial 3 failed"), "trial 3 failed", False),
        (ValueError(), "ValueError", False),
        (TuningCancelled("the stream was closed"), "the stream was closed", True),
        (KeyboardInterrupt(), "interrupted (Ctrl-C)", True),
        (TerminationSignal(15), "terminated from outside (SIGTERM)", True),
        (Pause(), "the flow run is to be suspended", True),
    ],
)
def test_what_ends_a_study_is_told_in_words(
    error: BaseException, reason: str, cancelled: bool
) -> None:
    assert describe_error(error) == reason
    assert is_cancellation(error) is cancelled


def test_a_failed_trial_says_its_outcome_and_its_message() -> None:
    late = failed(0, Outcome.TIMED_OUT, message="took too long")
    assert describe_failure(late) == f"timed out: {late.message}"
    assert describe_failure(failed(0, message="")) == "failed"


def test_finished_trials_are_those_that_run_no_more() -> None:
    assert Progress(asked=7, running=3, completed=2, failed=1).finished == 4
    assert Progress(best_trial=completed(0, 0.5)).finished == 0
