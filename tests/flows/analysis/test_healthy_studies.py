"""The doctor finds nothing wrong with healthy studies of many kinds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from prefect_tuner import Float, Int, Params, SearchSpace
from prefect_tuner.flows.analysis.doctor import diagnose
from prefect_tuner.goal import Goal
from prefect_tuner.trial import Direction
from tests.flows.analysis.studies import told
from tests.objective_functions import branin, cube, number, support_vectors

SVM = SearchSpace(
    {
        "kernel": ["linear", "rbf", "poly"],
        "C": Float(1e-3, 1e3, log=True),
        "gamma": Float(1e-5, 10.0, log=True, when={"kernel": ["rbf", "poly"]}),
        "degree": Int(1, 6, when={"kernel": ["poly"]}),
    }
)
CHOICES = SearchSpace(
    {"a": ["a", "b", "c"], "b": ["p", "q", "r", "s"], "c": [True, False], "d": [1, 2, 3, 4]}
)
WHOLE = SearchSpace({"n": Int(1, 50), "m": Int(16, 1024, log=True), "k": Int(1, 9)})
MODEL = SearchSpace(
    {
        "rate": Float(1e-5, 1.0, log=True),
        "decay": Float(1e-6, 1e-1, log=True),
        "units": Int(8, 512, log=True),
        "activation": ["relu", "tanh"],
    }
)
LINEAR = SearchSpace({"drop": Float(0.005, 0.9), "trees": Int(10, 1000), "x": Float(-1.0, 1.0)})


@dataclass(frozen=True)
class Healthy:
    name: str
    space: SearchSpace
    loss: Callable[[Params], float]
    noise: float = 0.0
    trials: int = 40


def of_choices(params: Params) -> float:
    return (
        {"a": 0.0, "b": 0.31, "c": 0.92}[str(params["a"])]
        + {"p": 0.52, "q": 0.13, "r": 0.04, "s": 0.71}[str(params["b"])]
        + (0.25 if params["c"] else 0.0)
        + 0.11 * abs(number(params["d"]) - 2)
    )


def of_whole(params: Params) -> float:
    n, m, k = (number(params[name]) for name in "nmk")
    return abs(n - 21) / 10 + abs(math.log2(m) - 7.3) + 0.1 * (k - 4) * (k - 4)


def error_rate(params: Params) -> float:
    rate = 0.06 * (math.log10(number(params["rate"])) + 2.5) ** 2
    decay = 0.01 * (math.log10(number(params["decay"])) + 4.0) ** 2
    units = 0.004 * (math.log2(number(params["units"])) - 7.0) ** 2
    slower = 0.01 if params["activation"] == "tanh" else 0.0
    return float(1.0 - 0.93 * math.exp(-rate - decay - units) + slower)


def unimportant(params: Params) -> float:
    """The third parameter explains a hundredth of the differences."""
    x, y, z = (number(value) for value in params.values())
    return (x - 0.4) ** 2 + 0.5 * (y - 0.6) ** 2 + 0.1 * (z - 0.45) ** 2


def valley(params: Params) -> float:
    x, y, z = (number(value) for value in params.values())
    return (x + y - 0.8) ** 2 + 0.3 * (x - y) ** 2 + (z - 0.4) ** 2


def waves(params: Params) -> float:
    return sum(
        (6 * number(v) - 2) ** 2 - 5 * math.cos(6 * (6 * number(v) - 2)) for v in params.values()
    )


def low_but_linear(params: Params) -> float:
    """Good values of a wide range are low ones, and yet it is the distance to them that counts."""
    return (
        4.0 * (number(params["drop"]) - 0.06) ** 2
        + abs(number(params["trees"]) - 400) / 400
        + number(params["x"]) ** 2
    )


def reward(params: Params) -> float:
    return -500.0 * math.exp(-6.0 * sum((number(v) - 0.3) ** 2 for v in params.values()))


def nll(params: Params) -> float:
    return 1234.0 + valley(params)


HEALTHY = [
    Healthy("short", SVM, support_vectors, trials=10),
    Healthy("short and noisy", MODEL, error_rate, noise=0.02, trials=20),
    Healthy("short, of choices", CHOICES, of_choices, trials=15),
    # With ten trials more, the search has converged, and is told to have.
    Healthy("conditional", SVM, support_vectors, trials=50),
    Healthy("conditional and noisy", SVM, support_vectors, noise=0.3, trials=60),
    Healthy("choices", CHOICES, of_choices, trials=50),
    Healthy("choices and noise", CHOICES, of_choices, noise=0.1, trials=50),
    Healthy("whole numbers", WHOLE, of_whole, trials=60),
    Healthy("whole numbers and noise", WHOLE, of_whole, noise=0.3, trials=60),
    Healthy("error rate", MODEL, error_rate, trials=60),
    Healthy("noisy error rate", MODEL, error_rate, noise=0.01, trials=60),
    Healthy("unimportant", cube(3), unimportant, trials=60),
    Healthy("unimportant and noisy", cube(3), unimportant, noise=0.03, trials=60),
    Healthy("valley", cube(3), valley),
    Healthy("waves", cube(3), waves, trials=60),
    Healthy("low but linear", LINEAR, low_but_linear, trials=60),
    Healthy("reward", cube(3), reward, noise=20.0, trials=60),
    Healthy("large and close", cube(3), nll),
    Healthy(
        "one parameter", SearchSpace({"x": Float(0.0, 1.0)}), lambda p: (number(p["x"]) - 0.37) ** 2
    ),
    Healthy("branin", cube(2), branin),
]


def cases() -> Iterator[tuple[Healthy, str, Direction, int]]:
    """Each with two strategies, towards either direction, sequential and 4 at a time."""
    for place, study in enumerate(HEALTHY):
        directions: list[Direction] = ["minimize", "maximize"]
        for turn, strategy in enumerate(["random", "tpe"]):
            yield study, strategy, directions[(place + turn) % 2], 1 if place % 4 < 2 else 4
        if place % 5 == 0:
            yield study, "gp", directions[place % 2], 4


@pytest.mark.parametrize(
    ("study", "strategy", "direction", "at_a_time"),
    [*cases()],
    ids=lambda case: case.name if isinstance(case, Healthy) else str(case),
)
def test_nothing_is_wrong(
    study: Healthy, strategy: str, direction: Direction, at_a_time: int
) -> None:
    sign = 1.0 if direction == "minimize" else -1.0
    is_slow = strategy == "gp"
    for seed in (3,) if is_slow else (3, 4):
        noise = np.random.default_rng(seed)
        trials = told(
            strategy,
            lambda p, rng=noise: sign * (study.loss(p) + study.noise * float(rng.normal())),  # type: ignore[misc]
            study.space,
            trials=min(study.trials, 40) if is_slow else study.trials,
            seed=seed,
            direction=direction,
            at_a_time=at_a_time,
        )
        assert diagnose(study.space, Goal(direction), trials) == []
