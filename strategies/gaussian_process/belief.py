"""What `gp` believes of a candidate before the metrics speak: the user's prior, and the middle.

Notation:
    codes: candidates, shape (m, A), see `encoding`.
    pi: a density over the space, in units of its largest value or of the uniform one.

Far from all trials a model is unsure, and most so at the ends of the ranges, where trials lie on
one side only: left to itself, the expected improvement asks for one corner after the other. But
whoever declares a range takes it wide, so that the best value lies within. So the ends of all that
has an order are taken to be less likely, unless the user says otherwise: a density that is normal
around the middle, and for a tenth uniform. Like a prior of the user's it is taken to the power of
beta / n (C. Hvarfner et al., piBO, ICLR 2022, equation 6), so that an optimum at an end is found.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.encoding.user_prior import BETA, UserPrior

_SPREAD, _UNIFORM_SHARE = 0.3, 0.1


@dataclass(frozen=True)
class Belief:
    """What is believed, and what it counts: log EI + weight * log pi is what is looked for.

    Attributes:
        prior: What the user said of some parameters.
        has_middle: For which axes the middle is taken to be likely, shape (A,).
        weight: beta / n, of each of n observations.
    """

    prior: UserPrior | None
    has_middle: BoolArray
    weight: float

    @classmethod
    def after(cls, observations: int, encoding: Encoding, prior: UserPrior | None) -> Belief:
        """What is left of it after some observations, 1 at least."""
        has_middle = encoding.has_order
        if prior is not None:
            has_middle = has_middle & [axis.name not in prior.names for axis in encoding.axes]
        return cls(prior, has_middle, BETA / observations)

    def without_middle(self) -> Belief:
        """What the user said alone: where little is feasible, the middle says nothing."""
        return replace(self, has_middle=np.zeros_like(self.has_middle))

    def weighted(self, codes: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The weighted log pi, shape (m,), and its gradient by the codes, shape (m, A)."""
        # Where an axis is not active, there is nothing to be believed of it.
        z = np.where(np.isnan(codes) | ~self.has_middle, 0.0, (codes - 0.5) / _SPREAD)
        bell = (1.0 - _UNIFORM_SHARE) * np.exp(-0.5 * z**2)
        density = bell + _UNIFORM_SHARE
        logs, gradient = np.log(density).sum(axis=1), -bell * z / (_SPREAD * density)
        if self.prior is not None:
            of_user, slopes = self.prior.log_density(codes)
            logs, gradient = logs + of_user, gradient + slopes
        return self.weight * logs, self.weight * gradient
