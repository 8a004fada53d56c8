"""What the benchmark of the strategies computes, on a table made up here."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from benchmarks.search import tables
from benchmarks.search.run import Ours, run
from benchmarks.search.tables import FAMILIES, SATURATED, TUNED_ON, Table
from benchmarks.search.trajectories import STORE, read, trajectory, write
from prefect_tuner import Params, SearchSpace

SPACE = SearchSpace({"n": {"type": "int", "low": 0, "high": 9}, "k": ["a", "b"]})
TABLE = Table(
    "small",
    "hpobench",
    SPACE,
    metrics=np.arange(20.0).reshape(10, 2),
    seconds=1.0 + np.arange(20.0)[::-1].reshape(10, 2),
)


class Recorder:
    """Asks for the candidates it was given, and keeps what it hears."""

    def __init__(self, candidates: list[Params]) -> None:
        self.candidates = candidates
        self.told: list[tuple[int, float]] = []

    def suggest(self, number: int) -> Params:
        return self.candidates[number]

    def tell(self, number: int, metric: float) -> None:
        self.told.append((number, metric))


def test_regret_is_none_at_the_optimum_and_one_at_the_median() -> None:
    assert TABLE.regret(TABLE.metric({"n": 0, "k": "a"})) == 0.0
    assert TABLE.regret(TABLE.median) == 1.0
    assert TABLE.metric({"n": 3, "k": "b"}) == 7.0


def test_a_run_keeps_improvements_and_counts_repeated_candidates() -> None:
    candidates: list[Params] = [{"n": n, "k": "a"} for n in (5, 5, 7, 0)]
    done = run(TABLE, Recorder(candidates), trials=4)
    assert [at for at, _ in done.steps] == [1, 4]
    assert done.regret_at(3) == pytest.approx(10 / 9.5, abs=1e-6)
    assert done.regret_at(4) == 0.0
    assert done.repeated == 1


def test_trials_of_several_workers_finish_by_the_clock_of_the_table() -> None:
    # The worse a candidate of this table, the sooner it is trained.
    optimizer = Recorder([{"n": n, "k": "a"} for n in (0, 9, 8, 7, 6)])
    run(TABLE, optimizer, trials=3, workers=2)
    assert optimizer.told == [(1, 18.0), (2, 16.0), (3, 14.0)]


def test_a_strategy_of_ours_is_run_by_name() -> None:
    done = run(TABLE, Ours('{"name": "gp", "initial": 4}', TABLE, seed=0), trials=15, workers=3)
    assert done.regret_at(15) == 0.0
    assert done.repeated == 0


def test_trajectories_are_read_as_they_were_written(tmp_path: Path) -> None:
    runs = {("small", seed): trajectory([3.0, 4.0, 1.0 / 3.0], 1.5, seed) for seed in (0, 1, 10)}
    write(tmp_path / "new" / "runs.json", runs)
    assert read(tmp_path / "new" / "runs.json") == runs
    assert read(tmp_path / "other.json") == {}


def test_the_stored_runs_of_the_peer_are_complete() -> None:
    runs = read(STORE / "optuna-5.0.0-tpe.json")
    assert set(runs) == {(table, seed) for table in FAMILIES for seed in range(30)}
    assert all(run.trials >= 100 for run in runs.values())


def test_no_more_than_a_third_of_the_tables_was_tuned_on() -> None:
    assert len(TUNED_ON) <= len(FAMILIES) / 3
    assert {*TUNED_ON, *SATURATED} <= set(FAMILIES)


def test_data_that_name_code_are_refused() -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("exit 1",)

    harmless = {"00": {"val_acc": [0.5, 0.6]}}
    assert tables._PlainDataReader(io.BytesIO(pickle.dumps(harmless))).load() == harmless
    with pytest.raises(pickle.UnpicklingError, match="plain data were expected"):
        tables._PlainDataReader(io.BytesIO(pickle.dumps(Harmful()))).load()
