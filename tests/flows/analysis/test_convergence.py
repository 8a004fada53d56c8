"""A study to which more trials are likely to bring nothing is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prefect_tuner import Trial
from prefect_tuner.flows.analysis.case import Case
from prefect_tuner.flows.analysis.convergence import converged
from prefect_tuner.flows.analysis.models.tail import expected_gain
from prefect_tuner.goal import Goal
from prefect_tuner.trial import Direction
from tests.flows.analysis.studies import found, told
from tests.objective_functions import branin, cube, rosenbrock, sphere

CUBE = cube(2)


def with_losses(losses: list[float], sign: float) -> list[Trial]:
    trials = told("random", lambda _: 0.0, CUBE, trials=len(losses))
    return [replace(t, metric=sign * loss) for t, loss in zip(trials, losses, strict=True)]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("floor", [0.02, 0.1])
def test_a_metric_that_gets_no_better_is_found(floor: float, direction: Direction) -> None:
    sign = 1.0 if direction == "minimize" else -1.0
    trials = told(
        "tpe", lambda p: sign * max(floor, sphere(p)), CUBE, trials=100, direction=direction
    )
    finding = found(trials, CUBE, direction)["converged"]
    assert "no better metric" in finding.sentence


def test_a_floor_that_the_first_trials_have_reached_is_found_whatever_its_digits() -> None:
    rng = np.random.default_rng(0)
    trials = with_losses([0.1 + max(0.0, rng.normal()) for _ in range(150)], 1.0)
    (finding,) = converged(Case(CUBE, Goal("minimize"), trials))
    assert "no better metric" in finding.sentence


def test_what_is_luck_of_the_first_trials_is_not_taken_for_convergence() -> None:
    rng = np.random.default_rng(0)
    losses = [1.0 + 0.1 * float(rng.normal()) for _ in range(100)]
    losses[4] = 0.7
    assert not list(converged(Case(CUBE, Goal("minimize"), with_losses(losses, 1.0))))


def test_a_model_that_has_found_the_optimum_is_found() -> None:
    assert "converged" in found(told("gp", sphere, cube(4), trials=80), cube(4))


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_search_that_has_come_to_an_end_early_is_found(direction: Direction) -> None:
    rng = np.random.default_rng(0)
    falling = [1.0 / (1 + n) for n in range(20)]
    rest = [0.05 + 2e-4 * float(rng.random()) for _ in range(80)]
    trials = with_losses(falling + rest, 1.0 if direction == "minimize" else -1.0)
    assert "converged" in found(trials, CUBE, direction)


def test_random_draws_seldom_converge() -> None:
    for seed in range(10):
        trials = told("random", branin, CUBE, trials=60, seed=seed)
        assert "converged" not in found(trials, CUBE)


def test_a_search_that_goes_on_getting_better_is_fine() -> None:
    trials = told("tpe", rosenbrock, cube(4), trials=80)
    assert "converged" not in found(trials, cube(4))
    falling = with_losses([1.0 - 0.01 * n for n in range(80)], 1.0)
    assert "converged" not in found(falling, CUBE)


@pytest.mark.parametrize(
    ("tail_ends", "most"), [(False, 2.5), (True, 12.0)], ids=["endless", "with an end"]
)
def test_the_expected_gain_is_what_as_many_trials_again_bring_or_more(
    tail_ends: bool, most: float
) -> None:
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(300):
        losses = rng.exponential(size=200)
        losses = losses if tail_ends else np.log(losses)
        gains.append((expected_gain(losses[:100]), losses[:100].min() - losses.min()))
    expected, came = np.mean(gains, axis=0)
    assert came < expected < most * came
