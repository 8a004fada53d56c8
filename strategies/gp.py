"""Bayesian optimisation with a Gaussian process: each candidate is the one expected to improve most.

Sources: J. Mockus (1975) and D. Jones et al. (1998) for expected improvement; the parts name their
own in `gp_fit`, `gp_posterior`, `gp_acquisition`, `gp_candidates` and `output_warp`.
"""

from __future__ import annotations

import logging
from hashlib import blake2b
from typing import ClassVar, final

import numpy as np
from pydantic import BaseModel, Field

from prefect_tuner.history import History
from prefect_tuner.parameters import Params
from prefect_tuner.space import SearchSpace
from prefect_tuner.strategies.array_types import FloatArray
from prefect_tuner.strategies.density_ratio import density_ratio_candidates
from prefect_tuner.strategies.gp_acquisition import (
    log_expected_improvement,
    log_expected_improvement_slopes,
)
from prefect_tuner.strategies.gp_candidates import (
    all_candidates,
    improved,
    perturbed_candidates,
    random_candidates,
)
from prefect_tuner.strategies.gp_encoding import Encoding
from prefect_tuner.strategies.gp_fit import Hyperparameters, Prior, fitted
from prefect_tuner.strategies.gp_observations import HistoryEncoder, Observations
from prefect_tuner.strategies.gp_posterior import NotPositiveDefinite, Posterior
from prefect_tuner.strategies.permutation import Permutation
from prefect_tuner.strategies.sobol_sequence import sobol_points
from prefect_tuner.strategies.strategy import SearchStrategy, StrategyOptions, trial_rng
from prefect_tuner.trial import Direction

_LOGGER = logging.getLogger(__name__)
_MOST_OBSERVATIONS = 400
_MOST_FITTED = 200
_MOST_ENUMERATED = 1000
_ANCHORS = (5, 8, 12, 18, 27, 40, 60, 90, 135, 200, 300, 450)
_COLD_ITERATIONS, _WARM_ITERATIONS = 40, 12
_PATIENCE: float | None = None
_EVERY = 4
_INCUMBENTS, _STARTS = 5, 5


class GpOptions(StrategyOptions):
    """Options of the strategy `gp`."""

    initial: int | None = Field(
        default=None,
        ge=1,
        description=(
            "How many trials, initial trials of yours included, come before the model is asked; "
            "one more than there are parameters, at least 4 and at most 10, when left out."
        ),
    )
    noisy: bool = Field(
        default=False,
        description=(
            "Whether the objective gives another metric each time: what to improve on is then the "
            "best that the model believes, not the best that was seen."
        ),
    )


