"""Random search: independent draws, never the same candidate twice.

Source: J. Bergstra and Y. Bengio, Random Search for Hyper-Parameter Optimization, JMLR 13 (2012).
"""

from __future__ import annotations

from typing import ClassVar, final

from pydantic import BaseModel, Field

from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.feasible_cells import FeasibleCells
from prefect_tuner.strategies.candidates.trial_rng import trial_rng
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler
from prefect_tuner.strategies.strategy import SearchStrategy, StrategyOptions
from prefect_tuner.trial import Direction

_TRIES = 32
# Draws until one meets the constraints; in a small space, what is left is counted out instead.
_DRAWS_OF_SMALL_SPACE = 1_000
_DRAWS = 100_000


class RandomSearchOptions(StrategyOptions):
    """Options of the strategy `random`."""

    max_iters: int | None = Field(
        default=None,
        ge=1,
        description="Exhausted after this many trials of the study; no limit when left out.",
    )


@final
class RandomSearch(SearchStrategy):
    """Draws each parameter uniformly, on the logarithmic scale where `log` asks for it.

    A draw that was tried before is repeated, up to 32 times; then the search is exhausted. In a
    small space some candidates may remain untried: `grid` visits them all. A draw that violates a
    constraint is repeated until one does not. A conditional parameter is drawn where it is active.

    Raises:
        InvalidConfiguration: No draw was found that meets the constraints.

    Example:
        ```python
        from prefect_tuner import Float, Int, Study

        space = {"lr": Float(1e-5, 1e-1, log=True), "depth": Int(2, 10)}
        study = Study(space, strategy={"name": "random", "max_iters": 2}, seed=7)
        trials = [study.ask(), study.ask(), study.ask()]
        assert trials[0].params != trials[1].params
        assert trials[2] is None
        ```
    """

    Options: ClassVar[type[BaseModel]] = RandomSearchOptions
    supports_conditions = True
    supports_constraints = True

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: RandomSearchOptions
    ) -> None:
        super().__init__(space, direction, seed, options)
        self._max_iters = options.max_iters
        self._cells = FeasibleCells(space)
        self._sampler = FeasibleSampler(space, seed)
        if space.constraints:
            self._draw(History())

    def next_candidate(self, history: History) -> Params | None:
        """A candidate not in the history, in a time that does not grow with it."""
        if self._max_iters is not None and len(history) >= self._max_iters:
            return None
        return self._draw(history)

    def _draw(self, history: History) -> Params | None:
        rng = trial_rng(self.seed, len(history))
        if self._sampler.is_rare:
            return self._sampler.untried(rng, history)
        repeated = 0
        for _ in range(_DRAWS_OF_SMALL_SPACE if self._cells.are_known else _DRAWS):
            candidate = self.space.from_units(rng.random(len(self.space)).tolist())
            if not self.space.meets_constraints(candidate):
                continue
            if not history.has_candidate(candidate):
                return candidate
            repeated += 1
            if repeated == _TRIES:
                return None
        untried = self._cells.draw_untried(history, rng)
        if untried or repeated or self._cells.untried(History()):
            return untried
        raise self._cells.infeasible(f"{_DRAWS:,} random candidates")
