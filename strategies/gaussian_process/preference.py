"""What `gp` prefers candidates by: the expected improvement, and all that is added to it.

Notation:
    A: axes of the encoding. codes: candidates, shape (m, A), see `encoding`.
    best: the least mean of the posterior at an observation with a metric or at a pending candidate.
        With noise, the least metric would be a lucky one; without, it is the mean. What a running
        trial is expected to reach is no improvement any more.
"""

from __future__ import annotations

from typing import final

import numpy as np

from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.encoding.observations import Observations
from prefect_tuner.strategies.gaussian_process.acquisition import (
    log_augmentation,
    log_expected_improvement,
    log_expected_improvement_slopes,
)
from prefect_tuner.strategies.gaussian_process.belief import Belief
from prefect_tuner.strategies.gaussian_process.regression import Posterior


@final
class Preference:
    """What `gp` prefers candidates by: log EI, augmented where trials are running, and its belief.

    Args:
        encoding: The encoding of the space.
        posterior: What the model says, given `model`.
        model: The observations it was made from, one of them complete at least.
        pending: Codes of running trials, which the posterior was given too, shape (p, A).
        belief: Where good candidates are expected, whatever the model says.
    """

    def __init__(
        self,
        encoding: Encoding,
        posterior: Posterior,
        model: Observations,
        pending: FloatArray,
        belief: Belief,
    ) -> None:
        incumbents = np.concatenate([model.codes[model.is_complete], pending])
        self._best = float(posterior.at(encoding.embed(incumbents))[0].min())
        self._encoding = encoding
        self._posterior = posterior
        self._belief = belief
        self._is_augmented = len(pending) > 0

    def at(self, codes: FloatArray) -> FloatArray:
        """Its value at some candidates, shape (m,)."""
        mean, variance = self._posterior.at(self._encoding.embed(codes))
        values = log_expected_improvement(mean, variance, self._best)
        if self._is_augmented:
            values += log_augmentation(variance, self._posterior.noise)[0]
        values += self._belief.weighted(codes)[0]
        return values

    def with_gradient(self, codes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Its value, shape (m,), and the gradient by the codes, shape (m, A)."""
        mean, variance, mean_slope, variance_slope = self._posterior.with_gradients(
            self._encoding.embed(codes)
        )
        values, by_mean, by_variance = log_expected_improvement_slopes(mean, variance, self._best)
        if self._is_augmented:
            logs, slopes = log_augmentation(variance, self._posterior.noise)
            values, by_variance = values + logs, by_variance + slopes
        gradient = by_mean[:, None] * mean_slope + by_variance[:, None] * variance_slope
        by_codes = self._encoding.gradient_by_codes(codes, gradient)
        believed, by_belief = self._belief.weighted(codes)
        return values + believed, by_codes + by_belief
