"""Search by a Gaussian process: each candidate is the one from which most is expected.

Sources: J. Mockus, On Bayesian Methods for Seeking the Extremum (1975), and D. Jones et al.,
Efficient Global Optimization of Expensive Black-Box Functions (1998). The parts name their own in
`gp_fit`, `gp_posterior`, `gp_acquisition`, `gp_candidates`, `output_warp` and `density_ratio`.
"""

from __future__ import annotations

import logging
from typing import ClassVar, final

import numpy as np
from pydantic import BaseModel, Field

from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.initial_design import InitialDesign
from prefect_tuner.strategies.candidates.trial_rng import trial_rng
from prefect_tuner.strategies.candidates.untried_candidates import UntriedCandidates
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.encoding.observations import HistoryEncoder, Observations
from prefect_tuner.strategies.encoding.user_prior import UserPrior
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler
from prefect_tuner.strategies.gaussian_process.belief import Belief
from prefect_tuner.strategies.gaussian_process.candidates import random_candidates
from prefect_tuner.strategies.gaussian_process.choice_sampling import (
    PROPORTIONAL,
    are_choices_settled,
)
from prefect_tuner.strategies.gaussian_process.hyperparameters import FitSchedule
from prefect_tuner.strategies.gaussian_process.ranking import ranked_candidates
from prefect_tuner.strategies.gaussian_process.regression import Posterior
from prefect_tuner.strategies.gaussian_process.single_thread import single_threaded
from prefect_tuner.strategies.gaussian_process.views import EXPECTING, View, view_of
from prefect_tuner.strategies.parzen.density_ratio import density_ratio_candidates
from prefect_tuner.strategies.strategy import SearchStrategy, StrategyOptions
from prefect_tuner.trial import Direction, Trial

_LOGGER = logging.getLogger(__name__)
_MOST_OBSERVATIONS = 400
_TRIES = 32
# Of what the model cannot explain of a noisy metric, the part that the candidate would show again.
_OWN_SHARE = 0.25
_DENSITY_CANDIDATES = 64
# A study stagnates when that many trials, times the axes that are active in one, have brought less
# progress than that share of the distance from the median to the best. From then on, one candidate
# out of so many comes from the density.
_PATIENCE, _PROGRESS, _DENSITY_EVERY = 2.0, 0.01, 3


class GpOptions(StrategyOptions):
    """Options of the strategy `gp`."""

    initial: int | None = Field(
        default=None,
        ge=1,
        description=(
            "How many trials come before the model is asked, initial trials of yours included; "
            "when left out, one more than there are parameters, at least 4 and at most 6."
        ),
    )
    noisy: bool = Field(
        default=False,
        description=(
            "Whether the same candidate would give clearly different metrics: the model then "
            "takes each of them less at its word, and the best trial of the study is the one of "
            "which it expects most, rather than the luckiest."
        ),
    )
    prior: dict[str, dict[str, float]] | None = Field(
        default=None,
        description=(
            "Where you expect good candidates, by parameter: of a number the center, and the "
            'spread as a share of its range on its own scale, such as {"lr": {"center": 0.001, '
            '"spread": 0.1}}; of a Categorical the weights of its choices, 1 for those left out, '
            'such as {"booster": {"dart": 3}}. It counts less with every trial.'
        ),
    )


