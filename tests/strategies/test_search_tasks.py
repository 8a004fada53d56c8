"""The real tuning tasks of the benchmark: what they promise of their metrics and spaces."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pytest

from benchmarks.search import tasks
from benchmarks.search.tasks import FAMILIES, TESTED_WITH, Reference, Task, load, references
from benchmarks.search.tasks_reference import search
from benchmarks.search.tasks_reference_renewal import rescaled
from benchmarks.search.trajectories import Trajectory
from prefect_tuner import Params, SearchSpace

SPACE = SearchSpace(
    {
        "kernel": ["linear", "rbf"],
        "gamma": {"type": "float", "low": 0.0, "high": 1.0, "when": {"kernel": ["rbf"]}},
    }
)


def made_up(params: Params) -> float:
    return float(params["gamma"]) if params["kernel"] == "rbf" else 2.0


def loaded(name: str) -> Task:
    try:
        return load(name)
    except ModuleNotFoundError as error:
        pytest.skip(f"needs {error.name}")


def drawn(space: SearchSpace, count: int) -> list[Params]:
    rng = np.random.default_rng(7)
    return [space.from_units(rng.random(len(space)).tolist()) for _ in range(count)]


def is_tested_with() -> bool:
    try:
        return all(version(name) == known for name, known in TESTED_WITH.items())
    except PackageNotFoundError:
        return False


@pytest.mark.parametrize("name", FAMILIES)
def test_a_candidate_of_a_task_has_one_finite_metric(name: str) -> None:
    task = loaded(name)
    for params in drawn(task.space, 4):
        metric = task.evaluate(params)
        assert np.isfinite(metric)
        assert task.evaluate(params) == metric


@pytest.mark.parametrize("name", FAMILIES)
def test_the_space_of_a_task_has_conditions_that_are_met_now_and_then(name: str) -> None:
    space = loaded(name).space
    assert space.is_conditional
    active = [set(params) for params in drawn(space, 500)]
    for parameter in space:
        share = np.mean([parameter in names for names in active])
        assert share == 1.0 if space[parameter].when is None else 0.05 < share < 1.0


@pytest.mark.parametrize("name", FAMILIES)
def test_the_reference_of_a_task_is_a_candidate_with_that_metric(name: str) -> None:
    task = loaded(name)
    best = references()[name]
    assert task.space.contains(best.params)
    assert task.regret(best.best) == 0.0
    assert task.regret(best.median) == 1.0
    if not is_tested_with():
        pytest.skip(f"metrics are those of {TESTED_WITH}")
    assert task.metric(best.params) == pytest.approx(best.best, rel=1e-6)


def test_a_search_for_a_reference_finds_the_best_and_the_median_of_random_candidates() -> None:
    found = search(Task("made-up", "kernels", "its gamma", SPACE, made_up), 200, 200)
    assert found.best < 0.001
    assert found.found_by == "mutation"
    assert made_up(found.params) == found.best
    # Half of the candidates are linear, and have the largest metric.
    assert 0.9 < found.median <= 2.0


def test_with_a_new_reference_stored_runs_stand_for_the_same_metrics() -> None:
    old = Reference(best=1.0, found_by="random", params={}, median=3.0, candidates=10)
    new = old._replace(best=0.5)
    runs = {("svm", 4): Trajectory(((1, 2.0, 1.0), (7, -0.25, 7.0)), 9, 9.0, 0.1, 0)}
    (run,) = rescaled(runs, {"svm": old}, {"svm": new}).values()
    # The metrics are 5 and 0.5.
    assert run.steps == ((1, 1.8, 1.0), (7, 0.0, 7.0))


def test_a_candidate_is_evaluated_once() -> None:
    seen: list[Params] = []

    def counted(params: Params) -> float:
        seen.append(params)
        return made_up(params)

    task = Task("made-up", "kernels", "its gamma", SPACE, counted)
    assert task.metric({"kernel": "linear"}) == task.metric({"kernel": "linear"}) == 2.0
    assert len(seen) == 1


def test_a_task_without_a_reference_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"svm": Reference(0.1, "random", {}, 0.3, 10)}
    monkeypatch.setattr(tasks, "references", lambda: known)
    task = Task("made-up", "kernels", "its gamma", SPACE, made_up)
    with pytest.raises(LookupError, match="tasks_reference made-up"):
        task.regret(0.0)
