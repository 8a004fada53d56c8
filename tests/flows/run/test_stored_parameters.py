"""What a run is started with can be stored by Prefect, and is, in the form a deployment takes."""

from __future__ import annotations

import uuid
from functools import partial
from typing import Any

import numpy as np
import pytest
from prefect import flow, tags

from prefect_tuner import (
    Categorical,
    Float,
    Int,
    InvalidConfiguration,
    Params,
    SearchSpace,
    SearchStrategy,
    TunerConfig,
    TuningObserver,
    tune,
)
from prefect_tuner.flows.run.stored_parameters import check_stored, stored_parameters
from tests.flows.flow_runs import ask_server, flow_run, run_tune
from tests.flows.objectives import value

SECRET = "x7-very-secret"
HUGE: list[tuple[dict[str, Any], str]] = [
    ({"seed": 2**127}, "seed: must fit into 64 bits, got 170141183460469231731687303715884105728"),
    ({"seed": 2**63}, "seed: must fit into 64 bits"),
    ({"seed": 1 << 10_000_000}, "seed: must fit into 64 bits, got a number of 100000"),
    ({"config": {"max_trials": 10**25}}, "config.max_trials: must fit into 64 bits"),
    ({"space": {"n": {"type": "int", "low": 0, "high": 2**70}}}, "space.n.high: must fit"),
    ({"space": {"n": [1, 2**64]}}, "space.n.1: must fit"),
    ({"space": {"n": [[2**64]]}}, "space.n.0.0: must fit"),
    ({"strategy_options": {"max_iters": 10**30}}, "strategy_options.max_iters: must fit"),
    ({"strategy": {"name": "random", "max_iters": 10**30}}, "strategy.max_iters: must fit"),
    (
        {"initial_trials": [{"params": {"value": 2**65}}]},
        "initial_trials.0.params.value: must fit",
    ),
    ({"strategy_options": {"points": float("nan")}}, "strategy_options.points: must be a finite"),
]


def runs(tag: str) -> int:
    """How many flow runs have this tag."""
    count: int = ask_server("flow_runs/count", flow_runs={"tags": {"all_": [tag]}})
    return count


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(("given", "told"), HUGE, ids=[told[:40] for _, told in HUGE])
@pytest.mark.parametrize("inside", [False, True])
def test_a_number_that_the_server_would_not_give_back_does_not_get_there(
    given: dict[str, Any], told: str, inside: bool
) -> None:
    @flow
    def pipeline() -> None:
        tune(value, **{"space": {"x": [1]}, **given})

    tag = uuid.uuid4().hex
    with tags(tag), pytest.raises(InvalidConfiguration) as raised:
        pipeline() if inside else tune(value, **{"space": {"x": [1]}, **given})
    assert told in str(raised.value)
    assert runs(tag) == inside
    assert len(ask_server("flow_runs/filter", limit=50)) > 0 or not inside  # It still answers.


@pytest.mark.usefixtures("prefect_server")
def test_the_largest_numbers_that_can_be_stored_are_taken() -> None:
    run = run_tune(value, {"x": [1.0]}, seed=2**63 - 1, max_trials=2**63 - 1)
    assert run.outcomes == ["completed"]
    assert flow_run(run.id)["parameters"]["seed"] == 2**63 - 1


class Model:
    """Holds what is no parameter of a run."""

    def __init__(self) -> None:
        self.api_key = SECRET
        self.data = list(range(100_000))

    def train(self, params: dict[str, Any]) -> float:
        return float(params["x"])


class MyStrategy(SearchStrategy):
    """A class of the user's own."""


def test_parameters_have_the_form_that_a_deployment_takes() -> None:
    stored = stored_parameters(
        {
            "objective": Model(),
            "space": {"x": Float(0.0, 1.0), "n": Int(1, 3), "kind": Categorical(["a", None])},
            "strategy": {"name": MyStrategy},
            "config": TunerConfig(max_trials=3),
            "observers": [TuningObserver(), TuningObserver, "package.module:Observer"],
            "seed": np.int64(3),
            "direction": "maximize",
        }
    )
    assert stored["objective"] == f"{__name__}:Model (instance)"
    assert (
        stored["space"]
        == SearchSpace({"x": Float(0.0, 1.0), "n": Int(1, 3), "kind": ["a", None]}).to_json()
    )
    assert stored["strategy"] == {"name": f"{__name__}:MyStrategy"}
    assert stored["config"]["max_trials"] == 3
    assert stored["observers"] == [
        "prefect_tuner.flows.observers.observer:TuningObserver (instance)",
        "prefect_tuner.flows.observers.observer:TuningObserver",
        "package.module:Observer",
    ]
    assert (stored["seed"], type(stored["seed"])) == (3, int)
    check_stored(stored)


@pytest.mark.parametrize("space", [3, {"x": object()}, {"x": 3}, [Float(0.0, 1.0)], {3: [1]}, None])
def test_a_space_that_is_wrong_is_stored_all_the_same(space: Any) -> None:
    check_stored(stored_parameters({"space": space}))


def value_of(params: Params, data: list[int], api_key: str) -> float:
    return float(params["x"])


@pytest.mark.usefixtures("prefect_server")
def test_what_an_objective_holds_is_neither_stored_nor_told() -> None:
    bound = partial(value_of, data=list(range(100_000)), api_key=SECRET)
    for objective in (Model(), bound):
        run = run_tune(objective, {"x": Float(0.0, 1.0)}, max_trials=1)
        stored = str(flow_run(run.id)["parameters"])
        assert SECRET not in stored
        assert len(stored) < 10_000
    refused: list[dict[str, Any]] = [
        {"no_such_parameter": 1},
        {"space": 3},
        {"direction": bound},
        {"seed": bound},
    ]
    for given in refused:
        arguments: dict[str, Any] = {"space": {"x": [1]}, **given}
        with pytest.raises((InvalidConfiguration, TypeError)) as raised:
            tune(bound, **arguments)
        message = str(raised.value)
        assert SECRET not in message
        assert len(message) < 2_000
