"""The ranking of candidates by `gp`: what is looked at, and in which order it is preferred.

Notation:
    A: axes of the encoding. codes: candidates, shape (m, A), see `encoding`.
    best: the least mean of the posterior at an observation with a metric or at a pending candidate.
        With noise, the least metric would be a lucky one; without, it is the mean. What a running
        trial is expected to reach is no improvement any more.
"""

from __future__ import annotations

import math

import numpy as np

from prefect_tuner.strategies.array_types import FloatArray
from prefect_tuner.strategies.encoding import Encoding
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
from prefect_tuner.strategies.gp_observations import Observations
from prefect_tuner.strategies.gp_posterior import Posterior

_MOST_ENUMERATED = 1000
_LEADERS, _STARTS = 5, 5
# Candidates of each kind, and their product with the observations: it bounds the time.
_FEWEST, _MOST, _MOST_COVARIANCES = 150, 400, 60_000


def ranked_candidates(
    encoding: Encoding,
    rng: np.random.Generator,
    posterior: Posterior,
    model: Observations,
    pending: FloatArray,
    tried: FloatArray,
) -> FloatArray:
    """Codes of candidates that were not tried, those with the largest log EI first, shape (m, A).

    Args:
        encoding: The encoding of the space.
        rng: Where the random numbers come from.
        posterior: What the model says, given `model`.
        model: The observations it was made from, one of them complete at least.
        pending: Codes of running trials, which the posterior was given too, shape (p, A).
        tried: Codes of all trials, shape (t, A).
    """
    y, _ = model.targets()
    incumbents = np.concatenate([model.codes[model.is_complete], pending])
    best = float(posterior.at(encoding.embed(incumbents))[0].min())
    seen = {row.tobytes() for row in tried}

    def score(codes: FloatArray) -> FloatArray:
        values = log_expected_improvement(*posterior.at(encoding.embed(codes)), best)
        values[[row.tobytes() in seen for row in codes]] = -np.inf
        return values

    def score_and_gradient(codes: FloatArray) -> tuple[FloatArray, FloatArray]:
        mean, variance, mean_slope, variance_slope = posterior.with_gradients(encoding.embed(codes))
        values, by_mean, by_variance = log_expected_improvement_slopes(mean, variance, best)
        gradient = by_mean[:, None] * mean_slope + by_variance[:, None] * variance_slope
        return values, encoding.gradient_by_codes(codes, gradient)

    if math.prod(axis.count or math.inf for axis in encoding.axes) <= _MOST_ENUMERATED:
        candidates = all_candidates(encoding)
        scores = score(candidates)
    else:
        leaders = model.codes[np.argsort(y, kind="stable")[:_LEADERS]]
        count = min(max(_MOST_COVARIANCES // len(y), _FEWEST), _MOST)
        anywhere = random_candidates(encoding, rng, count)
        around = perturbed_candidates(encoding, rng, leaders, count)
        candidates = np.concatenate([anywhere, around])
        scores = score(candidates)
        starts = np.argsort(-scores, kind="stable")[:_STARTS]
        better, better_scores = improved(
            encoding, candidates[starts], scores[starts], score, score_and_gradient, rng
        )
        candidates = np.concatenate([better, candidates])
        scores = np.concatenate([better_scores, scores])
    order = np.argsort(-scores, kind="stable")
    return candidates[order[: int(np.isfinite(scores).sum())]]
