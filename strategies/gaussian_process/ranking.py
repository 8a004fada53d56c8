"""The ranking of candidates by `gp`: what is looked at, and in which order it is preferred.

Notation:
    A: axes of the encoding. codes: candidates, shape (m, A), see `encoding`.
"""

from __future__ import annotations

import numpy as np

from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.observations import Observations
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler
from prefect_tuner.strategies.gaussian_process.belief import Belief
from prefect_tuner.strategies.gaussian_process.candidates import (
    improved,
    perturbed_candidates,
    random_candidates,
)
from prefect_tuner.strategies.gaussian_process.choice_sampling import with_drawn_choices
from prefect_tuner.strategies.gaussian_process.preference import Preference
from prefect_tuner.strategies.gaussian_process.regression import Posterior

_MOST_ENUMERATED = 1000
_LEADERS, _STARTS = 5, 5
_ROUNDS_WHERE_RARE, _NEARBY = 3, 100
# Candidates of each kind, and their product with the observations: it bounds the time.
_FEWEST, _MOST, _MOST_COVARIANCES = 150, 400, 60_000


def ranked_candidates(
    sampler: FeasibleSampler,
    rng: np.random.Generator,
    posterior: Posterior,
    model: Observations,
    pending: FloatArray,
    tried: FloatArray,
    belief: Belief,
    sharpness: float | None = None,
) -> FloatArray:
    """Codes of candidates that were not tried, those with the largest log EI first, shape (m, A).

    Args:
        sampler: Draws candidates where few meet the constraints; knows the encoding of the space.
        rng: Where the random numbers come from.
        posterior: What the model says, given `model`.
        model: The observations it was made from, one of them complete at least.
        pending: Codes of running trials, which the posterior was given too, shape (p, A).
        tried: Codes of all trials, shape (t, A).
        belief: Where good candidates are expected, whatever the model says.
        sharpness: Whether candidates with choices that are drawn come before all others, and how
            much more often those with a larger EI are; see `choice_sampling`.
    """
    encoding = sampler.encoding
    y, _ = model.targets
    preference = Preference(encoding, posterior, model, pending, belief)
    seen = set(_keys(tried))

    def score(codes: FloatArray) -> FloatArray:
        values = preference.at(codes)
        values[[key in seen for key in _keys(codes)]] = -np.inf
        return values

    if encoding.cells is not None and len(encoding.cells) <= _MOST_ENUMERATED:
        candidates = encoding.cells
        scores = score(candidates)
    else:
        leaders = model.codes[np.argsort(y, kind="stable")[:_LEADERS]]
        count = min(max(_MOST_COVARIANCES // len(y), _FEWEST), _MOST)
        anywhere = random_candidates(sampler, rng, count)
        around = perturbed_candidates(sampler, rng, leaders, count)
        candidates = np.concatenate([anywhere, around])
        if belief.prior is not None:
            believed = belief.prior.codes_at(rng.random((count, len(encoding.axes))))
            believed = believed[encoding.meets_constraints(believed)]
            candidates = np.concatenate([believed, candidates])
        scores = score(candidates)
        starts = np.argsort(-scores, kind="stable")[:_STARTS]
        better, better_scores = improved(
            encoding, candidates[starts], scores[starts], score, preference.with_gradient, rng
        )
        candidates = np.concatenate([better, candidates])
        scores = np.concatenate([better_scores, scores])
        for _ in range(_ROUNDS_WHERE_RARE if sampler.is_rare else 0):
            # Along what is feasible, where changes of one axis at a time are mostly not.
            starts = np.argsort(-scores, kind="stable")[:_STARTS]
            nearby = sampler.nearby(rng, candidates[starts], _NEARBY)
            candidates = np.concatenate([candidates, nearby])
            scores = np.concatenate([scores, score(nearby)])
    is_first = np.ones(len(scores), dtype=bool)
    if sharpness is not None:
        is_first = with_drawn_choices(encoding, rng, candidates, scores, sharpness)
    order = np.lexsort((-scores, ~is_first))
    ranked: FloatArray = candidates[order[np.isfinite(scores[order])]]
    return ranked


def _keys(codes: FloatArray) -> list[bytes]:
    """The bytes of each row, m of them: equal rows have equal ones."""
    rows = np.ascontiguousarray(codes)
    keys: list[bytes] = rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel().tolist()
    return keys
