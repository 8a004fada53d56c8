"""Runs of a method on a problem, with one or more workers on a simulated clock.

Each worker starts a candidate as soon as its last one is evaluated; nobody waits for the others.
Trials count when they are finished. The time that a method takes to suggest is measured apart: it
does not move the clock.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.search.optimizers import Optimizer
from benchmarks.search.problems import NoisyProblem, Problem
from benchmarks.search.trajectories import Trajectory, changes
from prefect_tuner import Params

STRAGGLERS, SLOWDOWN, SPREAD = 0.05, 6.0, 0.5
"""The share of trials that take how many times as long, and the sigma of their log-durations."""


@dataclass(frozen=True)
class Setting:
    """How trials are run.

    Attributes:
        name: Of the folder of the stored runs.
        workers: How many trials run at a time.
        stragglers: Whether durations are drawn, log-normal with median 1 and some of them
            stragglers, in place of the problem's own.
        noisy: Whether a method hears of one drawn evaluation in place of the mean.
    """

    name: str
    workers: int = 1
    stragglers: bool = False
    noisy: bool = False

    def seconds(self, problem: Problem, params: Params, seed: int, number: int) -> float:
        """How long trial `number` takes; drawn durations are the same for every method."""
        if not self.stragglers:
            return problem.time(params)
        rng = np.random.default_rng([seed, number, 1])
        seconds = float(np.exp(SPREAD * rng.standard_normal()))
        return seconds * SLOWDOWN if rng.random() < STRAGGLERS else seconds

    def observation(self, problem: Problem, params: Params, seed: int, number: int) -> float:
        """What a method hears of trial `number`.

        Raises:
            TypeError: Single evaluations were asked of a problem that has none.
        """
        if not self.noisy:
            return problem.metric(params)
        if not isinstance(problem, NoisyProblem):
            raise TypeError(f"the problem {problem.name} has no single evaluations to draw from")
        return problem.observation(params, np.random.default_rng([seed, number, 2]))


SETTINGS: Final = {
    setting.name: setting
    for setting in (
        Setting("sequential"),
        Setting("noisy", noisy=True),
        *(Setting(f"{workers}-workers", workers) for workers in (4, 8, 16)),
        *(
            Setting(f"{workers}-workers-stragglers", workers, stragglers=True)
            for workers in (4, 8, 16)
        ),
    )
}
"""The settings by name. With one worker only the order of trials counts, whatever they take."""


def run(
    problem: Problem, optimizer: Optimizer, trials: int, seed: int, setting: Setting
) -> Trajectory:
    """One run, until so many trials are finished."""
    running: list[tuple[float, int, Params]] = []
    seen: set[str] = set()
    best = float("inf")
    regrets: dict[int, float] = {}
    incumbents: list[float] = []
    tried: list[float] = []
    clocks: list[float] = []
    clock, asked, repeated, spent = 0.0, 0, 0, 0.0
    while len(incumbents) < trials:
        while len(running) < setting.workers:
            started = time.process_time()
            params = optimizer.suggest(asked)
            spent += time.process_time() - started
            key = repr(sorted(params.items()))
            repeated += key in seen and asked < trials
            seen.add(key)
            finished = clock + setting.seconds(problem, params, seed, asked)
            heapq.heappush(running, (finished, asked, params))
            asked += 1
        clock, number, params = heapq.heappop(running)
        observed = setting.observation(problem, params, seed, number)
        regrets[number] = problem.regret(problem.metric(params))
        best = min(best, regrets[number])
        started = time.process_time()
        optimizer.tell(number, observed)
        spent += time.process_time() - started
        # Where metrics are exact, the best is the best, whoever says it.
        incumbents.append(regrets[optimizer.best] if setting.noisy else best)
        tried.append(best)
        clocks.append(clock)
    return Trajectory(
        changes(incumbents, clocks),
        trials,
        round(clock, 2),
        round(1000.0 * spent / trials, 3),
        repeated,
        changes(tried, clocks) if setting.noisy else (),
    )
