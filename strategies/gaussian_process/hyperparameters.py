"""When the hyperparameters of `gp` are fitted, and to what: observations decide, and they alone.

A fit that starts from the one before it is quick, but would make a suggestion depend on all the
suggestions made before, and a study taken up again go on differently. So a fit starts from a fit
to the first few of its own observations, up to one of some fixed numbers, the anchors. The fits of
the first anchors start from the prior, those of the later ones, which would take long, from the
anchor before. A study that goes on has them at hand most of the time; one taken up again computes
them.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import final

import numpy as np

from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.encoding.observations import Observations
from prefect_tuner.strategies.gaussian_process.regression import Hyperparameters, Prior, fitted
from prefect_tuner.strategies.gaussian_process.views import View

_ANCHORS = (5, 8, 12, 18, 27, 40, 60, 90, 135, 200, 300, 450)
_LAST_FROM_PRIOR = 90
_MOST_OBSERVATIONS = 200
_COLD_ITERATIONS, _WARM_ITERATIONS = 40, 12
_KEPT = 32


@final
class FitSchedule:
    """Fits hyperparameters when they are due.

    Args:
        encoding: The encoding of the space.
        noisy: Whether to expect much noise.
    """

    def __init__(self, encoding: Encoding, *, noisy: bool) -> None:
        self._encoding = encoding
        self._noisy = noisy
        self._fits: dict[bytes, FloatArray] = {}

    def hyperparameters(self, observations: Observations, view: View) -> Hyperparameters:
        """Those of the newest fit that is due.

        Args:
            observations: Warped as the view has it; at least one of them is complete.
            view: What length scales are taken to be.
        """
        prior = Prior.for_axes(
            self._encoding.has_order,
            view.length,
            view.width,
            active=self._encoding.mean_active,
            noisy=self._noisy,
        )
        n = len(observations.metrics)
        extra = n % _interval(n)
        due = observations.take(slice(n - extra)) if extra else observations
        starts, iterations = prior.starts(), _COLD_ITERATIONS
        for first in _anchored(due):
            starts, iterations = [self._fit(first, prior, starts, iterations)], _WARM_ITERATIONS
        known = due if due.is_complete.any() else observations
        return Hyperparameters.from_theta(self._fit(known, prior, starts, iterations))

    def _fit(
        self,
        observations: Observations,
        prior: Prior,
        starts: list[FloatArray],
        iterations: int,
    ) -> FloatArray:
        """Theta for some observations, from memory if it was the same a while ago."""
        rows = observations.subset(_MOST_OBSERVATIONS)
        y, extra = rows.targets
        if np.ptp(y) == 0.0:  # Equal metrics fit best where there is nothing left to explore.
            return starts[0]
        key = blake2b(digest_size=16)
        for part in (rows.codes, y, extra, prior.centre, prior.width, *starts):
            key.update(part.tobytes())
        theta = self._fits.pop(key.digest(), None)
        if theta is None:
            z = self._encoding.embed(rows.codes)
            owners = self._encoding.owners
            theta = fitted(z, y, extra, owners, prior, starts, iterations)
        self._fits[key.digest()] = theta
        if len(self._fits) > _KEPT:
            del self._fits[next(iter(self._fits))]
        return theta


def _anchored(observations: Observations) -> list[Observations]:
    """The first few observations, up to each anchor of which a fit is made, the fewest first."""
    parts = [observations.take(slice(a)) for a in _ANCHORS if a < len(observations.metrics)]
    parts = [part for part in parts if part.is_complete.sum() >= 2]
    early = [part for part in parts if len(part.metrics) <= _LAST_FROM_PRIOR]
    return early[-1:] + parts[len(early) :]


def _interval(n: int) -> int:
    """Every how many observations a fit is due; views take turns, so that multiples count."""
    return next((step for most, step in ((25, 1), (60, 8), (200, 16), (400, 20)) if n < most), 40)
