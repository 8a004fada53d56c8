"""Trials that fail, and what becomes of their study."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import (
    Outcome,
    Params,
    StopReason,
    TrainingError,
    TrialContext,
    TrialTimeout,
    TunerConfig,
    tune,
)
from tests.flows.flow_runs import X, flow_run, log_lines, run_tune, task_runs
from tests.flows.objectives import QUICK_END, by_number
from tests.flows.processes import assert_gone
from tests.messages import (
    NO_TRIAL_HAS_A_METRIC,
    STOPPED_BEFORE_IT_WAS_TRIED_AGAIN,
    TRIAL_0_RAISED,
    TRIAL_1_RAISED,
)
from tests.polling import eventually

TRIAL_2_RETURNED_NAN = (
    "trial 2 invalid metric: the objective must return a finite number, got nan (float)"
)

pytestmark = pytest.mark.usefixtures("prefect_server")

MISHAPS = {
    "raise": ("failed", "ValueError: singular matrix", "FAILED"),
    "nan": ("invalid_metric", "the objective must return a finite number, got nan", "FAILED"),
    "exit": ("crashed", "the objective called sys.exit(3)", "CRASHED"),
    "vanish": ("crashed", "exited with code 4", "CRASHED"),
    "killed": ("crashed", "killed by SIGKILL", "CRASHED"),
    "memory": ("out_of_memory", "more than its limit of 200.0 MB", "FAILED"),
    "hang": ("timed_out", "ran longer than its limit of 3 s", "FAILED"),
}


def test_no_bad_trial_ends_a_study_and_each_says_what_happened() -> None:
    run = run_tune(
        by_number([*MISHAPS, 0.75]),
        max_trials=len(MISHAPS) + 1,
        max_concurrency=2,
        trial_timeout=3.0,  # On a busy machine, it takes a while to take too much memory.
        trial_memory_mb=200,
        study="mishaps",
    )
    *mishaps, good = run.result.trials
    for trial, (outcome, message, _) in zip(mishaps, MISHAPS.values(), strict=True):
        assert trial.outcome == outcome
        assert message in trial.message
        assert (trial.metric, trial.attempts) == (None, 1)
    assert (good.outcome, good.metric) == (Outcome.COMPLETED, 0.75)
    assert run.state.is_completed()

    def all_recorded() -> None:
        recorded = {task["name"]: task["state"] for task in task_runs(run.id)}
        assert len(recorded) == len(MISHAPS) + 1
        for number, (_, message, state) in enumerate(MISHAPS.values()):
            assert recorded[f"mishaps-{number}"]["type"] == state
            assert message in recorded[f"mishaps-{number}"]["message"]
        assert recorded[f"mishaps-{len(MISHAPS)}"]["type"] == "COMPLETED"

    eventually(all_recorded)


def test_a_study_whose_trials_all_failed_fails_and_says_why() -> None:
    run = run_tune(by_number(["raise", "raise", "nan"]), max_trials=3)
    assert run.state.is_failed()
    with pytest.raises(TrainingError) as raised:
        run.state.result()
    assert str(raised.value) == (
        f"{NO_TRIAL_HAS_A_METRIC} (2 failed, 1 invalid metric); "
        f"{StopReason.MAX_TRIALS.sentence}; {TRIAL_2_RETURNED_NAN}"
    )
    assert NO_TRIAL_HAS_A_METRIC in flow_run(run.id)["state"]["message"]


def test_the_reason_given_is_that_of_a_trial_that_failed_by_itself() -> None:
    run = run_tune(by_number(["raise", "hang"]), max_concurrency=2, max_failures=1)
    with pytest.raises(TrainingError) as raised:
        run.state.result()
    assert str(raised.value) == (
        f"{NO_TRIAL_HAS_A_METRIC} (1 failed, 1 cancelled); "
        f"{StopReason.MAX_FAILURES.sentence}; {TRIAL_0_RAISED}"
    )


def test_on_failure_raise_ends_the_study_at_the_first_failure(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    def train(_: Params, trial: TrialContext) -> float:
        if trial.number == 0:
            pid.write_text(str(os.getpid()))
            time.sleep(60)
        give_up = time.monotonic() + 30
        while not pid.exists():
            assert time.monotonic() < give_up
            time.sleep(0.01)
        raise ValueError("singular matrix")

    run = run_tune(train, max_concurrency=2, on_failure="raise")
    assert run.state.is_failed()
    with pytest.raises(TrainingError) as raised:
        run.state.result()
    assert str(raised.value) == TRIAL_1_RAISED
    assert not isinstance(raised.value, TrialTimeout)
    assert_gone(int(pid.read_text()))

    def told() -> None:
        stopped = "Trial 0 cancelled: the study was stopped while the trial ran: trial 1 failed: "
        assert any(line.startswith(stopped) for _, line in log_lines(run.id))

    eventually(told)


def test_on_failure_raise_tells_a_timeout_from_other_failures() -> None:
    run = run_tune(by_number(["hang"]), on_failure="raise", trial_timeout=0.2)
    assert run.state.is_failed()
    assert run.state.name == "TimedOut"
    with pytest.raises(TrialTimeout, match=r"trial 0 timed out.*\b0\.2\b"):
        run.state.result()


def test_an_error_of_on_failure_reaches_the_caller_as_it_is() -> None:
    with pytest.raises(TrainingError, match=TRIAL_0_RAISED):
        tune(by_number(["raise"]), X, config=TunerConfig(on_failure="raise"))


ENDS = ["raise then", "vanish then", "nan then", "raise"]


@pytest.mark.parametrize(
    ("retried", "expected"),
    [
        (
            {},
            [("completed", 2), ("completed", 2), ("invalid_metric", 1), ("failed", 3)],
        ),
        (
            {"retry_outcomes": ["invalid_metric", "crashed"]},
            [("failed", 1), ("completed", 2), ("completed", 2), ("failed", 1)],
        ),
    ],
)
def test_retried_are_the_outcomes_that_shall_be_and_the_last_attempt_counts(
    retried: dict[str, Any], expected: list[tuple[str, int]]
) -> None:
    run = run_tune(by_number(ENDS), max_trials=4, max_concurrency=2, retries=2, **retried)
    assert [(str(t.outcome), t.attempts) for t in run.result.trials] == expected
    for trial in run.result.trials:
        assert trial.metric == (0.5 if trial.outcome is Outcome.COMPLETED else None)
        assert bool(trial.message) == (trial.outcome is not Outcome.COMPLETED)


def test_nothing_is_retried_unless_asked_for() -> None:
    run = run_tune(by_number([0.1, "raise then"]), max_trials=2)
    assert [(str(t.outcome), t.attempts) for t in run.result.trials] == [
        ("completed", 1),
        ("failed", 1),
    ]


def test_a_trial_that_waits_to_be_tried_again_is_cancelled_with_its_study(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    def train(_: Params, trial: TrialContext) -> float:
        if trial.number == 0:
            pid.write_text(str(os.getpid()))
            raise ValueError("singular matrix")
        give_up = time.monotonic() + 30
        while not pid.exists() or Path(f"/proc/{pid.read_text()}").exists():
            assert time.monotonic() < give_up
            time.sleep(0.01)
        return 0.9

    began = time.monotonic()
    run = run_tune(train, max_concurrency=2, retries=1, retry_delay=600.0, target_metric=0.9)
    assert time.monotonic() - began < QUICK_END
    waiting, good = run.result.trials
    assert good.metric == 0.9
    assert (waiting.outcome, waiting.attempts) == (Outcome.CANCELLED, 1)
    assert waiting.message == (
        f"{STOPPED_BEFORE_IT_WAS_TRIED_AGAIN}: {StopReason.TARGET_METRIC.sentence}"
    )
