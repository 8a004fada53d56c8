"""The candidates that no trial has, for strategies whose own proposals were all tried before."""

from __future__ import annotations

from collections.abc import Iterable
from typing import final

from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.feasible_cells import FeasibleCells
from prefect_tuner.strategies.candidates.permutation import Permutation
from prefect_tuner.strategies.candidates.trial_rng import trial_rng
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler

# Looked at for one that is new and meets the constraints.
_DRAWS = 100_000


@final
class UntriedCandidates:
    """The candidates of a space that a history does not hold and that meet the constraints.

    Args:
        space: Any search space.
        seed: At least 0; another seed gives another choice among them.
        sampler: Draws them where few meet the constraints, should there be one already.

    Raises:
        InvalidConfiguration: No candidate was found that meets the constraints.

    Example:
        ```python
        from prefect_tuner import History, Int, SearchSpace, Trial
        from prefect_tuner.strategies.candidates.untried_candidates import UntriedCandidates

        untried = UntriedCandidates(SearchSpace({"n": Int(0, 1)}), seed=0)
        history = History([Trial(0, {"n": 1})])
        assert untried.first(history, [{"n": 1}]) is None
        assert untried.any(history) == {"n": 0}
        ```
    """

    def __init__(
        self, space: SearchSpace, seed: int, sampler: FeasibleSampler | None = None
    ) -> None:
        self._space = space
        self._sampler = FeasibleSampler(space, seed) if sampler is None else sampler
        self._seed = seed
        self._cells = FeasibleCells(space)
        if space.constraints and self.any(History()) is None:
            raise self._cells.infeasible(f"{_DRAWS:,} random candidates")

    def first(self, history: History, candidates: Iterable[Params]) -> Params | None:
        """The first of some candidates that is one of them, None if none is."""
        for candidate in candidates:
            if not history.has_candidate(candidate) and self._space.meets_constraints(candidate):
                return candidate
        return None

    def any(self, history: History) -> Params | None:
        """One drawn at random; None if a finite space has none left, or none was found."""
        rng = trial_rng(self._seed, len(history)).spawn(1)[0]
        if self._sampler.is_rare:
            return self._sampler.untried(rng, history)
        if self._space.constraints and self._cells.are_known:
            return self._cells.draw_untried(history, rng)
        cells = self._space.cells()
        if cells.size is None:
            draws = (rng.random(len(self._space)).tolist() for _ in range(_DRAWS))
            return self.first(history, map(self._space.from_units, draws))
        order = Permutation(cells.size, self._seed)
        # Without constraints, one of one more candidates than there are trials is new.
        places = range(min(cells.size, len(history) + _DRAWS))
        return self.first(history, (cells.at(order.at(place)) for place in places))
