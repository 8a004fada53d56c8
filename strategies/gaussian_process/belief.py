"""What `gp` believes of a candidate before the metrics speak: what the user said, and nothing else.

Notation:
    codes: candidates, shape (m, A), see `encoding`.
    pi: the user's density over the space, in units of its largest value.

A prior is taken to the power of beta / n, so that a wrong one is overcome in time (C. Hvarfner et
al., piBO, ICLR 2022, equation 6).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.user_prior import BETA, UserPrior


@dataclass(frozen=True)
class Belief:
    """What is believed, and what it counts: log EI + weight * log pi is what is looked for.

    Attributes:
        prior: What the user said of some parameters, None if that is nothing.
        weight: beta / n, of each of n observations.
    """

    prior: UserPrior | None
    weight: float

    @classmethod
    def after(cls, observations: int, prior: UserPrior | None) -> Belief:
        """What is left of it after some observations, 1 at least."""
        return cls(prior, BETA / observations)

    def weighted(self, codes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The weighted log pi, shape (m,), and its gradient by the codes, shape (m, A)."""
        if self.prior is None:
            return np.zeros(len(codes)), np.zeros_like(codes)
        logs, gradient = self.prior.log_density(codes)
        return self.weight * logs, self.weight * gradient
