"""Parameters that make no difference are found."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest

from prefect_tuner import Float, Int, Params, SearchSpace
from prefect_tuner.flows.analysis.doctor import diagnose
from prefect_tuner.flows.analysis.models.surrogate import Surrogate
from prefect_tuner.goal import Goal
from prefect_tuner.search_space.parameters import Parameter
from tests.flows.analysis.studies import found, told
from tests.objective_functions import cube, number, sphere

USED = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}
UNUSED: Mapping[str, Parameter | list[str]] = {
    "share": Float(0.0, 1.0),
    "rate": Float(1e-6, 1.0, log=True),
    "seed": Int(0, 1000),
    "kind": ["a", "b", "c"],
}


def of_used(params: Params) -> float:
    return sphere({name: params[name] for name in USED})


@pytest.mark.parametrize(
    ("unused", "strategy"),
    [
        (["share"], "random"),
        (["rate"], "random"),
        (["seed"], "random"),
        (["kind"], "random"),
        (["kind", "seed"], "random"),
        (["kind", "share"], "gp"),
        (["share"], "tpe"),
        (["kind", "rate"], "tpe"),
    ],
)
def test_parameters_that_the_objective_does_not_use_are_found(
    unused: list[str], strategy: str
) -> None:
    space = SearchSpace({**USED, **{name: UNUSED[name] for name in unused}})
    finding = found(told(strategy, of_used, space, trials=60), space)["parameter_without_effect"]
    assert all(name in finding.sentence for name in unused)
    assert not any(f"{name} " in finding.sentence for name in USED)
    assert finding.parameter == (unused[0] if len(unused) == 1 else "")


@pytest.mark.parametrize("strategy", ["random", "tpe"])
def test_two_parameters_of_which_each_can_stand_in_for_the_other_are_not_both_called_useless(
    strategy: str,
) -> None:
    space = SearchSpace({**USED, "copy": Float(0.0, 1.0)})
    trials = [
        replace(trial, params={**trial.params, "copy": trial.params["x"]})
        for trial in told(strategy, of_used, SearchSpace(USED), trials=60)
    ]
    finding = found(trials, space).get("parameter_without_effect")
    assert finding is None or finding.parameter in ("x", "copy")


def test_an_effect_is_at_most_what_is_said_of_it_but_for_bad_luck() -> None:
    space = cube(3)
    share = 0.01  # Of the variance that the other two make, and noise as much.
    missed = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        trials = told("random", lambda _: 0.0, space, trials=60, seed=seed)
        x, y, z = (np.array([number(trial.params[name]) for trial in trials]) for name in "xyz")
        others = 6.0 * (x - 0.4) ** 2 + 6.0 * (y - 0.6) ** 2
        slope = z * np.sqrt(12.0 * share * others.var())
        losses = others + slope + rng.normal(size=60) * np.sqrt(share * others.var())
        surrogate = Surrogate.of(space, trials, losses)
        assert surrogate is not None
        restricted = surrogate.without({"z"})
        values = [trial.params["z"] for trial in trials]
        first, *_ = restricted.traces(space["z"], np.ones(60, dtype=bool), values)
        assert first.sureness > 3.0
        missed.append(first.most < share * others.var() / losses.var())
    assert sum(missed) <= 2


def test_it_is_found_in_what_is_no_sum_of_effects_and_noisy() -> None:
    space = SearchSpace({**USED, "share": Float(0.0, 1.0)})
    rng = np.random.default_rng(0)
    trials = told(
        "random",
        lambda p: -math.exp(-3.0 * of_used(p)) + 0.01 * float(rng.normal()),
        space,
        trials=120,
    )
    assert found(trials, space)["parameter_without_effect"].parameter == "share"


def test_a_conditional_one_is_found() -> None:
    space = SearchSpace(
        {
            "x": Float(0.0, 1.0),
            "kind": ["sgd", "adam"],
            "momentum": Float(0.0, 1.0, when={"kind": ["sgd"]}),
        }
    )
    trials = told(
        "random",
        lambda p: (number(p["x"]) - 0.4) ** 2 + 0.2 * (p["kind"] == "sgd"),
        space,
        trials=100,
    )
    assert found(trials, space)["parameter_without_effect"].parameter == "momentum"


@pytest.mark.parametrize(
    "objective",
    [
        lambda x, y, z: (x - 0.4) ** 2 + (y - 0.6) ** 2 + 0.1 * (z - 0.45) ** 2,
        lambda x, y, z: (x - 0.4) ** 2 + (y - 0.6) ** 2 + 0.03 * abs(z - 0.45),
        # What one of them does depends on the other: neither does anything on average.
        lambda x, y, z: (x - 0.5) * (y - 0.5) + 0.3 * (z - 0.4) ** 2,
        lambda x, y, z: math.sin(8 * x) * math.sin(8 * y) + z,
        lambda x, y, z: (x - 0.4) ** 2 + (y > 0.7) * (z - 0.5) ** 2,
    ],
)
@pytest.mark.parametrize("strategy", ["random", "tpe"])
def test_small_effects_and_those_that_depend_on_others_are_fine(
    objective: Callable[[float, float, float], float], strategy: str
) -> None:
    for seed in range(2):
        trials = told(
            strategy, lambda p: objective(*map(number, p.values())), cube(3), trials=80, seed=seed
        )
        findings = diagnose(cube(3), Goal("minimize"), trials)
        assert "parameter_without_effect" not in [each.check for each in findings]
