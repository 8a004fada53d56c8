"""Candidates far from each other where few candidates meet the constraints.

Points of a sequence that is even in the cube hardly ever meet such constraints. So candidates are
drawn from those that do, and the one that is farthest from all trials is taken.

Source: W. G. Müller, Coffee-house Designs, in Optimum Design 2000 (2001), on random candidates as
in T. J. Mitchell's best-candidate sampling (Spectrally Optimal Sampling, SIGGRAPH 1991).
"""

from __future__ import annotations

from typing import final

import numpy as np

from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.strategies.candidates.trial_rng import trial_rng
from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler

_DRAWS = 32
# Trials, the latest ones, of which it is to be far.
_MOST_TRIALS = 500


@final
class SpreadDesign:
    """A candidate far from those of all trials; the first one is in the middle of what is feasible.

    Args:
        sampler: Draws the candidates.
        seed: At least 0; another seed gives other candidates.

    Example:
        ```python
        from prefect_tuner import Float, History, SearchSpace
        from prefect_tuner.strategies.candidates.spread_design import SpreadDesign
        from prefect_tuner.strategies.feasibility.sampler import FeasibleSampler

        space = SearchSpace({"x": Float(0.0, 1.0)}, constraints=["x <= 0.001"])
        candidate = SpreadDesign(FeasibleSampler(space, 0), 0).next_candidate(History())
        assert 0.0003 < candidate["x"] < 0.0007
        ```
    """

    def __init__(self, sampler: FeasibleSampler, seed: int) -> None:
        self._sampler = sampler
        self._seed = seed

    def next_candidate(self, history: History) -> Params | None:
        """A feasible candidate that no trial has; None if none was found."""
        encoding = self._sampler.encoding
        codes = self._sampler.drawn(trial_rng(self._seed, len(history)), _DRAWS)
        drawn = encoding.embed(codes)
        middle, spread = drawn.mean(axis=0), drawn.std(axis=0)
        spread[spread == 0.0] = 1.0
        drawn = (drawn - middle) / spread
        tried = [encoding.encode(trial.params) for trial in history[-_MOST_TRIALS:]]
        if tried:
            theirs = (encoding.embed(np.array(tried)) - middle) / spread
            apart = ((drawn[:, None] - theirs) ** 2).sum(axis=2).min(axis=1)
        else:
            apart = -(drawn**2).sum(axis=1)
        for row in np.argsort(-apart, kind="stable"):
            candidate = self._sampler.decode(codes[row])
            if candidate is not None and not history.has_candidate(candidate):
                return candidate
        return None
