"""Search by two densities: candidates are likely among good trials, and unlikely among the others.

Sources: J. Bergstra et al., Algorithms for Hyper-Parameter Optimization, NeurIPS 2011, section 4;
S. Falkner et al., BOHB, ICML 2018, for kernels over all parameters at once; S. Watanabe,
Tree-Structured Parzen Estimator, arXiv 2304.11127 (2023), for what goes into it. The densities are
in `parzen_density`, their ratio in `density_ratio`.
"""

from __future__ import annotations

from typing import ClassVar, final

import numpy as np
from pydantic import BaseModel, Field

from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.initial_design import InitialDesign
from prefect_tuner.strategies.candidates.trial_rng import trial_rng
from prefect_tuner.strategies.candidates.untried_candidates import UntriedCandidates
from prefect_tuner.strategies.encoding.array_types import FloatArray, IntArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.encoding.observations import HistoryEncoder, Observations
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler
from prefect_tuner.strategies.parzen.density_ratio import DensityRatio, good_count
from prefect_tuner.strategies.strategy import SearchStrategy, StrategyOptions
from prefect_tuner.trial import Direction

# Of draws, until there is a new candidate.
_ROUNDS = 8
# So many times the candidates are drawn where a part of them is of no use: not allowed, or of
# another branch than the one that is taken.
_MORE_CANDIDATES = 4


class TpeOptions(StrategyOptions):
    """Options of the strategy `tpe`."""

    initial: int = Field(
        default=6,
        ge=1,
        description=(
            "How many trials come before the densities are asked, initial trials of yours included."
        ),
    )
    candidates: int = Field(
        default=96,
        ge=1,
        description=(
            "How many candidates are drawn for each trial; more of them exploit, fewer explore. "
            "With conditional parameters or constraints it is four times as many."
        ),
    )


@final
class TreeParzenSearch(SearchStrategy):
    """Draws candidates like the best trials, and takes the one least like the others.

    For long studies: a suggestion takes a few milliseconds, 20 in a large conditional space, after
    ten thousand trials too. All parameters are modelled together, conditional ones with those they
    depend on, which are chosen first. Running trials count among the others, so that what is being
    tried is not asked for again; failed trials count as the worst, pruned ones as worse than those
    that completed. The first candidate is the centre of the space, a few more are spread over all
    of it. No candidate comes twice; a finite space is exhausted when all of it was tried.

    Raises:
        InvalidConfiguration: No candidate was found that meets the constraints.

    Example:
        ```python
        from prefect_tuner import Float, Int, Study

        study = Study({"x": Float(-1.0, 1.0), "n": Int(0, 3)}, "tpe", "minimize", seed=3)
        for _ in range(50):
            trial = study.ask()
            study.tell(trial, (trial.params["x"] - 0.3) ** 2 + trial.params["n"])
        assert study.best_params["n"] == 0 and abs(study.best_params["x"] - 0.3) < 0.1
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
        is_wasteful = space.is_conditional or bool(space.constraints)
        self._candidates = options.candidates * (_MORE_CANDIDATES if is_wasteful else 1)
        self._encoding = Encoding(space)
        self._encoder = HistoryEncoder(self._encoding, self.goal)
        self._sampler = FeasibleSampler(space, seed, self._encoding)
        self._untried = UntriedCandidates(space, seed, self._sampler)
        self._design = InitialDesign(space, seed, sampler=self._sampler)

    def next_candidate(self, history: History) -> Params | None:
        """What is most likely good; a point of the initial design before there are results."""
        codes = self._encoder.codes(history)
        observations = self._encoder.observations(history, codes)
        if not self._encoding.axes:
            return self._untried.any(history)
        if len(history) < self._initial or observations.is_complete.sum() < 2:
            candidate = self._design.next_candidate(history)
        else:
            pending = codes[self._encoder.running(history)]
            candidate = self._likely(history, observations, pending)
        return candidate or self._untried.any(history)

    def _likely(
        self, history: History, observations: Observations, pending: FloatArray
    ) -> Params | None:
        """A new candidate with a large ratio of the densities."""
        rng = trial_rng(self.seed, len(history))
        ranked = observations.codes[_ranking(observations)]
        # Failed and pruned trials are never good, however few completed.
        good = min(good_count(len(ranked)), int(observations.is_complete.sum()))
        ratio = DensityRatio(self._encoding, ranked, good, pending, self._sampler)
        scale = 1.0
        for _ in range(_ROUNDS):
            rows = ratio.candidates(rng, self._candidates, scale)
            candidate = self._untried.first(history, map(self._encoding.decode, rows))
            if candidate is not None:
                return candidate
            # Nearer to trials, which met the constraints; farther from them, where all was tried.
            scale *= 2.0 if len(rows) else 0.5
        return None


def _ranking(observations: Observations) -> IntArray:
    """The rows of observations, the best first: by metric, then the pruned, then the failed."""
    worst = np.where(observations.is_failure, 2, np.where(observations.is_complete, 0, 1))
    return np.lexsort((observations.metrics, worst))
