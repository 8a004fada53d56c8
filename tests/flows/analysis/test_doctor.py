"""The doctor finds what is wrong with a study, and nothing wrong with a healthy one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prefect_tuner import Float, Int, Outcome, Params, SearchSpace, Trial
from prefect_tuner.flows.analysis.doctor import diagnose
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.goal import Goal
from prefect_tuner.trial import Direction
from tests.flows.analysis import studies
from tests.objective_functions import ackley, cube, hartmann, network, number, rosenbrock, sphere

SPACE = SearchSpace(
    {
        "rate": Float(1e-5, 1.0, log=True),
        "drop": Float(0.0, 0.9),
        "depth": Int(1, 12),
        "width": Int(8, 1024, log=True),
        "kind": ["adam", "sgd", "lion"],
        "momentum": Float(0.0, 1.0, when={"kind": ["sgd"]}),
    }
)
NETWORK = SearchSpace(
    {
        "rate": Float(1e-6, 1.0, log=True),
        "width": Int(8, 1024, log=True),
        "depth": Int(1, 10),
        "decay": Float(1e-8, 1e-1, log=True),
        "solver": ["sgd", "adam", "lion"],
    }
)
STRATEGIES = ["random", "tpe", "gp"]


def loss(params: Params) -> float:
    """Least at a rate of 0.003, a drop of 0.4, a depth of 6; of `adam`."""
    wrong_kind = {"adam": 0.0, "sgd": 0.3, "lion": 0.5}[str(params["kind"])]
    return (
        (math.log10(number(params["rate"])) + 2.5) ** 2
        + 4.0 * (number(params["drop"]) - 0.4) ** 2
        + 0.02 * abs(number(params["depth"]) - 6)
        + wrong_kind
    )


def told(strategy: str, objective: Callable[[Params], float | str], **how: Any) -> list[Trial]:
    return studies.told(strategy, objective, SPACE, **how)


def found(trials: list[Trial], direction: Direction = "minimize") -> dict[str, Finding]:
    return studies.found(trials, SPACE, direction)


def healthy() -> Iterator[tuple[str, Callable[[Params], float | str], SearchSpace]]:
    noise = np.random.default_rng(1)
    yield "a network", loss, SPACE
    yield "one parameter alone", lambda p: (math.log10(number(p["rate"])) + 2.5) ** 2, SPACE
    yield "noise", lambda p: loss(p) + 0.5 * float(noise.normal()), SPACE
    yield "nothing but noise", lambda _: float(noise.normal()), SPACE
    yield (
        "failures anywhere",
        lambda p: "ValueError: bad luck" if noise.random() < 0.15 else loss(p),
        SPACE,
    )
    yield "few metrics", lambda p: round(loss(p)), SPACE
    yield "another network", network, NETWORK
    yield "sphere", sphere, cube(4)
    yield "ackley", ackley, cube(5)
    yield "rosenbrock", rosenbrock, cube(4)
    yield "hartmann", hartmann, cube(6)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("case", [*healthy()], ids=lambda case: case[0])
def test_nothing_is_wrong_with_a_healthy_study(
    strategy: str, case: tuple[str, Callable[[Params], float], SearchSpace]
) -> None:
    _, objective, space = case
    for seed in range(1 if strategy == "gp" else 2):  # It takes its time.
        for count in (12, 40):
            trials = studies.told(strategy, objective, space, trials=count, seed=seed)
            assert diagnose(space, Goal("minimize"), trials) == []


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_a_best_value_at_the_end_of_a_range_is_found(strategy: str, direction: Direction) -> None:
    sign = 1.0 if direction == "minimize" else -1.0
    trials = told(
        strategy,
        lambda p: sign * (abs(math.log10(number(p["rate"])) + 7.0) + abs(number(p["drop"]) - 0.4)),
        trials=80,
        direction=direction,
    )
    finding = found(trials, direction=direction)["best_at_bound"]
    assert finding.parameter == "rate"
    assert "smallest" in finding.sentence
    assert finding.space["rate"]["low"] == pytest.approx(1e-6)
    assert finding.space["rate"]["high"] == 1.0
    assert {**finding.space, "rate": None} == {**SPACE.to_json(), "rate": None}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_best_whole_number_at_the_end_of_its_range_is_found(strategy: str) -> None:
    finding = found(told(strategy, lambda p: abs(number(p["drop"]) - 0.4) - number(p["depth"])))[
        "best_at_bound"
    ]
    assert finding.space["depth"] == {"type": "int", "low": 1, "high": 17}


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_failures_in_one_part_of_the_space_are_found_with_the_rest_of_it(strategy: str) -> None:
    message = "RuntimeError: out of memory at 0.02"
    # `tpe` keeps away from what fails: in some of its studies too few do to say why.
    trials = told(strategy, lambda p: message if number(p["rate"]) > 0.01 else loss(p), seed=1)
    finding = found(trials)["failures_in_region"]
    assert finding.parameter == "rate"
    assert message in finding.sentence
    high = finding.space["rate"]["high"]
    assert 1e-3 < high <= 0.01
    assert f"rate > {high!r}" in finding.sentence


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_failures_of_one_choice_are_found(strategy: str) -> None:
    finding = found(told(strategy, lambda p: "no lion" if p["kind"] == "lion" else loss(p)))[
        "failures_in_region"
    ]
    assert "kind = 'lion'" in finding.sentence
    assert finding.space["kind"]["choices"] == ["adam", "sgd"]


def test_slow_trials_in_one_part_of_the_space_are_found() -> None:
    trials = [
        replace(trial, duration=60.0 if number(trial.params["width"]) > 300 else 5.0)
        for trial in told("random", loss)
    ]
    finding = found(trials)["slow_region"]
    assert finding.parameter == "width"
    assert finding.space["width"]["high"] <= 300
    assert "60 s, and others 5 s" in finding.sentence


def test_trials_that_take_longer_the_larger_they_are_are_no_finding() -> None:
    trials = [
        replace(trial, duration=number(trial.params["depth"])) for trial in told("random", loss)
    ]
    assert found(trials) == {}


def test_one_error_in_all_trials_is_found_and_nothing_else_is_said() -> None:
    trials = told("random", lambda p: f"KeyError: {number(p['rate']):g}", trials=5)
    ((check, finding),) = found(trials).items()
    assert check == "same_error"
    assert trials[-1].message in finding.sentence


@pytest.mark.parametrize(("changed", "told_of"), [(0, "all 40 trials"), (3, "37 of 40 trials")])
def test_a_metric_that_hardly_changes_is_found(changed: int, told_of: str) -> None:
    trials = [
        replace(trial, metric=0.5 if trial.number >= changed else 0.1 * trial.number)
        for trial in told("random", loss, trials=40)
    ]
    assert f"{told_of} have the metric 0.5" in found(trials)["constant_metric"].sentence


def test_trials_that_run_or_were_cancelled_tell_nothing() -> None:
    trials = told("random", loss, trials=20)
    others = [
        replace(trial, outcome=outcome, metric=None, message="stopped")
        for trial in trials
        for outcome in (None, Outcome.CANCELLED)
    ]
    assert diagnose(SPACE, Goal("minimize"), [*trials, *others]) == []
    assert diagnose(SPACE, Goal("minimize"), []) == []
