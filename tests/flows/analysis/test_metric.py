"""A metric that hardly changes, and one that is too good to be true, are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from prefect_tuner import Params, Trial
from prefect_tuner.trial import Direction
from tests.flows.analysis.studies import found, told
from tests.objective_functions import cube, sphere

CUBE = cube(3)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize(
    "objective",
    [
        lambda p, _: 0.5 + 1e-6 * sphere(p),
        lambda _, rng: 0.9 + 1e-9 * float(rng.normal()),
        lambda p, _: 1e6 + 1e-2 * sphere(p),
        lambda p, _: -3.0 - 1e-5 * sphere(p),
    ],
)
def test_a_metric_of_which_last_digits_change_is_found(
    objective: Callable[[Params, np.random.Generator], float], direction: Direction
) -> None:
    for strategy, trials in (("random", 12), ("random", 60), ("tpe", 40)):
        rng = np.random.default_rng(trials)
        study = told(
            strategy,
            lambda p, rng=rng: objective(p, rng),  # type: ignore[misc]
            CUBE,
            trials=trials,
            direction=direction,
        )
        assert "constant_metric" in found(study, CUBE, direction)


def test_small_differences_on_a_large_number_that_matter_are_fine() -> None:
    trials = told("tpe", lambda p: 100.0 + sphere(p), CUBE, trials=40)
    assert found(trials, CUBE) == {}


def test_a_metric_that_is_alike_in_the_end_because_the_search_has_converged_is_not_constant() -> (
    None
):
    trials = told("random", sphere, CUBE, trials=20)
    later = [replace(t, number=20 + t.number, metric=1e-3 + 1e-9 * t.number) for t in trials * 9]
    assert "constant_metric" not in found([*trials, *later], CUBE)


def accuracies(count: int, low: float = 0.8, high: float = 0.9) -> list[Trial]:
    rng = np.random.default_rng(count)
    return [
        replace(trial, metric=float(rng.uniform(low, high)))
        for trial in told("random", sphere, CUBE, trials=count)
    ]


def with_metric(trials: list[Trial], numbers: set[int], metric: float) -> list[Trial]:
    return [replace(t, metric=metric) if t.number in numbers else t for t in trials]


@pytest.mark.parametrize("count", [15, 40, 200])
@pytest.mark.parametrize(
    ("direction", "metric"),
    [
        ("maximize", 1.0),
        ("maximize", 1e300),
        ("maximize", 25.0),
        ("minimize", 0.0),
        ("minimize", -1e300),
        ("minimize", -3.0),
    ],
)
def test_one_metric_that_is_far_better_than_all_others_is_found(
    count: int, direction: Direction, metric: float
) -> None:
    trials = with_metric(accuracies(count), {count // 2}, metric)
    finding = found(trials, CUBE, direction)["too_good_to_be_true"]
    assert repr(metric) in finding.sentence
    others = [trial.metric or 0.0 for trial in trials if trial.metric != metric]
    assert repr(max(others) if direction == "maximize" else min(others)) in finding.sentence


@pytest.mark.parametrize("leaking", [{3}, {3, 9, 12}, set(range(5, 25))])
def test_perfect_metrics_that_leap_over_all_others_are_found(leaking: set[int]) -> None:
    trials = with_metric(accuracies(40, 0.55, 0.7), leaking, 1.0)
    assert "too_good_to_be_true" in found(trials, CUBE, "maximize")


def test_a_perfect_metric_that_others_come_near_is_fine() -> None:
    scores = [round(0.9 + 0.1 * i / 30, 4) for i in range(31)]  # Of 300 samples, all are right.
    trials = [
        replace(trial, metric=scores[trial.number])
        for trial in told("random", sphere, CUBE, trials=31)
    ]
    assert found(trials, CUBE, "maximize") == {}


def test_errors_that_are_counted_may_be_none() -> None:
    trials = told("random", lambda p: float(round(12 * sphere(p))), CUBE, trials=40)
    assert min(trial.metric or 0.0 for trial in trials) == 0.0
    assert found(trials, CUBE) == {}
