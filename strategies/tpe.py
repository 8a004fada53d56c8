"""Search by two densities: candidates are likely among good trials, and unlikely among the others.

Sources: J. Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011, section 4;
S. Falkner et al., BOHB, ICML 2018, for kernels over all parameters at once; S. Watanabe,
Tree-Structured Parzen Estimator, arXiv 2304.11127 (2023), for what goes into it. The densities are
in `parzen_density`, their ratio in `density_ratio`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import ClassVar, final

import numpy as np
from pydantic import BaseModel, Field

from prefect_tuner.history import History
from prefect_tuner.parameters import Params
from prefect_tuner.space import SearchSpace
from prefect_tuner.strategies.array_types import FloatArray, IntArray
from prefect_tuner.strategies.density_ratio import DensityRatio, good_count
from prefect_tuner.strategies.encoding import Encoding
from prefect_tuner.strategies.feasible_cells import FeasibleCells, infeasible
from prefect_tuner.strategies.gp_observations import HistoryEncoder, Observations
from prefect_tuner.strategies.permutation import Permutation
from prefect_tuner.strategies.sobol_design import MOST_DIMENSIONS, SobolDesign
from prefect_tuner.strategies.strategy import SearchStrategy, StrategyOptions, trial_rng
from prefect_tuner.trial import Direction

# Sobol points looked at for each trial of the initial design, and rounds of draws after it.
_POINTS, _ROUNDS = 1000, 8
# With constraints, so many times the candidates are drawn.
_MORE_WITH_CONSTRAINTS = 4
# Random candidates in the last resort: to find a new one, and one that meets the constraints.
_DRAWS, _DRAWS_WITH_CONSTRAINTS = 256, 50_000
_BLOCK = 256


class TpeOptions(StrategyOptions):
    """Options of the strategy `tpe`."""

    initial: int = Field(
        default=10,
        ge=1,
        description=(
            "How many trials come before the densities are asked, initial trials of yours included."
        ),
    )
    candidates: int = Field(
        default=48,
        ge=1,
        description=(
            "How many candidates are drawn for each trial; more of them exploit, fewer explore."
        ),
    )


@final
class TreeParzenSearch(SearchStrategy):
    """Draws candidates like the best trials, and takes the one least like the others.

    For long studies: a suggestion takes a few milliseconds, after ten thousand trials too. All
    parameters are modelled together, conditional ones with those they depend on. Running trials
    count among the others, so that what is being tried is not asked for again; failed trials
    count as the worst, pruned ones as worse than those that completed. No candidate comes twice;
    a finite space is exhausted when all of it was tried.

    Raises:
        InvalidConfiguration: No candidate was found that meets the constraints.

    Example:
        ```python
        from prefect_tuner import Float, Int, Study

        study = Study({"x": Float(-1.0, 1.0), "n": Int(0, 3)}, "tpe", "minimize", seed=3)
        for _ in range(50):
            trial = study.ask()
            study.tell(trial, trial.params["x"] ** 2 + trial.params["n"])
        assert study.best_params["n"] == 0 and abs(study.best_params["x"]) < 0.1
        ```
    """

    Options: ClassVar[type[BaseModel]] = TpeOptions
    supports_conditions = True
    supports_constraints = True

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: TpeOptions
    ) -> None:
        super().__init__(space, direction, seed, options)
        self._initial = options.initial
        self._candidates = options.candidates * (_MORE_WITH_CONSTRAINTS if space.constraints else 1)
        self._encoding = Encoding(space)
        self._encoder = HistoryEncoder(self._encoding, direction)
        self._cells = FeasibleCells(space)
        if space.constraints and self.next_candidate(History()) is None:
            known = self._cells.are_known
            tried = "the candidates" if known else f"{_DRAWS_WITH_CONSTRAINTS:,} random candidates"
            raise infeasible(space, tried)

    @cached_property
    def _design(self) -> SobolDesign | None:
        # Made when it is needed: it takes a while to import.
        if len(self.space) > MOST_DIMENSIONS:
            return None
        return SobolDesign(self.space, self.seed, _POINTS)

    def next_candidate(self, history: History) -> Params | None:
        """What is most likely good; a point of the initial design before there are results."""
        codes = self._encoder.codes(history)
        observations = self._encoder.observations(history, codes)
        rng = trial_rng(self.seed, len(history))
        if not self._encoding.axes:
            candidate = self._first_new(history, np.empty((1, 0)))
        elif len(history) < self._initial or observations.is_complete.sum() < 2:
            candidate = self._design.next_candidate(history) if self._design else None
        else:
            pending = codes[self._encoder.running(history)]
            candidate = self._likely(history, observations, pending, rng)
        return candidate or self._at_random(history, rng) or self._any_left(history, rng)

    def _likely(
        self,
        history: History,
        observations: Observations,
        pending: FloatArray,
        rng: np.random.Generator,
    ) -> Params | None:
        """A new candidate with a large ratio of the densities."""
        ranked = observations.codes[_ranking(observations)]
        # Failed and pruned trials are never good, however few completed.
        good = min(good_count(len(ranked)), int(observations.is_complete.sum()))
        ratio = DensityRatio(self._encoding, ranked, good, pending)
        scale = 1.0
        for _ in range(_ROUNDS):
            rows = ratio.candidates(rng, self._candidates, scale)
            candidate = self._first_new(history, rows)
            if candidate is not None:
                return candidate
            # Nearer to trials, which met the constraints; farther from them, where all was tried.
            scale *= 2.0 if len(rows) else 0.5
        return None

    def _at_random(self, history: History, rng: np.random.Generator) -> Params | None:
        """A new candidate from anywhere in the space, None where it takes too long to find one."""
        draws = _DRAWS_WITH_CONSTRAINTS if self.space.constraints else _DRAWS
        if self._cells.are_known:
            draws = _DRAWS
        for _ in range(0, draws, _BLOCK):
            rows = self._encoding.from_unit_cube(rng.random((_BLOCK, len(self._encoding.axes))))
            rows = rows[self._encoding.meets_constraints(rows)]
            candidate = self._first_new(history, rows)
            if candidate is not None:
                return candidate
        return None

    def _any_left(self, history: History, rng: np.random.Generator) -> Params | None:
        """A candidate that is left of a finite space, None if there is none."""
        if self._cells.are_known:
            untried = self._cells.untried(history)
            return untried[rng.integers(len(untried))] if untried else None
        cells = self.space.cells()
        if cells.size is None:
            return None
        order = Permutation(cells.size, self.seed)
        # Among one more candidates than there are trials, one is new.
        for place in range(min(cells.size, len(history) + _DRAWS_WITH_CONSTRAINTS)):
            candidate = cells.at(order.at(place))
            if not history.has_candidate(candidate) and self.space.meets_constraints(candidate):
                return candidate
        return None

    def _first_new(self, history: History, rows: Iterable[FloatArray]) -> Params | None:
        """The first of some candidates that meets the constraints and that no trial has."""
        for row in rows:
            candidate = self._encoding.decode(row)
            if not history.has_candidate(candidate) and self.space.meets_constraints(candidate):
                return candidate
        return None


def _ranking(observations: Observations) -> IntArray:
    """The rows of observations, the best first: by metric, then the pruned, then the failed."""
    worst = np.where(observations.is_failure, 2, np.where(observations.is_complete, 0, 1))
    return np.lexsort((observations.metrics, worst))
