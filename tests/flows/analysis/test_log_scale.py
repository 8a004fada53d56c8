"""A range that is better searched on a logarithmic scale is found."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from prefect_tuner import Float, Int, SearchSpace
from prefect_tuner.flows.analysis.doctor import diagnose
from prefect_tuner.goal import Goal
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.trial import Direction
from tests.flows.analysis.studies import told
from tests.objective_functions import number


@pytest.mark.parametrize("strategy", ["random", "tpe"])
@pytest.mark.parametrize(
    ("parameter", "best", "direction"),
    [
        (Float(1e-5, 1.0), 1e-3, "minimize"),
        (Float(1e-5, 1.0), 1e-2, "maximize"),
        (Int(1, 10_000), 60, "minimize"),
        (Float(0.001, 1.0, step=0.001), 0.01, "minimize"),
    ],
)
def test_it_is_found_with_the_space_to_try(
    parameter: Parameter, best: float, direction: Direction, strategy: str
) -> None:
    space = SearchSpace({"rate": parameter, "drop": Float(0.0, 0.9)})
    sign = 1.0 if direction == "minimize" else -1.0
    rng = np.random.default_rng(0)
    trials = told(
        strategy,
        lambda p: (
            sign
            * (
                math.log10(number(p["rate"]) / best) ** 2
                + (number(p["drop"]) - 0.4) ** 2
                + 0.02 * float(rng.normal())
            )
        ),
        space,
        direction=direction,
    )
    findings = diagnose(space, Goal(direction), trials)
    (finding,) = [each for each in findings if each.parameter == "rate"]
    assert finding.check == "log_scale_advisable"
    advised = SearchSpace(finding.space)["rate"]
    assert isinstance(advised, Float | Int)
    assert advised.log
    assert (advised.low, advised.high) == (space["rate"].low, space["rate"].high)  # type: ignore[union-attr]


def trees(rate: float, rounds: float, depth: float) -> float:
    """Boosted ones: the best rate depends on how many rounds there are."""
    pace = math.log10(rate) + 0.5 * math.log10(rounds / 300)
    return 1.0 - math.exp(-((pace + 1.6) ** 2)) + 0.1 * abs(depth - 6)


@pytest.mark.parametrize("strategy", ["random", "tpe"])
def test_it_is_found_where_other_parameters_matter_more(strategy: str) -> None:
    space = SearchSpace(
        {"rate": Float(1e-3, 1.0), "rounds": Int(50, 2000, log=True), "depth": Int(1, 16)}
    )
    trials = told(strategy, lambda p: trees(*map(number, p.values())), space, trials=80)
    findings = diagnose(space, Goal("minimize"), trials)
    (finding,) = [each for each in findings if each.check == "log_scale_advisable"]
    assert finding.parameter == "rate"


WIDE = SearchSpace({"x": Float(1e-3, 1.0), "y": Float(1e-2, 1.0), "n": Int(1, 500)})


@pytest.mark.parametrize("strategy", ["random", "tpe"])
@pytest.mark.parametrize(
    "loss",
    [
        lambda x, y, n: x + (y - 0.4) ** 2 + abs(n - 200) / 400,
        lambda x, y, n: 4 * (x - 0.06) ** 2 + (y - 0.4) ** 2 + abs(n - 200) / 400,
        lambda x, y, n: (x - 0.5) ** 2 + (y - 0.4) ** 2 + n / 300,
        lambda x, y, n: (x - 0.5) * (y - 0.5) + ((n - 200) / 400) ** 2,
    ],
)
def test_low_values_of_which_the_distance_counts_are_fine(
    loss: Callable[[float, float, float], float], strategy: str
) -> None:
    for seed in range(2):
        trials = told(strategy, lambda p: loss(*map(number, p.values())), WIDE, seed=seed)
        findings = diagnose(WIDE, Goal("minimize"), trials)
        assert "log_scale_advisable" not in [each.check for each in findings]
