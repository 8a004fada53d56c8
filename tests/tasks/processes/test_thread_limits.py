"""The numeric libraries of a trial get their share of the processors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from prefect_tuner.flows.run.launch_settings import launch_settings
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.tasks.processes import thread_limits
from prefect_tuner.tasks.processes.thread_limits import (
    VARIABLES,
    available_processors,
    thread_limit,
    with_threads,
)
from tests.tasks.attempts import Attempt, attempt
from tests.tasks.modules import launched, write_module


@pytest.fixture(autouse=True)
def _no_variables_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("processors", "concurrency", "threads"), [(8, 1, 8), (8, 3, 2), (2, 2, 1), (2, 16, 1)]
)
def test_the_processors_are_shared_out(
    monkeypatch: pytest.MonkeyPatch, processors: int, concurrency: int, threads: int
) -> None:
    monkeypatch.setattr(thread_limits, "available_processors", lambda: processors)
    limit = thread_limit(None, concurrency, {})
    assert limit.count == threads
    assert limit.environment == dict.fromkeys(VARIABLES, str(threads))
    assert f"{threads} thread" in limit.reason
    assert "threads_per_trial" in limit.reason


def test_what_is_asked_for_counts() -> None:
    assert thread_limit(3, 8, {}).count == 3


@pytest.mark.parametrize("asked", [None, 2])
def test_the_users_own_number_wins_for_all_libraries(asked: int | None) -> None:
    limit = thread_limit(asked, 4, {"OMP_NUM_THREADS": "6"})
    assert limit.count == 6
    assert "OMP_NUM_THREADS" not in limit.environment
    assert limit.environment["POLARS_MAX_THREADS"] == "6"
    assert "OMP_NUM_THREADS=6" in limit.reason
    assert ("wins over threads_per_trial=2" in limit.reason) == (asked == 2)


def test_a_variable_of_the_users_is_left_as_it_is() -> None:
    limit = thread_limit(2, 1, {"MKL_NUM_THREADS": "5"})
    assert "MKL_NUM_THREADS" not in limit.environment
    assert limit.environment["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize("text", ["", "many", "0", "-1"])
def test_a_number_that_is_none_does_not_win(text: str) -> None:
    assert thread_limit(2, 1, {"OMP_NUM_THREADS": text}).count == 2


def test_of_nested_levels_the_outer_one_counts() -> None:
    assert thread_limit(None, 1, {"OMP_NUM_THREADS": "4,2"}).count == 4


def test_there_are_no_more_processors_than_this_process_may_use() -> None:
    assert 1 <= available_processors() <= len(os.sched_getaffinity(0))


def test_the_libraries_start_no_more_threads(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import numpy, scipy.linalg, sklearn.ensemble
        import joblib, lightgbm, polars
        from threadpoolctl import threadpool_info
        def train(params):
            pools = {pool["prefix"] + str(i): pool["num_threads"]
                     for i, pool in enumerate(threadpool_info())}
            return {"metric": 1.0, "polars": polars.thread_pool_size(),
                    "joblib": joblib.effective_n_jobs(-1), **pools}
        """,
    )
    config = TunerConfig(threads_per_trial=1, max_concurrency=2)
    with launched(
        module, environment=with_threads(launch_settings(config)).environment
    ) as launcher:
        run: Attempt = attempt(launcher)
    assert run.report.metric == 1.0
    assert set(run.report.extra.values()) == {1.0}
    assert len(run.report.extra) >= 5
