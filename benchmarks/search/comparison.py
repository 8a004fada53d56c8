"""Means of stored runs and their intervals, paired by seed.

What varies from one run of the benchmark to another are the seeds; the problems are the same. So
each seed gives one number, its mean over the problems, and intervals are bootstrapped over seeds:
95 %, percentiles of the means of 10,000 resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from benchmarks.search.trajectories import Runs, Trajectory

BUDGETS: Final = (10, 25, 50, 100, 200)
"""Finished trials at which regrets are compared."""

RESAMPLES: Final = 10_000

FloatArray: TypeAlias = npt.NDArray[np.float64]

Score: TypeAlias = Callable[[Trajectory, int], float]
"""What is compared of a run after so many trials."""


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds with its bootstrap interval."""

    mean: float
    low: float
    high: float
    seeds: int


def estimate(values: Sequence[float] | FloatArray) -> Estimate:
    """The mean of one value per seed, with its interval.

    Raises:
        ValueError: There are no values.
    """
    array = np.asarray(values, dtype=float)
    if not array.size:
        raise ValueError("a mean needs at least one value")
    low, high = np.quantile(array[_resamples(array.size)].mean(axis=1), [0.025, 0.975])
    return Estimate(float(array.mean()), float(low), float(high), array.size)


def ratio(values: Sequence[float] | FloatArray, others: Sequence[float] | FloatArray) -> Estimate:
    """The ratio of two means, with values paired by seed; infinite or NaN where divided by 0."""
    array, divisors = np.asarray(values, dtype=float), np.asarray(others, dtype=float)
    drawn = _resamples(array.size)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = array[drawn].mean(axis=1) / divisors[drawn].mean(axis=1)
        mean = float(array.mean() / divisors.mean())
        low, high = np.quantile(ratios, [0.025, 0.975])
    return Estimate(mean, float(low), float(high), array.size)


def complete_seeds(runs: Runs, names: Iterable[str], trials: int) -> set[int]:
    """The seeds with which all these problems were run for so many trials."""
    by_name = [
        {seed for (known, seed), run in runs.items() if known == name and run.trials >= trials}
        for name in names
    ]
    return set.intersection(*by_name) if by_name else set()


def mean_regret(
    runs: Runs, names: Sequence[str], trials: int, score: Score = Trajectory.regret_at
) -> Estimate | None:
    """The mean regret after so many trials; None when no seed is complete."""
    seeds = complete_seeds(runs, names, trials)
    return estimate(_by_seed(runs, names, seeds, trials, score)) if seeds else None


def paired_difference(
    ours: Runs,
    theirs: Runs,
    names: Sequence[str],
    trials: int,
    score: Score = Trajectory.regret_at,
) -> Estimate | None:
    """The mean of our regret minus theirs, over the seeds that both have complete.

    Below zero is better; None when there is no such seed.
    """
    seeds = complete_seeds(ours, names, trials) & complete_seeds(theirs, names, trials)
    if not seeds:
        return None
    mine, other = (_by_seed(runs, names, seeds, trials, score) for runs in (ours, theirs))
    return estimate(mine - other)


def paired_ratio(ours: Runs, theirs: Runs, names: Sequence[str], trials: int) -> Estimate | None:
    """Our mean regret as a part of theirs, likewise."""
    seeds = complete_seeds(ours, names, trials) & complete_seeds(theirs, names, trials)
    if not seeds:
        return None
    mine, other = (
        _by_seed(runs, names, seeds, trials, Trajectory.regret_at) for runs in (ours, theirs)
    )
    return ratio(mine, other)


def better_on(ours: Runs, theirs: Runs, names: Iterable[str], trials: int) -> int:
    """On how many of the problems our mean regret is smaller than theirs."""
    differences = [paired_difference(ours, theirs, [name], trials) for name in names]
    return sum(difference is not None and difference.mean < 0.0 for difference in differences)


def curve(
    runs: Runs, names: Sequence[str], trials: Sequence[int]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The mean regret after each number of trials and the ends of its interval, (3, trials)."""
    seeds = complete_seeds(runs, names, max(trials))
    by_seed = [_by_seed(runs, names, seeds, at, Trajectory.regret_at) for at in trials]
    return _with_interval(np.array(by_seed))


def curve_over_time(
    runs: Runs, names: Sequence[str], units: Mapping[str, float], times: Sequence[float]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Likewise after each simulated time, in units of each problem's own.

    A run counts with its first trial before that is finished: there is no metric yet, and one
    that trains for long would hide all the others.
    """
    seeds = sorted(complete_seeds(runs, names, 1))
    by_seed = [
        [
            np.mean([runs[name, seed].regret_after(at * units[name]) for name in names])
            for seed in seeds
        ]
        for at in times
    ]
    return _with_interval(np.array(by_seed))


def _by_seed(
    runs: Runs, names: Sequence[str], seeds: Iterable[int], trials: int, score: Score
) -> FloatArray:
    """For each seed, in order, the mean over the problems."""
    return np.array(
        [np.mean([score(runs[name, seed], trials) for name in names]) for seed in sorted(seeds)]
    )


def _with_interval(by_seed: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Means of the rows of (points, seeds) with the ends of their intervals."""
    resampled = by_seed[:, _resamples(by_seed.shape[1])[:2000]].mean(axis=2)
    low, high = np.quantile(resampled, [0.025, 0.975], axis=1)
    return by_seed.mean(axis=1), low, high


def _resamples(seeds: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(0).integers(seeds, size=(RESAMPLES, seeds))
