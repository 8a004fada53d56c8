"""Whether more trials are worth their time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prefect_tuner.flows.analysis.case import Case
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.models.tail import expected_gain

_FEWEST = 60
_FEWEST_PER_PARAMETER = 15
"""Trials from which on a study may be said to have converged."""

_WHAT_IT_WAS = 1 / 2
"""The best metric of so many of the trials, the first ones, is compared with that of all."""

_FIRST = 0.1
"""The share of trials, at least ten, whose best one tells where the search began."""

_OF_SPREAD = 0.05
"""So much of the distance from the best quarter of them to the best metric counts as gained, too:
where the first trials are good by chance, the search gains little. Where it has gained less than
this, the best metric is luck of the first trials, and tells nothing of what more may bring."""

_HARDLY_CHANGED = 0.02
"""How much it may have changed, in units of what the search has gained over where it began."""

_LITTLE = 0.005
"""What is expected of as many trials again, at the most, in the same units."""

_ROUNDED = 1e-12
"""Differences of so much of a metric's size are none."""


def converged(case: Case) -> Iterator[Finding]:
    """The best metric hardly changes any more, and the latest trials promise no better one."""
    losses = case.losses
    count = losses.size
    if count < max(_FEWEST, _FEWEST_PER_PARAMETER * len(case.parameters)):
        return
    best = float(losses.min())
    first = losses[: max(10, int(count * _FIRST))]
    gained = float(first.min()) - best
    by_chance = _OF_SPREAD * (float(np.quantile(first, 0.25)) - best)
    unit = gained + by_chance if gained >= by_chance else 0.0
    lately = float(losses[: int(count * _WHAT_IT_WAS)].min()) - best
    gain = expected_gain(losses)
    none = _ROUNDED * float(np.abs(losses).max())
    if lately > _HARDLY_CHANGED * unit + none or gain > _LITTLE * unit + none:
        return
    last = int(np.argmin(losses))
    likely = "no better metric" if gain <= none else f"less than {gain:.1g} more"
    yield Finding(
        "converged",
        f"the search has converged: {count} more trials are likely to bring {likely}; the "
        f"best one is trial {case.done[last].number}, which is better by {gained:.3g} than the "
        "best of the first ones",
        "stop here (patience does so by itself), or change the space, the model or the metric if "
        "this is not good enough",
    )
