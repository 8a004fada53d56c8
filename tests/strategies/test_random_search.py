from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import (
    Categorical,
    Float,
    HyperValue,
    Int,
    InvalidConfiguration,
    SearchSpace,
    Study,
)
from prefect_tuner.testing import run_trials
from tests.objective_functions import number
from tests.search_spaces import UNHURRIED, spaces


def draws(space: object, count: int, seed: int = 0) -> dict[str, list[HyperValue]]:
    study = Study(space, strategy="random", seed=seed)  # type: ignore[arg-type]
    trials = [study.ask() for _ in range(count)]
    return {
        name: [trial.params[name] for trial in trials if trial is not None] for name in study.space
    }


@UNHURRIED
@given(spaces(), st.integers(0, 2**64))
def test_every_draw_lies_within_its_bounds(space: SearchSpace, seed: int) -> None:
    study = Study(space, strategy="random", seed=seed)
    for _ in range(5):
        trial = study.ask()
        if trial is not None:
            assert space.contains(trial.params)


def test_ints_include_both_bounds_and_are_even() -> None:
    values = draws({"depth": Int(3, 5), "x": Float(0.0, 1.0)}, 3000)["depth"]
    assert set(values) == {3, 4, 5}
    assert all(900 < values.count(depth) < 1100 for depth in (3, 4, 5))


def test_floats_are_spread_evenly() -> None:
    values = draws({"x": Float(-1.0, 3.0)}, 4000)["x"]
    for quarter in range(4):
        share = sum(quarter - 1 <= number(value) < quarter for value in values)
        assert 900 < share < 1100


def test_on_a_log_scale_each_decade_gets_its_share() -> None:
    values = draws({"rate": Float(1e-4, 1.0, log=True)}, 4000)["rate"]
    for decade in range(-4, 0):
        share = sum(decade <= math.log10(number(value)) < decade + 1 for value in values)
        assert 900 < share < 1100


def test_steps_and_choices_are_kept_to() -> None:
    space = {
        "momentum": Float(0.0, 0.9, step=0.3),
        "width": Int(16, 64, step=16),
        "kind": Categorical([True, 1, "a"]),
        "x": Float(0.0, 1.0),
    }
    values = draws(space, 300)
    assert set(values["momentum"]) == {0.0, 0.3, 0.6, 0.9}
    assert set(values["width"]) == {16, 32, 48, 64}
    assert {(type(kind), kind) for kind in values["kind"]} == {(bool, True), (int, 1), (str, "a")}


def test_another_seed_gives_another_sequence() -> None:
    space = {"x": Float(0.0, 1.0)}
    assert draws(space, 5, seed=1) != draws(space, 5, seed=2)
    assert draws(space, 5, seed=1) == draws(space, 5, seed=1)


def test_a_repeated_draw_is_drawn_anew() -> None:
    # With 32 tries for each, missing one of 8 values is very unlikely before the last few.
    assert len(draws({"depth": Int(1, 8)}, 100)["depth"]) >= 7


def test_max_iters_counts_all_trials_of_the_study() -> None:
    study = Study({"x": Float(0.0, 1.0)}, strategy={"name": "random", "max_iters": 3})
    for outcome in ("failed", None, "cancelled"):
        trial = study.ask()
        assert trial is not None
        if outcome:
            study.tell(trial, outcome=outcome)
    assert study.ask() is None


@pytest.mark.parametrize("max_iters", [0, -1, 2.5, "3", True])
def test_max_iters_must_be_a_positive_whole_number(max_iters: object) -> None:
    with pytest.raises(InvalidConfiguration, match=r'"random": option max_iters must\b'):
        Study({"x": Float(0.0, 1.0)}, strategy={"name": "random", "max_iters": max_iters})


def test_a_conditional_parameter_is_drawn_where_it_is_active() -> None:
    space = {
        "booster": ["tree", "dart"],
        "rate_drop": Float(0.0, 1.0, when={"booster": ["dart"]}),
        "lr": Float(0.0, 1.0),
    }
    asked = run_trials(Study(space, strategy="random", seed=1), 1000)
    rates = [float(params["rate_drop"]) for params in asked if "rate_drop" in params]
    assert 450 < len(rates) < 550
    assert 0.45 < sum(rates) / len(rates) < 0.55
    assert sum(params["booster"] == "dart" for params in asked) == len(rates)


def test_feasible_candidates_are_drawn_evenly() -> None:
    space = SearchSpace(
        {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}, constraints=["x + y <= 1", "x <= 0.5"]
    )
    asked = run_trials(Study(space, strategy="random", seed=1), 1000)
    below = sum(float(params["y"]) <= 0.5 for params in asked)
    assert 610 < below < 720  # Two thirds of the region lie there.


def test_what_few_feasible_candidates_there_are_is_counted_out() -> None:
    space = SearchSpace({n: Int(0, 20) for n in "abc"}, constraints=["a + b + c == 60 or c > 20"])
    assert run_trials(Study(space, strategy="random"), 5) == [{"a": 20, "b": 20, "c": 20}]
    pairs = SearchSpace({n: Int(0, 99) for n in "ab"}, constraints=["a + b == 3"])
    asked = [sorted(params.items()) for params in run_trials(Study(pairs, strategy="random"), 10)]
    assert len(asked) == 4
    assert asked != sorted(asked)


def test_constraints_that_nothing_meets_are_refused_before_a_trial() -> None:
    small = SearchSpace({"a": Int(0, 9)}, constraints=["a > 9"])
    with pytest.raises(InvalidConfiguration, match=r"none of the candidates\b.*meets"):
        Study(small, strategy="random")
    large = SearchSpace({"x": Float(0.0, 1.0)}, constraints=["x > 1"])
    with pytest.raises(InvalidConfiguration, match=r"none of 32,768\b.*meets"):
        Study(large, strategy="random")
