"""Noise that is larger than what parameters do is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from prefect_tuner import Float, Params, SearchSpace
from tests.flows.analysis.studies import found, told
from tests.objective_functions import cube, number, sphere

CUBE = cube(3)
MIXED = SearchSpace({"a": ["a", "b", "c"], "b": [1, 2, 3, 4], "c": Float(1e-4, 1.0, log=True)})


@pytest.mark.parametrize("strategy", ["random", "tpe"])
@pytest.mark.parametrize(
    ("space", "signal", "noise"),
    [
        (CUBE, lambda _: 0.0, 1.0),
        (CUBE, sphere, 1.0),
        (CUBE, lambda p: 0.9 - 0.002 * sphere(p), 0.01),
        (MIXED, lambda _: 0.0, 1.0),
        (MIXED, lambda p: 0.1 * (p["a"] == "a"), 1.0),
    ],
)
def test_noise_is_found(
    space: SearchSpace, signal: Callable[[Params], float], noise: float, strategy: str
) -> None:
    for seed in range(2):
        rng = np.random.default_rng(seed)
        trials = told(
            strategy,
            lambda p, rng=rng: signal(p) + noise * float(rng.normal()),  # type: ignore[misc]
            space,
            trials=80,
            seed=seed,
        )
        assert [*found(trials, space)] == ["noise"]


@pytest.mark.parametrize("strategy", ["random", "tpe"])
def test_noise_of_half_the_signal_is_fine(strategy: str) -> None:
    rng = np.random.default_rng(0)
    trials = told(strategy, lambda p: sphere(p) + 0.1 * float(rng.normal()), CUBE, trials=60)
    assert "noise" not in found(trials, CUBE)


@pytest.mark.parametrize(("noise", "is_found"), [(1.0, True), (0.05, False), (0.0, False)])
def test_what_trials_with_the_same_parameters_tell_counts(noise: float, is_found: bool) -> None:
    rng = np.random.default_rng(3)
    once = told("random", lambda _: 0.0, CUBE, trials=12)
    trials = [
        replace(
            trial,
            number=3 * trial.number + turn,
            metric=float(rng.normal()) * noise + 0.3 * number(trial.params["x"]),
        )
        for trial in once
        for turn in range(3)
    ]
    assert ("noise" in found(trials, CUBE)) == is_found


def test_a_metric_in_which_nothing_but_order_is_missing_is_not_noise() -> None:
    """Waves too short to be seen from afar, and yet neighbours are alike."""
    trials = told("random", lambda p: np.sin(40.0 * number(p["x"])), cube(1), trials=120)
    assert "noise" not in found(trials, cube(1))
