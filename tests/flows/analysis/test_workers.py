"""Workers that idle and time that goes into overhead are found, in the times of a run."""

from __future__ import annotations

import heapq
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Trial
from prefect_tuner.flows.analysis.doctor import diagnose
from prefect_tuner.flows.analysis.models.run_times import RunTimes, utilisation
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
    startup: float = 0.0,
    teardown: float = 0.0,
    lag: int | None = None,
    recorded: bool = True,
) -> tuple[list[Trial], RunTimes]:
    """A run in which no more than `at_a_time` trials run, and each waits for its suggestion.

    Between its start and its end lie `startup`, the objective, and `teardown`. `recorded` says
    whether the ledger tells of these.
    """
    trials = told("random", sphere, CUBE, trials=len(durations))
    started: dict[int, float] = {}
    ended: dict[int, float] = {}
    free = [0.0] * (at_a_time or workers)
    suggested = 0.0
    for number, duration in enumerate(durations):
        waited = max((ended[n] for n in range(number - lag + 1)), default=0.0) if lag else 0.0
        suggested = max(suggested, free[0], waited) + suggestion
        begun = max(heapq.heappop(free), suggested) + between
        started[number], ended[number] = begun, begun + startup + duration + teardown
        heapq.heappush(free, ended[number])
    trials = [replace(t, duration=durations[t.number]) for t in trials]
    run = RunTimes(workers, started, ended, lag is not None)
    if recorded:
        run = replace(
            run,
            suggestion=dict.fromkeys(started, suggestion),
            startup=dict.fromkeys(started, startup),
            teardown=dict.fromkeys(started, teardown),
        )
    return trials, run


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
    trials, run = ran(lengths(60, 10.0), 8, between=0.0, suggestion=5.0)
    (finding,) = diagnose(CUBE, Goal("minimize"), trials, [run])
    assert finding.check == "idle_workers"
    assert "100% of the time without a trial went by while one was suggested" in finding.sentence
    assert "takes 5 s (on average)" in finding.sentence
    assert "limit" not in finding.advice
    assert "strategy that suggests faster" in finding.advice


def test_suggestions_that_are_quick_are_no_cause_of_idle_workers() -> None:
    trials, run = ran(lengths(60, 10.0), 8, at_a_time=2, suggestion=0.01)
    (finding,) = diagnose(CUBE, Goal("minimize"), trials, [run])
    assert "suggest" not in finding.sentence + finding.advice
    assert "limit" in finding.advice


def test_of_an_older_ledger_it_is_not_known_how_long_suggestions_took() -> None:
    trials, run = ran(lengths(60, 10.0), 8, suggestion=5.0, recorded=False)
    (finding,) = diagnose(CUBE, Goal("minimize"), trials, [run])
    assert (finding.check, finding.seconds) == ("idle_workers", {})
    assert "see whether a suggestion takes as long as a trial" in finding.advice


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


PARTS = ("suggestion", "startup", "teardown", "rest")


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize(
    ("largest", "advice"),
    [
        ("suggestion", "choose a strategy that suggests faster"),
        ("startup", "have the objective import less"),
        ("teardown", "see what the program still has to end"),
        ("rest", "let trials share task runs"),
    ],
)
def test_it_is_said_what_the_overhead_is(largest: str, advice: str, workers: int) -> None:
    # All that are free wait while one is suggested.
    seconds = {name: 4.0 if name == largest else 0.2 for name in PARTS}
    trials, run = ran(
        lengths(120, 1.0, spread=0.2),
        workers,
        suggestion=seconds["suggestion"] / workers,
        startup=seconds["startup"],
        teardown=seconds["teardown"],
        between=seconds["rest"],
    )
    (finding,) = diagnose(CUBE, Goal("minimize"), trials, [run])
    assert finding.advice.startswith(advice)
    assert max(finding.seconds, key=finding.seconds.__getitem__) == largest
    if workers == 1:
        assert finding.seconds == pytest.approx(seconds, abs=0.1)
        assert " 4 s " in finding.sentence
        assert " 0.2 s " not in finding.sentence


@given(
    st.lists(st.floats(0.1, 20.0), min_size=12, max_size=12),
    st.integers(1, 4),
    st.fixed_dictionaries(
        {n: st.floats(0.0, 5.0) for n in ("suggestion", "startup", "teardown", "between")}
    ),
)
def test_the_parts_are_the_whole(
    durations: list[float], workers: int, seconds: dict[str, float]
) -> None:
    use = utilisation(*reversed(ran(durations, workers, **seconds)))  # type: ignore[arg-type]
    assert use is not None
    assert use.split is not None
    assert sum(use.split.parts.values()) == pytest.approx(use.between, abs=1e-9)
    assert min(use.split.parts.values()) >= 0.0
    assert 0.0 <= use.split.waited <= 1.0


def test_what_trials_in_packets_wait_for_is_told_as_well() -> None:
    # Ten are begun together by one worker, and run one after the other.
    started = {n: 60.0 * (n // 10) + 4.0 * (n % 10 + 1) for n in range(80)}
    ended = {n: 60.0 * (n // 10) + 60.0 for n in range(80)}
    trials = [replace(t, duration=1.5) for t in told("random", sphere, CUBE, trials=80)]
    zero = dict.fromkeys(started, 0.0)
    run = RunTimes(1, started, ended, False, dict.fromkeys(started, 4.0), zero, zero)
    (finding,) = diagnose(CUBE, Goal("minimize"), trials, [run])
    assert finding.check == "overhead"
    assert finding.seconds["suggestion"] == pytest.approx(4.0, abs=0.1)


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
