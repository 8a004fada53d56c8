"""Strategies are no worse on a slice of COCO's suites than when their runs were stored.

Renew what is stored, when a strategy became better:
`python -m benchmarks.search.store_runs gp --problems coco --trials 50 --seeds 0 10 --again`.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import wilcoxon

from benchmarks.search.coco import FAMILIES, load
from benchmarks.search.store_runs import RunsFile, one_run
from benchmarks.search.trajectories import STORE, read

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SEEDS, TRIALS = range(10), 30

LEARNING = ("gp", "tpe")

SMALLEST = 1e-5
"""Regrets below this are as good as none: 1 is the median of the space."""

WORSE = 0.3
"""A mean factor of two in the regret: by chance, with 80 runs, it is at most 1.7 (2 sigma)."""


def file_of(method: str) -> RunsFile:
    return RunsFile(STORE, "coco", "sequential", method)


STORED = [method for method in LEARNING if file_of(method).path.exists()]


def stored(method: str) -> npt.NDArray[np.float64]:
    runs = read(file_of(method).path)
    return np.array([[runs[name, seed].regret_at(TRIALS) for seed in SEEDS] for name in FAMILIES])


@cache
def regrets_now(method: str) -> npt.NDArray[np.float64]:
    """The regret of each function and seed, run now."""
    pytest.importorskip("cocoex", reason="needs coco-experiment: pip install coco-experiment")
    return np.array(
        [
            [one_run(file_of(method), name, seed, TRIALS).regret_at(TRIALS) for seed in SEEDS]
            for name in FAMILIES
        ]
    )


def magnitude(regrets: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.log10(np.maximum(regrets, SMALLEST))


@pytest.mark.parametrize("method", STORED)
def test_a_strategy_is_not_clearly_worse_than_its_stored_runs(method: str) -> None:
    worse = (magnitude(regrets_now(method)) - magnitude(stored(method))).mean(axis=1)
    assert worse.mean() < WORSE, dict(zip(FAMILIES, worse.round(2), strict=True))


@pytest.mark.parametrize("method", STORED)
def test_a_strategy_is_better_than_random_search(method: str) -> None:
    gained = (magnitude(regrets_now("random")) - magnitude(regrets_now(method))).mean(axis=0)
    # One number for each seed: functions are no sample.
    assert wilcoxon(gained, alternative="greater").pvalue < 0.01, gained.round(2)


@pytest.mark.parametrize("name", FAMILIES)
def test_no_value_of_a_function_is_below_its_optimum(name: str) -> None:
    pytest.importorskip("cocoex", reason="needs coco-experiment: pip install coco-experiment")
    function = load(name)
    rng = np.random.default_rng(0)
    drawn = [
        function.metric(function.space.from_units(rng.random(len(function.space)).tolist()))
        for _ in range(5000)
    ]
    assert min(drawn) >= function.optimum
    assert np.median(drawn) == pytest.approx(function.median, rel=0.1)
