"""What works by `python script.py` works in a study, with its result."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from prefect import flow, task
from prefect.client.schemas.objects import State
from prefect.settings import (
    PREFECT_TASK_DEFAULT_RETRIES,
    PREFECT_TASK_DEFAULT_RETRY_DELAY_SECONDS,
    temporary_settings,
)

from prefect_tuner import Float, LedgerError, TunerConfig, tune
from tests.flows.failing_objectives import fails_at_first
from tests.flows.flow_runs import X, ask_server, run_tune, task_runs
from tests.flows.objectives import by_name, hangs
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_parameters_by_name_choices_of_any_kind_and_texts_come_through() -> None:
    space = {"max_depth": [None, 3], "layers": [[64], [64, 32]], "lr": Float(0.0, 1.0)}
    result = run_tune(by_name, space, max_trials=8, strategy="random").result
    assert result.best_metric == 1.0
    for trial in result.trials:
        assert trial.params["max_depth"] in (None, 3)
        assert trial.extra["model"] == f"/models/{trial.params['layers']}.pkl"
    assert {str(trial.params["max_depth"]) for trial in result.trials} == {"None", "3"}


def test_an_objective_that_does_not_take_the_parameters_is_told_before_a_trial() -> None:
    run = run_tune(by_name, {"max_depth": [1], "width": [2]}, max_trials=1)
    assert run.state.is_failed()
    assert re.search(r"\bno argument.* 'width'", str(run.state.message))
    assert task_runs(run.id) == []


def test_a_time_limit_of_the_flow_holds_in_a_task_that_was_submitted() -> None:
    limited = tune.with_options(timeout_seconds=3)
    took: list[float] = []

    @task
    def part() -> None:
        started = time.monotonic()
        try:
            limited(hangs, X)
        finally:
            took.append(time.monotonic() - started)

    @flow
    def pipeline() -> State[None]:
        future = part.submit()
        future.wait()
        return future.state

    pipeline(return_state=True)
    assert 3.0 <= took[0] < 12.0


def test_prefects_settings_for_all_tasks_are_none_of_a_trials() -> None:
    settings = {PREFECT_TASK_DEFAULT_RETRY_DELAY_SECONDS: 60, PREFECT_TASK_DEFAULT_RETRIES: 3}
    started = time.monotonic()
    with temporary_settings(settings):
        result = run_tune(fails_at_first, max_trials=2, retries=1).result
        failed = run_tune(fails_at_first, max_trials=1, retries=0)
    assert time.monotonic() - started < 30
    assert [trial.attempts for trial in result.trials] == [2, 2]
    assert failed.state.is_failed()


def test_numpys_numbers_configure_a_study() -> None:
    config = TunerConfig(max_trials=np.int64(2), trial_timeout=np.float64(60))  # type: ignore[arg-type]
    result = run_tune(fails_at_first, config=config, seed=np.int64(3), space=X)
    assert result.state.is_failed()
    assert len(ask_server("flow_runs/filter", limit=1)) == 1


def test_a_home_that_cannot_be_written_to_names_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect_tuner.flows.run import default_storage

    monkeypatch.delenv("PREFECT_TUNER_STORAGE", raising=False)
    monkeypatch.setattr(default_storage, "_default_folder", lambda: Path("/proc/no/home"))
    run = run_tune(fails_at_first, study="homeless", max_trials=1)
    with pytest.raises(LedgerError, match=r"parameter storage.*PREFECT_TUNER_STORAGE"):
        run.state.result()
    with_storage = run_tune(
        fails_at_first, study="homeless", max_trials=1, retries=1, storage=str(tmp_path)
    )
    assert with_storage.outcomes == ["completed"]


TWO_AT_A_TIME = """
import os, sys

def train(params, trial):
    names = ("OMP_NUM_THREADS", "POLARS_MAX_THREADS")
    return {"metric": float(trial.slot), **{name: os.environ[name] for name in names}}

if __name__ == "__main__":
    from prefect_tuner import Float, TunerConfig, tune

    result = tune(
        train, {"x": Float(0.0, 1.0)}, config=TunerConfig(max_trials=4, max_concurrency=64)
    )
    print(sorted({str(sorted(trial.extra.items())) for trial in result.trials}))
"""


def test_each_trial_has_its_share_of_the_processors(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(textwrap.dedent(TWO_AT_A_TIME))
    environment = {k: v for k, v in os.environ.items() if "THREADS" not in k}
    told = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    assert told.stdout.count("'1'") == 2
    assert "1 thread" in told.stderr


def test_the_note_on_how_trials_are_started_is_in_the_flows_log_once() -> None:
    run = run_tune(fails_at_first, max_trials=3, retries=1)

    def told() -> None:
        found = ask_server("logs/filter", logs={"flow_run_id": {"any_": [run.id]}}, limit=200)
        notes = [line for line in found if "The numeric libraries of each trial" in line["message"]]
        assert len(notes) == 1

    eventually(told, timeout=30)
