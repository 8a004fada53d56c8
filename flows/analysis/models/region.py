"""The part of a search space in which something happens, by the values of one parameter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from prefect_tuner.flows.analysis.models.changed_range import limited, without_choice
from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import BoolArray
from prefect_tuner.trial import Trial

_BY_CHANCE = 5e-3
"""How probable it may be, at the most, that trials lie so by chance, all regions together."""

_INDEPENDENT_ENDS = 10
"""Ends of a numeric parameter's regions count as so many, at the most: neighbours differ in few
trials, and so hardly in what chance makes of them."""

_FEWEST = 4
"""Flagged trials in a region."""

_MOST_OF_REGION = 0.5
"""The share of a region's trials that are flagged, at the least."""

_MOST_ENDS = 64
"""Of regions of one numeric parameter that are tried, on each side."""


@dataclass(frozen=True)
class Region:
    """Part of a search space.

    Attributes:
        parameter: By which it is told.
        text: Which part, such as `rate > 0.1` or `kind = 'sgd'`.
        inside: Which of the trials lie in it.
        rest: Gives the space without it, as JSON data; empty where there is none.
    """

    parameter: str
    text: str
    inside: BoolArray
    rest: Callable[[], dict[str, Any]]


def region_of(space: SearchSpace, trials: Sequence[Trial], flags: BoolArray) -> Region | None:
    """Where the flagged trials are, if they are at one place: most of its trials, few elsewhere.

    All choices and all ends of ranges are tried, by Fisher's exact test, with Bonferroni's
    correction for their number.

    Args:
        space: The search space.
        trials: Any of the study.
        flags: For each trial whether it is flagged.
    """
    total = int(flags.sum())
    if total < _FEWEST or total == flags.size:
        return None
    from scipy.stats import hypergeom  # It loads slowly, and few studies need it.

    found, least = None, 1.0
    counts: Counter[str] = Counter()
    for region in _regions(space, trials):
        counts[region.parameter] += 1
        size, flagged = int(region.inside.sum()), int(flags[region.inside].sum())
        outside = (total - flagged) / max(1, flags.size - size)
        if flagged < _FEWEST or flagged < _MOST_OF_REGION * size or outside > flagged / size / 4:
            continue
        chance = float(hypergeom.sf(flagged - 1, flags.size, total, size))
        if chance < least:
            found, least = region, chance
    tests = sum(
        count if isinstance(space[name], Categorical) else min(count, _INDEPENDENT_ENDS)
        for name, count in counts.items()
    )
    return found if least * tests < _BY_CHANCE else None


def _regions(space: SearchSpace, trials: Sequence[Trial]) -> Iterator[Region]:
    for name, parameter in space.items():
        is_active = np.array([name in trial.params for trial in trials])
        values = [trial.params.get(name) for trial in trials]
        if parameter.cardinality == 1 or not is_active.any():
            continue
        if isinstance(parameter, Categorical):
            places = np.array(
                [parameter.index_of(v) if a else -1 for v, a in zip(values, is_active, strict=True)]
            )
            for index in range(parameter.cardinality):
                choice = parameter.value_at(index)
                rest = partial(without_choice, space, name, choice)
                yield Region(name, f"{name} = {choice!r}", places == index, rest)
        else:
            yield from _sides(space, name, values, is_active)


def _sides(
    space: SearchSpace, name: str, values: Sequence[HyperValue | None], is_active: BoolArray
) -> Iterator[Region]:
    """What lies above, and what lies below, each of a numeric parameter's values."""
    numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
    kind = int if all(isinstance(value, int | None) for value in values) else float
    ends = np.unique(numbers[is_active])
    if ends.size > _MOST_ENDS:
        shares = np.linspace(0.0, 1.0, _MOST_ENDS)
        ends = np.unique(np.quantile(numbers[is_active], shares, method="lower"))
    for end in ends:
        value = kind(end)
        above, below = numbers > end, numbers < end  # Neither holds for what is not active.
        if above.any():
            rest = partial(limited, space, name, "high", value)
            yield Region(name, f"{name} > {value!r}", above, rest)
        if below.any():
            rest = partial(limited, space, name, "low", value)
            yield Region(name, f"{name} < {value!r}", below, rest)
