"""The generations of CMA-ES, made again from a history.

The source of the distribution is R. Hamano et al., CatCMA with Margin (arXiv:2504.07884), as the
package `cmaes` has it; of restarts with twice the population A. Auger and N. Hansen, A Restart
CMA Evolution Strategy With Increasing Population Size (CEC 2005); of candidates that it did not
draw N. Hansen, Injecting External Solutions Into CMA-ES (arXiv:1110.4181).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from cmaes import CatCMAwM

from prefect_tuner.goal import Goal
from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params, same_params
from prefect_tuner.strategies.candidates.trial_rng import trial_rng
from prefect_tuner.strategies.cma.solutions import SolutionSpace
from prefect_tuner.strategies.cma.values import Scale, values_of
from prefect_tuner.trial import Trial

# Sets the start of a run apart from the streams [seed, number] of the trials.
_START_STREAM = 6
# Draws until one is new. When they are used up the distribution has shrunk onto what is known.
_TRIES = 64
# Of so many distributions a trial's solution is looked for, and no more are kept.
_KEPT = 10


@dataclass(frozen=True)
class _Generation:
    """A distribution, and the trials that change it into the next one.

    Attributes:
        optimizer: The distribution.
        first: The number of its first trial.
        run: How many restarts there were.
        oldest: The place of the oldest generation whose distribution is still drawn from.
        scale: Of the metrics of its run.
    """

    optimizer: CatCMAwM
    first: int
    run: int
    oldest: int
    scale: Scale | None

    @property
    def end(self) -> int:
        """One more than the number of its last trial."""
        return self.first + int(self.optimizer.population_size)


@final
class Generations:
    """What CMA-ES has learned from a history.

    Each trial belongs to the generation that its number falls into, whoever asked for it and
    whatever distribution it was drawn from. A generation is complete when all its trials are
    finished, or when half of them are and as many trials were asked since: no straggler holds it
    up. Candidates are drawn from the distribution that the complete generations up to the first
    incomplete one have led to.

    Args:
        solutions: The search space.
        goal: Which of two metrics is better.
        seed: Seed of the study.
        population_size: Trials of a generation, None for what suits the number of parameters.
        sigma0: Standard deviation of the first distribution, as a part of each parameter's range.
    """

    def __init__(
        self,
        solutions: SolutionSpace,
        goal: Goal,
        seed: int,
        population_size: int | None,
        sigma0: float,
    ) -> None:
        self._solutions = solutions
        self._goal = goal
        self._seed = seed
        self._population_size = population_size or 4 + int(3 * math.log(solutions.dimensions))
        self._sigma0 = sigma0
        self._begin()

    def draw(self, history: History) -> Params | None:
        """A candidate from the current distribution, None when it has no new one."""
        self._learn(history)
        drawn = self._drawn(self._generations[-1].optimizer, len(history), history)
        return None if drawn is None else self._solutions.decode(drawn)

    def _begin(self) -> None:
        # Those before the first one kept are forgotten.
        self._forgotten = 0
        self._generations = [_Generation(self._start(0), 0, 0, 0, None)]
        self._seen = History()

    def _learn(self, history: History) -> None:
        """Follow the complete generations of a history, from where it parts from the last one."""
        agreed = 0
        while agreed < min(len(self._seen), len(history)) and _equal(
            self._seen[agreed], history[agreed]
        ):
            agreed += 1
        if agreed < len(self._seen):
            if agreed < self._generations[0].first:
                self._begin()
            while self._generations[-1].first > agreed:
                self._generations.pop()
            self._seen = History(self._seen[: self._generations[-1].first])
        while _is_complete(self._generations[-1], history):
            generation = self._generations[-1]
            self._advance(generation, history[generation.first : generation.end])

    def _advance(self, generation: _Generation, trials: Sequence[Trial]) -> None:
        place = self._forgotten + len(self._generations) - 1
        oldest = max(generation.oldest, self._forgotten)
        solutions = []
        for trial in trials:
            solution, oldest = self._solution_of(trial, oldest, place)
            solutions.append(solution)
            self._seen.add(trial)
        scale = generation.scale or Scale.of(trials)
        values = values_of(trials, self._goal, scale)
        optimizer, run = generation.optimizer, generation.run
        if values is not None:
            optimizer = copy.deepcopy(optimizer)
            with np.errstate(all="ignore"):
                optimizer.tell(list(zip(solutions, values.tolist(), strict=True)))
        if self._is_over(optimizer, generation.end):
            run, scale = run + 1, None
            optimizer = self._start(run)
        self._generations.append(_Generation(optimizer, generation.end, run, oldest, scale))
        if len(self._generations) > _KEPT:
            del self._generations[0]
            self._forgotten += 1

    def _solution_of(self, trial: Trial, oldest: int, newest: int) -> tuple[CatCMAwM.Solution, int]:
        """What was drawn for a trial, and the place of the distribution that it was drawn from.

        The numbers behind a candidate, such as how far beyond a bound it was drawn, are not in
        the history: the draw is repeated. The newest distribution may have come after it.
        """
        for place in range(newest, oldest - 1, -1):
            optimizer = self._generations[place - self._forgotten].optimizer
            drawn = self._drawn(optimizer, trial.number, self._seen)
            if drawn is not None and same_params(self._solutions.decode(drawn), trial.params):
                return drawn, place
        return self._injected(trial.params), oldest

    def _drawn(
        self, optimizer: CatCMAwM, number: int, history: History
    ) -> CatCMAwM.Solution | None:
        """The first new solution in the stream of a trial."""
        optimizer.reseed_rng(int(trial_rng(self._seed, number).integers(2**32)))
        for _ in range(_TRIES):
            solution = optimizer.ask()
            if not history.has_candidate(self._solutions.decode(solution)):
                return solution
        return None

    def _injected(self, params: Params) -> CatCMAwM.Solution:
        """A candidate that the distribution did not draw, no farther from its mean than it might.

        Hansen 2011, eq. (4), with the length of table 1.
        """
        optimizer = self._generations[-1].optimizer
        v, c = self._solutions.encode(params)
        n = len(v)
        if n == 0:
            return CatCMAwM.Solution(c=c)
        mean, sigma, margin = optimizer._mean, optimizer._sigma, optimizer._A
        basis, lengths = optimizer._eigen_decomposition()
        with np.errstate(all="ignore"):
            distance = np.linalg.norm(basis.T @ ((v - mean) / (sigma * margin)) / lengths)
        longest = math.sqrt(n) + 2 * n / (n + 2)
        v = mean + (v - mean) * min(1.0, longest / max(float(distance), longest))
        return CatCMAwM.Solution(c=c, _v_raw=v)

    def _is_over(self, optimizer: CatCMAwM, number: int) -> bool:
        """Whether a run has come to its end: no progress to be made, or nothing new to try."""
        if self._solutions.continuous or self._solutions.levels:
            state = (optimizer._mean, optimizer._C, optimizer._A, optimizer._sigma)
            if not all(np.all(np.isfinite(each)) for each in state):
                return True
            with np.errstate(all="ignore"):
                if optimizer.should_stop():
                    return True
        if self._solutions.choices and not np.all(np.isfinite(optimizer._q)):
            return True
        return self._drawn(optimizer, number, self._seen) is None

    def _start(self, run: int) -> CatCMAwM:
        """The first distribution of a run: in the middle of the space, later anywhere."""
        solutions = self._solutions
        n = len(solutions.continuous) + len(solutions.levels)
        stream = np.random.SeedSequence([self._seed], spawn_key=(_START_STREAM, run))
        mean = np.random.default_rng(stream).random(n) if run else np.full(n, 0.5)
        return CatCMAwM(
            x_space=[[0.0, 1.0]] * len(solutions.continuous) or None,
            z_space=[places.tolist() for places in solutions.levels.values()] or None,
            c_space=list(solutions.choices.values()) or None,
            population_size=self._population_size * 2**run,
            mean=mean,
            sigma=self._sigma0,
            cov=np.eye(n),
            seed=0,
        )


def _is_complete(generation: _Generation, history: History) -> bool:
    trials = history[generation.first : generation.end]
    size = generation.end - generation.first
    finished = sum(not trial.is_running for trial in trials)
    is_late = len(history) >= generation.end + size
    return finished == size or (is_late and 2 * finished >= size)


def _equal(one: Trial, other: Trial) -> bool:
    return one is other or (
        (one.outcome, one.metric) == (other.outcome, other.metric)
        and same_params(one.params, other.params)
    )
