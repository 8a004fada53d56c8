"""Errors that come from elsewhere than the trials, and task runs that do not start."""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, final

import pytest
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_tuner import (
    History,
    Outcome,
    Params,
    SearchStrategy,
    StopReason,
    TrainingError,
    Trial,
    TrialContext,
    TrialFailed,
    TunerConfig,
    TuningObserver,
    tune,
)
from prefect_tuner.errors import InternalTunerError
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from tests.flows.flow_runs import X, run_tune
from tests.flows.objectives import QUICK_END, by_number, value
from tests.flows.processes import assert_gone
from tests.messages import STOPPED_BEFORE_IT_STARTED
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")


@final
class Unstable(SearchStrategy):
    """Fails at the third candidate."""

    def next_candidate(self, history: History) -> Params | None:
        if len(history) == 2:
            raise ArithmeticError("the surrogate is singular")
        return {"x": 0.5}


@final
class Misplaced(SearchStrategy):
    """Gives candidates of another space."""

    def next_candidate(self, history: History) -> Params | None:
        return {"x": 2.0 + len(history)}


def hanging_at(number: int, pid: Path) -> object:
    def train(_: Params, trial: TrialContext) -> float:
        if trial.number == number:
            pid.write_text(str(os.getpid()))
            time.sleep(60)
        give_up = time.monotonic() + 30
        while not pid.exists():
            assert time.monotonic() < give_up
            time.sleep(0.01)
        return 0.5

    return train


def test_a_strategy_that_fails_ends_the_study_and_its_trials(tmp_path: Path) -> None:
    run = run_tune(hanging_at(0, tmp_path / "pid"), strategy=Unstable, max_concurrency=2)
    assert run.state.is_failed()
    with pytest.raises(ArithmeticError, match="the surrogate is singular"):
        run.state.result()
    assert_gone(int((tmp_path / "pid").read_text()))


@final
class Twofold(SearchStrategy):
    """Fails at the third candidate, and at every trial that is stopped for it."""

    def next_candidate(self, history: History) -> Params | None:
        if len(history) == 2:
            raise ArithmeticError("the surrogate is singular")
        return {"x": 0.5}

    def report_result(self, trial: Trial) -> None:
        if trial.metric is None:
            raise LookupError(f"trial {trial.number} has no metric")


def test_an_error_while_stopping_does_not_hide_the_first(tmp_path: Path) -> None:
    run = run_tune(hanging_at(0, tmp_path / "pid"), strategy=Twofold, max_concurrency=2)
    with pytest.raises(ArithmeticError, match="the surrogate is singular") as raised:
        run.state.result()
    (note,) = raised.value.__notes__
    assert re.search(r"Stopping the trials.*LookupError\('trial 0 ", note)
    assert_gone(int((tmp_path / "pid").read_text()))


def test_a_candidate_outside_of_the_space_is_reported_as_a_bug_and_never_tried() -> None:
    run = run_tune(value, strategy=Misplaced)
    with pytest.raises(InternalTunerError, match=r"strategy Misplaced .*x=2\.0 \(float\)"):
        run.state.result()


def test_trials_that_wait_for_a_worker_are_cancelled_and_never_started() -> None:
    began = time.monotonic()
    one_worker: Any = ThreadPoolTaskRunner(max_workers=1)
    run = run_tune(
        by_number([0.9, "hang", "hang"]),
        tuned=tune.with_options(task_runner=one_worker),
        max_concurrency=3,
        max_trials=3,
        target_metric=0.9,
    )
    assert time.monotonic() - began < QUICK_END
    first, *others = run.result.trials
    assert (first.outcome, first.attempts) == (Outcome.COMPLETED, 1)
    assert {trial.outcome for trial in others} == {Outcome.CANCELLED}
    # The one worker may have begun with the second when the loop heard of the first.
    assert (others[1].attempts, others[1].duration) == (0, None)
    assert others[1].message == (
        f"{STOPPED_BEFORE_IT_STARTED}: {StopReason.TARGET_METRIC.sentence}"
    )


def test_studies_run_side_by_side_in_one_process() -> None:
    def study(seed: int) -> list[Params]:
        result = tune(value, X, seed=seed, config=TunerConfig(max_trials=3, max_concurrency=2))
        return [trial.params for trial in result.trials]

    with ThreadPoolExecutor() as pool:
        first, other, again = pool.map(study, [1, 2, 1])
    assert first == again != other


def test_a_study_that_fails_leaves_the_next_one_alone() -> None:
    with pytest.raises(TrainingError):
        tune(by_number(["raise"]), X, config=TunerConfig(max_trials=1))
    assert run_tune(value, max_trials=1).outcomes == ["completed"]


def test_a_study_that_failed_is_free_while_its_observers_still_hear_of_it(tmp_path: Path) -> None:
    ledger = LedgerFile(tmp_path, "failing")
    released = []

    class Slow(TuningObserver):
        def on_trial_failed(self, _: TrialFailed) -> None:
            def free() -> None:
                assert ledger.holder() is None

            eventually(free, timeout=20)
            released.append(True)

    run = run_tune(
        "json:loads", study="failing", storage=str(tmp_path), max_trials=1, observers=[Slow()]
    )
    with pytest.raises(TrainingError, match="no trial has a metric"):
        run.state.result()
    assert released == [True]
