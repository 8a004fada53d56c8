"""Workers that idle and time that goes into overhead are found, in the times of a run."""

from __future__ import annotations

import heapq
from dataclasses import replace

import numpy as np
import pytest

from prefect_tuner import Trial
from prefect_tuner.flows.analysis.doctor import diagnose
from prefect_tuner.flows.analysis.models.run_times import RunTimes
from prefect_tuner.goal import Goal
from tests.flows.analysis.studies import told
from tests.objective_functions import cube, sphere

CUBE = cube(3)


def ran(
    durations: list[float],
    workers: int,
    *,
    at_a_time: int | None = None,
    between: float = 0.1,
    suggestion: float = 0.0,
    lag: int | None = None,
) -> tuple[list[Trial], RunTimes]:
    """A run in which no more than `at_a_time` trials run, and each waits for its suggestion."""
    trials = told("random", sphere, CUBE, trials=len(durations))
    started: dict[int, float] = {}
    ended: dict[int, float] = {}
    free = [0.0] * (at_a_time or workers)
    suggested = 0.0
    for number, duration in enumerate(durations):
        waited = max((ended[n] for n in range(number - lag + 1)), default=0.0) if lag else 0.0
        suggested = max(suggested, free[0], waited) + suggestion
        begun = max(heapq.heappop(free), suggested) + between
        started[number], ended[number] = begun, begun + duration
        heapq.heappush(free, ended[number])
    trials = [replace(t, duration=durations[t.number]) for t in trials]
    return trials, RunTimes(workers, started, ended, lag is not None)


def checks(trials: list[Trial], run: RunTimes) -> list[str]:
    return [each.check for each in diagnose(CUBE, Goal("minimize"), trials, [run])]


def lengths(count: int, median: float, seed: int = 0, spread: float = 0.5) -> list[float]:
    rng = np.random.default_rng(seed)
    return [median * float(rng.lognormal(0.0, spread)) for _ in range(count)]


@pytest.mark.parametrize("workers", [1, 4, 8])
@pytest.mark.parametrize("count", [10, 30, 100])
@pytest.mark.parametrize("median", [1.0, 60.0])
def test_workers_that_are_used_are_fine(workers: int, count: int, median: float) -> None:
    for seed in range(3):
        assert checks(*ran(lengths(count, median, seed), workers)) == []
        # As in any study, some take far longer than others.
        assert checks(*ran(lengths(count, median, seed, spread=1.0), workers)) == []


@pytest.mark.parametrize(("workers", "at_a_time"), [(4, 1), (8, 2), (8, 3), (16, 5)])
def test_a_limit_that_lets_few_run_is_found(workers: int, at_a_time: int) -> None:
    trials, run = ran(lengths(60, 20.0), workers, at_a_time=at_a_time)
    (finding,) = diagnose(CUBE, Goal("minimize"), trials, [run])
    assert finding.check == "idle_workers"
    assert f"of {workers} trials" in finding.sentence
    assert f"and {at_a_time} at most" in finding.sentence
    assert "limit" in finding.advice


def test_suggestions_that_take_as_long_as_trials_are_found() -> None:
    trials, run = ran(lengths(60, 10.0), 8, suggestion=5.0)
    assert checks(trials, run) == ["idle_workers"]


def test_waiting_for_slow_trials_in_a_reproducible_study_is_found() -> None:
    durations = [200.0 if number % 8 == 0 else 5.0 for number in range(64)]
    trials, run = ran(durations, 8, lag=8)
    (finding,) = [
        each
        for each in diagnose(CUBE, Goal("minimize"), trials, [run])
        if each.check == "idle_workers"
    ]
    assert "lag" in finding.advice


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(("median", "between"), [(1.0, 3.0), (20.0, 60.0), (0.01, 0.5)])
def test_overhead_is_found(workers: int, median: float, between: float) -> None:
    trials, run = ran(lengths(120, median, spread=0.2), workers, between=between)
    (finding,) = diagnose(CUBE, Goal("minimize"), trials, [run])
    assert finding.check == "overhead"


def test_what_the_program_does_after_its_objective_is_overhead() -> None:
    trials, run = ran([10.0] * 40, 2)
    trials = [replace(trial, duration=2.0) for trial in trials]
    assert checks(trials, run) == ["overhead"]


def test_seconds_in_all_are_nothing_to_mind() -> None:
    assert checks(*ran([0.01] * 20, 1, between=0.2)) == []


def test_the_end_of_a_study_in_which_there_is_nothing_left_to_begin_is_fine() -> None:
    assert checks(*ran([10.0] * 39 + [10_000.0], 4)) == []


def test_without_times_nothing_is_said() -> None:
    trials, _ = ran(lengths(60, 10.0), 8, at_a_time=1)
    assert checks(trials, RunTimes(8)) == []
