"""The random stream of each trial, which does not depend on what was drawn before."""

from __future__ import annotations

import numpy as np


def trial_rng(seed: int, number: int) -> np.random.Generator:
    """The random stream of trial `number`, the same whatever was drawn before."""
    return np.random.default_rng(np.random.SeedSequence([seed, number]))
