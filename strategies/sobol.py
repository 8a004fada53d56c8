"""Sobol search: points that fill the space evenly, however many there are; see `sobol_design`."""

from __future__ import annotations

from typing import final

from pydantic import BaseModel

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.feasible_cells import FeasibleCells
from prefect_tuner.strategies.candidates.sobol_design import MOST_DIMENSIONS, SobolDesign
from prefect_tuner.strategies.candidates.spread_design import SpreadDesign
from prefect_tuner.strategies.candidates.trial_rng import trial_rng
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler
from prefect_tuner.strategies.strategy import SearchStrategy, StrategyOptions
from prefect_tuner.trial import Direction

# Points looked at for each trial: repeated ones of a small space, and those that no constraint
# lets through.
_POINTS_OF_SMALL_SPACE = 32
_POINTS = 10_000


@final
class SobolSearch(SearchStrategy):
    """Fills the space more evenly than random search does, with any number of trials.

    The points are those of a scrambled Sobol sequence, in its order; the seed decides the
    scrambling. Each parameter has a dimension of its own. The next candidate is the first point
    that meets the constraints and that no trial of the history has. A space of up to 20,000
    candidates is searched to the last one.

    Raises:
        InvalidConfiguration: There are more parameters than Sobol sequences have dimensions, or
            no point was found that meets the constraints.

    Example:
        ```python
        from prefect_tuner import Float, Study

        study = Study({"x": Float(0.0, 1.0)}, strategy="sobol", seed=1)
        points = [study.ask().params["x"] for _ in range(8)]
        assert sorted(int(8 * x) for x in points) == list(range(8))
        ```
    """

    Options = StrategyOptions
    supports_conditions = True
    supports_constraints = True

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: BaseModel
    ) -> None:
        super().__init__(space, direction, seed, options)
        if len(space) > MOST_DIMENSIONS:
            raise InvalidConfiguration(
                f"can search at most {MOST_DIMENSIONS:,} parameters, the space has {len(space):,}"
            )
        self._cells = FeasibleCells(space)
        points = _POINTS_OF_SMALL_SPACE if self._cells.are_known else _POINTS
        self._design = SobolDesign(space, seed, points)
        self._sampler = FeasibleSampler(space, seed)
        self._spread = SpreadDesign(self._sampler, seed)
        if space.constraints and self.next_candidate(History()) is None:
            raise self._cells.infeasible(f"the first {_POINTS:,} points")

    def next_candidate(self, history: History) -> Params | None:
        """The first point that no trial has; the search for it goes on where it was."""
        if self._sampler.is_rare:
            return self._spread.next_candidate(history)
        candidate = self._design.next_candidate(history)
        rng = trial_rng(self.seed, len(history))
        return candidate or self._cells.draw_untried(history, rng)