@final
class GaussianProcessSearch(SearchStrategy):
    """Models the metric over the whole space and asks where an improvement is most to be expected.

    Example:
        ```python
        from prefect_tuner import Float, Int, Study

        study = Study({"x": Float(-1.0, 1.0), "n": Int(0, 3)}, "gp", "minimize", seed=3)
        for _ in range(20):
            trial = study.ask()
            study.tell(trial, trial.params["x"] ** 2 + trial.params["n"])
        assert study.best_params["n"] == 0 and abs(study.best_params["x"]) < 0.05
        ```
    """

    Options: ClassVar[type[BaseModel]] = GpOptions

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: GpOptions
    ) -> None:
        super().__init__(space, direction, seed, options)
        self._encoding = Encoding(space)
        axes = len(self._encoding.axes)
        self._initial = options.initial or min(max(axes + 1, 4), 10)
        has_order = np.array([axis.has_order for axis in self._encoding.axes], dtype=bool)
        self._prior = Prior.for_axes(has_order, noisy=options.noisy)
        self._encoder = HistoryEncoder(self._encoding, direction)
        self._fits: dict[bytes, FloatArray] = {}
        self._has_warned = False

    def next_candidate(self, history: History) -> Params | None:
        """Where the model expects most; a point of the initial design before there is a model."""
        if not self._encoding.axes:
            only = self._encoding.decode(np.empty(0))
            return None if history.has_candidate(only) else only
        codes = self._encoder.codes(history)
        observations = self._encoder.observations(history, codes)
        if len(history) >= self._initial and observations.is_complete.sum() >= 2:
            try:
                ranked = self._ranked(history, codes, observations)
                if self._is_other_turn(history, observations):
                    ranked = np.concatenate([self._by_density(history, observations), ranked])
            except NotPositiveDefinite as error:
                self._warn_once(error)
            else:
                for row in ranked:
                    candidate = self._encoding.decode(row)
                    if not history.has_candidate(candidate):
                        return candidate
            return self._untried(history, random_candidates(self._encoding, self._rng(history), 32))
        points = sobol_points(len(self._encoding.axes), self.seed, len(history), 32)
        return self._untried(history, self._encoding.from_unit_cube(points))

    def _rng(self, history: History) -> np.random.Generator:
        return trial_rng(self.seed, len(history))

    def _ranked(
        self, history: History, tried: FloatArray, observations: Observations
    ) -> FloatArray:
        """Codes of candidates, the most promising first."""
        rng = self._rng(history)
        pending = tried[[trial.number for trial in history.running]]
        model = observations.subset(_MOST_OBSERVATIONS)
        y, extra = model.targets()
        hyperparameters = Hyperparameters.from_theta(self._theta(observations))
        observed = self._encoding.embed(model.codes)
        posterior = Posterior(
            observed,
            y,
            extra,
            self._encoding.embed(pending),
            self._encoding.owners,
            hyperparameters,
        )
        seen = {row.tobytes() for row in tried}
        complete = model.is_complete
        best = float(posterior.at(observed[complete])[0].min())

        def score(codes: FloatArray) -> FloatArray:
            values = log_expected_improvement(*posterior.at(self._encoding.embed(codes)), best)
            values[[row.tobytes() in seen for row in codes]] = -np.inf
            return values

        def score_and_gradient(codes: FloatArray) -> tuple[FloatArray, FloatArray]:
            mean, variance, by_x, variance_by_x = posterior.with_gradients(
                self._encoding.embed(codes)
            )
            values, by_mean, by_variance = log_expected_improvement_slopes(mean, variance, best)
            gradient = by_mean[:, None] * by_x + by_variance[:, None] * variance_by_x
            return values, self._encoding.gradient_by_codes(gradient)

        cardinality = self.space.cardinality
        if cardinality is not None and cardinality <= _MOST_ENUMERATED:
            candidates = all_candidates(self._encoding)
            scores = score(candidates)
        else:
            incumbents = model.codes[np.argsort(y, kind="stable")[:_INCUMBENTS]]
            count = int(np.clip(60_000 / len(y), 150, 400))
            candidates = np.concatenate(
                [
                    random_candidates(self._encoding, rng, count),
                    perturbed_candidates(self._encoding, rng, incumbents, count),
                ]
            )
            scores = score(candidates)
            starts = np.argsort(-scores, kind="stable")[:_STARTS]
            better, better_scores = improved(
                self._encoding, candidates[starts], scores[starts], score, score_and_gradient, rng
            )
            candidates = np.concatenate([better, candidates])
            scores = np.concatenate([better_scores, scores])
        order = np.argsort(-scores, kind="stable")
        return candidates[order[: int(np.isfinite(scores).sum())]]

    def _is_other_turn(self, history: History, observations: Observations) -> bool:
        if _PATIENCE is None or len(history) % _EVERY:
            return False
        metrics = observations.targets()[0][observations.is_complete]
        floor = np.minimum.accumulate(metrics)
        least = 0.01 * (np.median(metrics) - floor[-1])
        stagnant = int(np.sum(floor <= floor[-1] + least))
        return stagnant > _PATIENCE * len(self._encoding.axes)

    def _by_density(self, history: History, observations: Observations) -> FloatArray:
        rows = observations.subset(_MOST_OBSERVATIONS)
        return density_ratio_candidates(
            self._encoding, self._rng(history), rows.codes, rows.targets()[0], 64
        )

    def _theta(self, observations: Observations) -> FloatArray:
        """Hyperparameters from the observations up to the last one at which they are due.

        The fit starts from another one, to fewer observations, which starts from the prior. Both
        are functions of the history, so that a study taken up again has them as they were; kept,
        they save the time in a study that goes on.
        """
        n = len(observations.metrics)
        step = 1 if n < 40 else 2 if n < 80 else 5 if n < 200 else 10 if n < 400 else 25
        due = n - n % step
        anchors = [a for a in _ANCHORS if a < due and observations.is_complete[:a].sum() >= 2]
        starts = self._prior.starts()
        if anchors:
            starts = [self._fit(observations.take(slice(anchors[-1])), starts, _COLD_ITERATIONS)]
            return self._fit(observations.take(slice(due)), starts, _WARM_ITERATIONS)
        return self._fit(observations, starts, _COLD_ITERATIONS)

    def _fit(
        self, observations: Observations, starts: list[FloatArray], iterations: int
    ) -> FloatArray:
        rows = observations.subset(_MOST_FITTED)
        y, extra = rows.targets()
        if np.ptp(y) == 0.0:  # Equal metrics fit best where there is nothing left to explore.
            return starts[0]
        key = blake2b(digest_size=16)
        for part in (rows.codes, y, extra, *starts):
            key.update(part.tobytes())
        digest = key.digest()
        if digest not in self._fits:
            while len(self._fits) >= 8:
                self._fits.pop(next(iter(self._fits)))
            self._fits[digest] = fitted(
                self._encoding.embed(rows.codes),
                y,
                extra,
                self._encoding.owners,
                self._prior,
                starts,
                iterations,
            )
        theta = self._fits[digest] = self._fits.pop(digest)
        return theta

    def _untried(self, history: History, codes: FloatArray) -> Params | None:
        """The first of some candidates that was not tried, or else any; None if there is none."""
        for row in codes:
            candidate = self._encoding.decode(row)
            if not history.has_candidate(candidate):
                return candidate
        return self._any_untried(history)

    def _any_untried(self, history: History) -> Params | None:
        cardinality = self.space.cardinality
        if cardinality is None:
            return None
        radices = [axis.count or 1 for axis in self._encoding.axes]
        order = Permutation(cardinality, self.seed)
        # Among one more candidates than there are trials, one was not tried.
        for place in range(min(cardinality, len(history) + 1)):
            number = order.at(place)
            row = np.empty(len(radices))
            for j, (axis, radix) in enumerate(zip(self._encoding.axes, radices, strict=True)):
                number, index = divmod(number, radix)
                row[j] = axis.code_at(index)
            candidate = self._encoding.decode(row)
            if not history.has_candidate(candidate):
                return candidate
        return None

    def _warn_once(self, error: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            _LOGGER.warning(
                "The model cannot be computed, candidates are drawn at random: %s", error
            )