@final
class GaussianProcessSearch(SearchStrategy):
    """Models the metric over the whole space, and asks where most improvement is to be expected.

    The first candidate is the centre of the space, a few more are spread over all of it. Then
    several models take turns, which differ in what they make of the metrics and in how smooth they
    take the function to be. Running trials are taken into account: what they will teach is not
    asked for again. A failed trial counts as bad as the worst that completed, though not as surely.
    No candidate comes twice; a finite space is exhausted when all of it was tried. When twice as
    many trials as a candidate has parameters brought no progress, every third candidate comes from
    another method, a ratio of densities, and the choices of the others are drawn, the more often
    the more is expected of them, and the more evenly the longer it lasts.

    A conditional parameter takes part where it is active: what was learned of it is kept for when
    it is active again. Each candidate meets the constraints. The option `prior` tells the search
    where you expect the optimum; it is held to be wrong in time if it is.

    Raises:
        InvalidConfiguration: No candidate was found that meets the constraints, or the option
            `prior` does not fit the space.

    Example:
        ```python
        from prefect_tuner import Float, Int, Study

        study = Study({"x": Float(-1.0, 1.0), "n": Int(0, 3)}, "gp", "minimize", seed=3)
        for _ in range(20):
            trial = study.ask()
            study.tell(trial, (trial.params["x"] - 0.3) ** 2 + trial.params["n"])
        assert study.best_params["n"] == 0 and abs(study.best_params["x"] - 0.3) < 0.05
        ```
    """

    Options: ClassVar[type[BaseModel]] = GpOptions
    supports_conditions = True
    supports_constraints = True

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: GpOptions
    ) -> None:
        super().__init__(space, direction, seed, options)
        self._encoding = Encoding(space)
        self._is_noisy = options.noisy
        self._initial = options.initial or min(max(len(self._encoding.axes) + 1, 4), 6)
        self._encoder = HistoryEncoder(self._encoding, self.goal)
        self._schedule = FitSchedule(self._encoding, noisy=options.noisy)
        self._sampler = FeasibleSampler(space, seed, self._encoding)
        self._untried = UntriedCandidates(space, seed, self._sampler)
        self._prior = UserPrior(space, self._encoding, options.prior) if options.prior else None
        self._design = InitialDesign(space, seed, self._prior, self._sampler)
        self._has_warned = False

    def next_candidate(self, history: History) -> Params | None:
        """Where the model expects most; a point of the initial design before there is a model."""
        if not self._encoding.axes:
            return self._untried.any(history)
        codes = self._encoder.codes(history)
        observations = self._encoder.observations(history, codes)
        if len(history) < self._initial or observations.is_complete.sum() < 2:
            candidate = self._design.next_candidate(history)
        else:
            with single_threaded():
                preferred = self._modelled(history, codes, observations)
            candidate = self._untried.first(history, map(self._encoding.decode, preferred))
        return candidate or self._untried.any(history)

    def expected_best(self, history: History) -> Trial | None:
        """With the option `noisy`, the completed trial of whose candidate the model expects most.

        What the model of the function leaves unexplained is noise for the most part, and for the
        rest the candidate's own: metrics jump from neighbour to neighbour in ways that no model
        foresees. As no candidate is tried twice, the data cannot tell how much is the candidate's;
        a quarter is assumed. The posterior mean at a candidate that was tried is then the mean
        of the model and a quarter of what the metric is beyond that.
        """
        if not self._is_noisy:
            return None
        codes = self._encoder.codes(history)
        observations = self._encoder.observations(history, codes)
        if observations.is_complete.sum() < max(self._initial, 2):
            return None
        observations = observations.warped_by(EXPECTING.warp)
        model = observations.subset(_MOST_OBSERVATIONS)
        try:
            with single_threaded():
                posterior = self._posterior(observations, model, codes[:0], EXPECTING)
                means, _ = posterior.at(self._encoding.embed(model.codes))
        except (ArithmeticError, np.linalg.LinAlgError) as error:
            self._warn_once(error)
            return None
        y, _ = model.targets
        expected = means + _OWN_SHARE * (y - means)
        expected[~model.is_complete] = np.inf
        return history[int(model.numbers[np.argmin(expected)])]

    def _modelled(
        self, history: History, codes: FloatArray, observations: Observations
    ) -> FloatArray:
        """Codes of candidates, the most promising first, then some at random."""
        rng = trial_rng(self.seed, len(history))
        stagnation = _stagnation(observations)
        view = view_of(len(history))
        observations = observations.warped_by(view.warp)
        model = observations.subset(_MOST_OBSERVATIONS)
        pending = codes[[trial.number for trial in history.running]]
        preferred: list[FloatArray] = []
        sharpness: float | None = None
        if stagnation > _PATIENCE and len(history) % _DENSITY_EVERY == 0:
            preferred = [self._by_density(rng, model, pending)]
        elif stagnation > _PATIENCE:
            sharpness = _PATIENCE / stagnation
        elif are_choices_settled(self._encoding, codes):
            sharpness = PROPORTIONAL
        try:
            posterior = self._posterior(observations, model, pending, view)
            belief = Belief.after(len(observations.metrics), self._prior)
            ranked = ranked_candidates(
                self._sampler, rng, posterior, model, pending, codes, belief, sharpness
            )
        except (ArithmeticError, np.linalg.LinAlgError) as error:
            self._warn_once(error)
            ranked = self._by_density(rng, model, pending)
        rest = random_candidates(self._sampler, rng, _TRIES)
        return np.concatenate([*preferred, ranked, rest])

    def _posterior(
        self, observations: Observations, model: Observations, pending: FloatArray, view: View
    ) -> Posterior:
        """What a part of the observations tells, with hyperparameters by all of them."""
        return Posterior(
            self._encoding.embed(model.codes),
            *model.targets,
            self._encoding.embed(pending),
            self._encoding.owners,
            self._schedule.hyperparameters(observations, view),
        )

    def _by_density(
        self, rng: np.random.Generator, model: Observations, pending: FloatArray
    ) -> FloatArray:
        y, _ = model.targets
        return density_ratio_candidates(
            self._encoding, rng, model.codes, y, _DENSITY_CANDIDATES, pending, self._sampler
        )

    def _warn_once(self, error: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            _LOGGER.warning(
                "The model cannot be computed, candidates come from a ratio of densities: %s",
                error,
            )


def _stagnation(observations: Observations) -> float:
    """For how many trials there was no progress, in units of the parameters that a trial has."""
    y, _ = observations.targets
    best = np.minimum.accumulate(y[observations.is_complete])
    progress = _PROGRESS * (np.median(y) - best[-1])
    active = np.isfinite(observations.codes).sum(axis=1).mean()
    return float(np.sum(best <= best[-1] + progress) / active)
