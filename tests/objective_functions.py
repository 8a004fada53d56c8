"""Objectives whose optimum is known, spaces for them, and studies of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from prefect_tuner import Categorical, Float, HyperValue, Int, Params, SearchSpace, Study

SPACE = SearchSpace(
    {
        "rate": Float(1e-4, 1.0, log=True),
        "momentum": Float(0.0, 0.9, step=0.1),
        "depth": Int(2, 10),
        "width": Int(16, 4096, log=True),
        "size": Categorical(["s", "m", "l"], ordered=True),
        "kind": [True, 1, 1.0, "one"],
    }
)


def number(value: HyperValue) -> float:
    assert isinstance(value, int | float)
    return float(value)


def quadratic(params: Params) -> float:
    kinds = {"bool": 0.3, "int": 0.0, "float": 0.5, "str": 1.0}
    return (
        (math.log10(number(params["rate"])) + 2.0) ** 2
        + 4.0 * (number(params["momentum"]) - 0.6) ** 2
        + 0.1 * abs(number(params["depth"]) - 5)
        + 0.2 * abs(math.log2(number(params["width"])) - 8)
        + ["m", "l", "s"].index(str(params["size"]))
        + kinds[type(params["kind"]).__name__]
    )


def of_booster(params: Params) -> float:
    """Best with `dart` that drops about a third, and a depth of 14."""
    metric = 0.2 * (math.log10(number(params["rate"])) + 2.0) ** 2
    if params["booster"] == "linear":
        return metric + 1.0
    metric += 0.02 * abs(number(params["depth"]) - (14 if params["booster"] == "dart" else 30))
    if params["booster"] == "tree":
        return metric + 0.25
    return metric + (4.0 * (number(params["drop"]) - 0.3) ** 2 if params["is_dropping"] else 0.3)


def branin(params: Params) -> float:
    x, y = 15.0 * number(params["x"]) - 5.0, 15.0 * number(params["y"])
    valley = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return valley**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def ackley(params: Params) -> float:
    x = 30.0 * (np.array([number(value) for value in params.values()]) - 0.4)
    waves = math.exp(np.cos(2 * math.pi * x).mean())
    return 20.0 - 20.0 * math.exp(-0.2 * math.sqrt((x**2).mean())) - waves


def rosenbrock(params: Params) -> float:
    x = 4.0 * np.array([number(value) for value in params.values()]) - 2.0
    return float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


def sphere(params: Params) -> float:
    return sum((number(value) - 0.3) ** 2 for value in params.values())


def hartmann(params: Params) -> float:
    """The Hartmann function in 6 dimensions (Dixon and Szegö 1978)."""
    x = np.array([number(params[name]) for name in sorted(params)])
    weights = np.array([1.0, 1.2, 3.0, 3.2])
    scales = np.array(
        [
            [10.0, 3.0, 17.0, 3.5, 1.7, 8.0],
            [0.05, 10.0, 17.0, 0.1, 8.0, 14.0],
            [3.0, 3.5, 1.7, 10.0, 17.0, 8.0],
            [17.0, 8.0, 0.05, 10.0, 0.1, 14.0],
        ]
    )
    centres = 1e-4 * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    )
    return -float(weights @ np.exp(-np.sum(scales * (x - centres) ** 2, axis=1)))


def network(params: Params) -> float:
    """What tuning a network is like: a rate with an optimum that depends on the solver."""
    best = {"sgd": -1.5, "adam": -3.0, "lion": -3.7}[str(params["solver"])]
    rate = (math.log10(number(params["rate"])) - best) ** 2
    width = (math.log2(number(params["width"])) - 7.0) ** 2 / 4.0
    depth = abs(number(params["depth"]) - 4.0) / 2.0
    decay = (math.log10(number(params["decay"])) + 4.0) ** 2 / 8.0
    return rate + width + depth + decay + 0.3 * float(params["solver"] != "adam")


def steps(params: Params) -> float:
    return sum(abs(number(value) - 7 * (i + 1)) for i, value in enumerate(params.values()))


def support_vectors(params: Params) -> float:
    """What tuning a support vector machine is like: three subtrees."""
    penalty = (math.log10(number(params["C"])) - 1.0) ** 2 / 4.0
    if params["kernel"] == "linear":
        return 1.0 + penalty
    gamma = (math.log10(number(params["gamma"])) + 2.0) ** 2
    if params["kernel"] == "rbf":
        return gamma + penalty
    return 0.5 + gamma + penalty + abs(number(params["degree"]) - 3.0)


def solvers(params: Params) -> float:
    """Best with the branch that has the fewest parameters; the others are never as good."""
    metric = 0.1 * (math.log10(number(params["decay"])) + 4.0) ** 2
    if params["solver"] == "direct":
        return metric + abs(number(params["rounds"]) - 0.3)
    metric += 0.3 + 0.2 * (math.log10(number(params["rate"])) + 3.0) ** 2
    if params["solver"] == "adaptive":
        return metric + (number(params["beta"]) - 0.8) ** 2
    return metric + number(params["momentum"]) ** 2 + abs(number(params["power"]) - 0.5)


def cube(axes: int) -> SearchSpace:
    return SearchSpace({name: Float(0.0, 1.0) for name in "xyzuvw"[:axes]})


def run_study(
    strategy: str,
    objective: Callable[[Params], float],
    space: Any,
    trials: int,
    seed: int = 0,
    **options: Any,
) -> Study:
    """A study of so many trials, one after the other, by a strategy with some options."""
    study = Study(space, strategy={"name": strategy, **options}, seed=seed)
    for _ in range(trials):
        trial = study.ask()
        assert trial is not None
        study.tell(trial, objective(trial.params))
    return study
