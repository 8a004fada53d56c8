"""The ways in which `gp` looks at the same observations, by turns.

Which model fits a task best, few trials cannot tell: whether the metric is to be taken as it is or
by its ranks, and whether the function is smooth over whole ranges or changes within them. Each is
right for some tasks and costly for others. So trials are given by different models in turn, and
what is found by one is known to all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from prefect_tuner.strategies.encoding.output_warp import Warp, drawn_near, half_ranked


@dataclass(frozen=True)
class View:
    """What a model makes of the metrics, and what it takes length scales to be.

    Attributes:
        warp: From metrics to what is modelled.
        length: Median of the prior of the length scale of what has an order, in ranges.
        width: Standard deviation of its logarithm.
    """

    warp: Warp
    length: float
    width: float


VIEWS: Final = tuple(
    View(warp, length, width)
    for length, width in ((0.5, 0.8), (1.0, 1.0))
    for warp in (drawn_near, half_ranked)
)
"""The views, in the order of their turns."""

EXPECTING: Final = VIEWS[1]
"""The view that tells what is expected of a candidate that was tried, where metrics are noisy."""


def view_of(number: int) -> View:
    """The view that gives the candidate of trial `number`."""
    return VIEWS[number % len(VIEWS)]
