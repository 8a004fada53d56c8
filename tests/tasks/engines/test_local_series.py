"""Trials that share task runs have all that a trial with a task run of its own has."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import Pause

from prefect_tuner import (
    InvalidConfiguration,
    Params,
    TrialCompleted,
    TrialContext,
)
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.tasks.engine import Engine, EngineOptions, EngineStudy
from prefect_tuner.tasks.engines.local import LocalEngine
from prefect_tuner.tasks.task_runs.local_series import SeriesLength
from prefect_tuner.testing import EngineConformance
from tests.flows.flow_runs import FlowRun, SuspendAtFirst, log_lines, run_tune, task_runs
from tests.polling import eventually
from tests.tasks.engines.objectives import squared

pytestmark = pytest.mark.usefixtures("prefect_server")

KINDS = ["completes", "raises", "hangs", "exits", "prints", "gives nan", "raises first"]


class TestLocalSeries(EngineConformance):
    @classmethod
    def engine(cls, study: EngineStudy) -> AbstractContextManager[Engine]:
        return LocalEngine.opened(replace(study, trials_per_task=4), EngineOptions())


def recorded(run: FlowRun, count: int) -> Sequence[dict[str, Any]]:
    """The task runs of a flow run, once the server has recorded the ends of so many."""

    def all_ended() -> Sequence[dict[str, Any]]:
        found = task_runs(run.id)
        assert len(found) == count
        assert all(each["state_type"] not in ("PENDING", "RUNNING") for each in found)
        return found

    return eventually(all_ended, timeout=60)


def test_so_many_trials_are_a_task_run_which_tells_how_they_ended(tmp_path: Path) -> None:
    run = run_tune(
        "prefect_tuner.testing.trial_kinds:by_kind",
        {"kind": KINDS},
        strategy="grid",
        study="shared",
        storage=str(tmp_path),
        trials_per_task=3,
        trial_timeout=2.0,
        max_alike_failures=None,
    )
    ended = ["completed", "failed", "timed_out", "crashed", "completed", "invalid_metric", "failed"]
    assert run.outcomes == ended
    runs = sorted(recorded(run, 3), key=lambda each: each["start_time"])
    assert [each["name"] for each in runs] == [f"shared-{i} and on" for i in (0, 3, 6)]
    assert [(each["state_type"], each["state_name"]) for each in runs] == [
        ("COMPLETED", "SomeFailed"),
        ("COMPLETED", "SomeFailed"),
        ("FAILED", "Failed"),
    ]
    messages = [each["state"]["message"] for each in runs]
    assert messages[0] == "3 trials: 1 completed, 1 failed, 1 timed out"
    assert messages[2].startswith("failed: ")

    state = read_state(LedgerFile(tmp_path, "shared"))
    assert state is not None
    assert [str(trial.outcome) for trial in state.trials] == ended

    def logged() -> None:
        lines = [text for _, text in log_lines(run.id)]
        for number, outcome in enumerate(ended):
            told = re.compile(rf"Trial {number} {outcome.replace('_', ' ')}: .* with kind=")
            assert any(told.match(line) for line in lines), (number, lines)
        assert any(re.match(r"Trial 4: .*print", line) for line in lines), lines

    eventually(logged, timeout=60)


def test_the_trials_are_those_of_a_study_with_a_task_run_for_each(tmp_path: Path) -> None:
    digests = {
        run_tune(
            squared,
            {"x": {"type": "float", "low": -1.0, "high": 2.0}},
            strategy="gp",
            storage=str(tmp_path / str(shared)),
            max_trials=12,
            max_concurrency=2,
            reproducible=True,
            trials_per_task=shared,
        ).result.digest
        for shared in (1, 5, "auto")
    }
    assert len(digests) == 1


def test_a_trial_that_takes_long_has_a_task_run_of_its_own_where_that_is_automatic() -> None:
    def train(_: Params, trial: TrialContext) -> float:
        time.sleep(2.1 if trial.number < 2 else 0.0)
        return 1.0

    run = run_tune(train, max_trials=12, trials_per_task="auto")
    told = sorted(each["state"]["message"] for each in recorded(run, 3))
    assert [text.partition(":")[0] for text in told] == ["10 trials", "completed", "completed"]


def test_a_task_run_takes_trials_for_so_many_or_so_long() -> None:
    three = SeriesLength.of(3, concurrency=100)
    assert three.has_room(begun=2, seconds=1e9)
    assert not three.has_room(begun=3, seconds=0.0)
    few, many = (SeriesLength.of("auto", concurrency=count) for count in (1, 1000))
    assert few.has_room(begun=10**6, seconds=1.9)
    assert not few.has_room(begun=1, seconds=2.1)
    assert many.has_room(begun=1, seconds=399.0)


def test_the_study_stops_in_the_midst_of_a_task_run() -> None:
    def train(_: Params, trial: TrialContext) -> float:
        return float(trial.number)

    run = run_tune(train, max_trials=50, target_metric=4.0, trials_per_task=20)
    assert run.outcomes == ["completed"] * 5
    (only,) = recorded(run, 1)
    assert only["state"]["message"] == "5 trials: 5 completed"


def test_a_flow_run_is_suspended_between_two_trials_of_a_task_run() -> None:
    observer = SuspendAtFirst()

    def train(_: Params, trial: TrialContext) -> float:
        return float(trial.number)

    with pytest.raises(Pause):
        run_tune(train, max_trials=1000, trials_per_task=1000, observers=[observer])
    ended = [event.trial for event in observer.heard if isinstance(event, TrialCompleted)]
    assert 1 <= len(ended) < 100
    assert [trial.metric for trial in ended] == [float(number) for number in range(len(ended))]


def test_an_engine_with_a_run_for_each_trial_refuses_it_before_the_first() -> None:
    options = {"deployment": "trial/nowhere"}
    run = run_tune(squared, engine="deployment", engine_options=options, trials_per_task=5)
    with pytest.raises(InvalidConfiguration, match='it must be 1 or "auto", got 5'):
        run.state.result()
