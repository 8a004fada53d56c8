from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from prefect_tuner import (
    Categorical,
    Float,
    Int,
    InvalidConfiguration,
    Params,
    SearchSpace,
    Study,
    make_strategy,
)
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.encoding.user_prior import UserPrior

SPACE = SearchSpace(
    {
        "lr": Float(1e-6, 1.0, log=True),
        "depth": Int(1, 40),
        "booster": ["tree", "dart", "linear"],
        "drop": Float(0.0, 1.0, when={"booster": "dart"}),
        "size": Categorical(["s", "m", "l"], ordered=True),
        "flag": [True, 1],
        "only": [5],
    }
)
RIGHT: dict[str, Any] = {
    "lr": {"center": 1e-3, "spread": 0.1},
    "depth": {"center": 12, "spread": 0.1},
    "booster": {"dart": 20, "tree": 1},
    "drop": {"center": 0.2},
    "size": {"m": 5},
    "flag": {"1": 9.0},
}
WRONG: dict[str, Any] = {
    "lr": {"center": 1e-6, "spread": 0.1},
    "depth": {"center": 40, "spread": 0.1},
    "booster": {"linear": 20},
    "size": {"l": 5, "m": 0.2},
}


def loss(params: Params) -> float:
    values: dict[str, Any] = dict(params)
    return float(
        (math.log10(values["lr"]) + 3.0) ** 2
        + 0.02 * (values["depth"] - 12) ** 2
        + {"tree": 1.0, "dart": 0.0, "linear": 3.0}[values["booster"]]
        + 5.0 * (values.get("drop", 0.2) - 0.2) ** 2
        + {"s": 0.5, "m": 0.0, "l": 1.0}[values["size"]]
        + (0.0 if type(values["flag"]) is int else 0.3)
    )


def best_after(trials: int, prior: dict[str, Any] | None, seed: int) -> float:
    study = Study(SPACE, {"name": "gp", "prior": prior}, seed=seed)
    for _ in range(trials):
        trial = study.ask()
        assert trial is not None
        study.tell(trial, loss(trial.params))
    assert study.best_metric is not None
    return study.best_metric


def prior(given: dict[str, Any]) -> UserPrior:
    return UserPrior(SPACE, Encoding(SPACE), given)


def test_a_right_prior_leads_to_the_optimum_in_fewer_trials() -> None:
    with_prior = [best_after(8, RIGHT, seed) for seed in range(3)]
    without = [best_after(12, None, seed) for seed in range(3)]
    assert max(with_prior) < min(without)


def test_a_wrong_prior_is_forgotten() -> None:
    assert best_after(10, WRONG, seed=0) > 2.0
    assert sum(best_after(70, WRONG, seed) < 0.05 for seed in range(3)) >= 2


def test_the_initial_design_follows_the_prior() -> None:
    study = Study(SPACE, {"name": "gp", "prior": RIGHT, "initial": 40}, seed=1)
    asked = [trial.params for trial in (study.ask() for _ in range(40)) if trial]
    near = [1e-4 < float(params["lr"]) < 1e-2 for params in asked]
    assert 30 <= sum(near) <= 39
    # 20 of the weights are those of dart, 1 is that of tree, and 1 of linear, which is not told.
    assert 30 <= sum(params["booster"] == "dart" for params in asked) <= 38
    assert all(SPACE.contains(params) for params in asked)


def test_the_density_is_one_over_the_whole_space() -> None:
    points = np.random.default_rng(0).random((20_000, len(Encoding(SPACE).axes)))
    codes = Encoding(SPACE).from_unit_cube(points)
    assert np.exp(prior(RIGHT).log_density(codes)[0]).mean() == pytest.approx(1.0, abs=0.15)


def test_what_is_drawn_from_the_prior_has_its_density() -> None:
    drawn = prior(RIGHT).codes_at(np.random.default_rng(1).random((20_000, 6)))
    names = [axis.name for axis in Encoding(SPACE).axes]
    lr, booster = drawn[:, names.index("lr")], drawn[:, names.index("booster")]
    assert np.mean(booster == 1.0) == pytest.approx(0.9 * 20 / 22 + 0.1 / 3, abs=0.01)
    # A tenth is uniform; of the rest, two thirds lie within one spread of the centre.
    assert np.mean(np.abs(lr - 0.5) < 0.1) == pytest.approx(0.9 * 0.6827 + 0.1 * 0.2, abs=0.015)


def test_the_gradient_of_the_prior_is_that_of_its_logarithm() -> None:
    rng = np.random.default_rng(2)
    codes = Encoding(SPACE).from_unit_cube(rng.random((30, 6)))
    gradient = prior(RIGHT).log_density(codes)[1]
    for j, axis in enumerate(Encoding(SPACE).axes):
        moves = 1e-6 * np.eye(6)[j]
        change = prior(RIGHT).log_density(codes + moves)[0]
        change = (change - prior(RIGHT).log_density(codes - moves)[0]) / 2e-6
        if axis.has_order and axis.name != "size":
            assert np.allclose(gradient[:, j], change, atol=1e-4)


def test_a_prior_is_kept_from_call_to_call_and_by_another_strategy_object() -> None:
    study = Study(SPACE, {"name": "gp", "prior": RIGHT}, seed=4)
    for _ in range(12):
        trial = study.ask()
        assert trial is not None
        study.tell(trial, loss(trial.params))
    again = make_strategy({"name": "gp", "prior": RIGHT}, SPACE, "minimize", 4)
    assert again.next_candidate(study.history) == study.strategy.next_candidate(study.history)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"lr_": {"center": 1.0}}, "option prior.lr_ is not known, did you mean 'lr'"),
        ({"lr": {"spread": 0.1}}, "option prior.lr: must hold a center, and may hold a spread"),
        ({"lr": {"center": 2.0}}, "option prior.lr: center must lie between 1e-06 and 1.0"),
        ({"lr": {"center": math.nan}}, "option prior.lr: center must lie between"),
        ({"lr": {"center": 0.1, "spread": 0}}, "option prior.lr: spread must lie between 0.001"),
        ({"booster": {"dert": 1}}, "option prior.booster: 'dert' is not known, did you mean 'dar"),
        ({"booster": {"dart": 0}}, "the weight of 'dart' must be a finite number above 0, got 0"),
        ({"booster": {}}, "option prior.booster: must hold weights of choices"),
        ({"depth": {"center": "3"}}, "option prior.depth.center must be"),
        ({"booster": 3}, "option prior.booster must be"),
    ],
)
def test_a_mistake_in_a_prior_is_named(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        make_strategy({"name": "gp", "prior": given}, SPACE)
    assert message in str(caught.value)


def test_a_text_that_stands_for_two_choices_is_refused() -> None:
    space = {"k": [1, "1", "two"]}
    with pytest.raises(InvalidConfiguration, match=r"'1' .*more than one\b"):
        make_strategy({"name": "gp", "prior": {"k": {"1": 2.0}}}, space)
    Study(space, {"name": "gp", "prior": {"k": {"two": 2.0}}})


def test_a_parameter_of_one_value_may_have_a_prior() -> None:
    space = {"x": Float(0.5, 0.5), "k": ["only"], "n": Int(3, 3), "z": Float(0.0, 1.0)}
    given = {"x": {"center": 0.5}, "k": {"only": 2.0}, "n": {"center": 3}}
    assert Study(space, {"name": "gp", "prior": given}).ask() is not None
