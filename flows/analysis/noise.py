"""Whether noise is larger than the differences between candidates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator

import numpy as np

from prefect_tuner.flows.analysis.case import Case
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.models.normal_scores import normal_scores
from prefect_tuner.hyper_value import exact_key
from prefect_tuner.trial import Trial

_FEWEST = 50
_FEWEST_PER_AXIS = 10
"""Trials from which on it is said that nothing explains the metric."""

_UNEXPLAINED = 0.75
"""The share of the variance that forecasts leave, at the least."""

_DIFFERENCE = 0.15
"""The squared difference of neighbours, in units of that of any two trials, at the least."""

_BY_CHANCE = 0.01
"""How probable it may be, at the most, that later trials seem better than the first ones."""

_FEWEST_REPEATED = 8
"""Trials with parameters that were tried before."""

_NOISE_OF_REPEATED = 0.7
"""The share of the variance that is between trials with the same parameters, at the least."""

_ADVICE = (
    "measure each candidate more than once, with several seeds, folds or more data to score on, "
    "before you rely on the best trial; see as well whether the objective uses its parameters"
)


def noise(case: Case) -> Iterator[Finding]:
    """Trials of the same or of similar parameters differ about as much as any."""
    repeated = _noise_of_repeated(case)
    if repeated is not None:
        share, count = repeated
        if share >= _NOISE_OF_REPEATED:
            yield Finding(
                "noise",
                f"noise is larger than the differences between candidates: {count} trials had "
                "parameters that were tried before, and their metrics differ by "
                f"{np.sqrt(share):.0%} of what those of any trials do",
                _ADVICE,
            )
        return
    surrogate = case.surrogate
    if surrogate is None or surrogate.size < max(_FEWEST, _FEWEST_PER_AXIS * len(surrogate.names)):
        return
    if (
        surrogate.unexplained < _UNEXPLAINED
        or surrogate.difference_of_neighbours() < _DIFFERENCE
        or _has_learned(case)
        or (losses := case.surrogate_of_losses) is None
        or losses.unexplained < _UNEXPLAINED
    ):
        return
    explained = max(0.0, 1.0 - surrogate.unexplained)
    yield Finding(
        "noise",
        f"the parameters explain {explained:.0%} of the differences between metrics: either noise "
        "is larger than what they do, or what they do is without any order",
        _ADVICE,
    )


def _noise_of_repeated(case: Case) -> tuple[float, int] | None:
    """The share of the variance that is between trials with the same parameters.

    With it how many trials repeat an earlier one; None where they are too few to tell.
    """
    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for row, trial in enumerate(case.done):
        groups[_key(trial)].append(row)
    left = len(case.done) - len(groups)
    if left < _FEWEST_REPEATED or len(groups) < _FEWEST_REPEATED:
        return None
    scores = normal_scores(case.losses)
    total = float(scores.var())
    if total <= 0.0:
        return None
    within = sum(float(scores[rows].var()) * len(rows) for rows in groups.values() if len(rows) > 1)
    return within / left / total, left


def _has_learned(case: Case) -> bool:
    """Whether later trials are better than the first ones: something tells candidates apart.

    Where a strategy has found the best part of the space, only noise is left to explain.
    """
    from scipy.stats import mannwhitneyu  # It loads slowly, and few studies need it.

    count = case.losses.size
    first, later = case.losses[: max(10, count // 5)], case.losses[count // 2 :]
    return float(mannwhitneyu(first, later, alternative="greater").pvalue) < _BY_CHANCE


def _key(trial: Trial) -> Hashable:
    return tuple(sorted((name, str(exact_key(value))) for name, value in trial.params.items()))
