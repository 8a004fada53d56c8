"""The importance of parameters is that of the papers, and says what a person would."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, Int, Outcome, SearchSpace, Trial
from prefect_tuner.flows.analysis.doctor import diagnose
from prefect_tuner.flows.analysis.importance import importance
from prefect_tuner.goal import Goal
from prefect_tuner.testing.spaces import search_spaces
from prefect_tuner.trial import Direction
from tests.flows.analysis.optuna_importance import by_optuna

SPACE = SearchSpace(
    {
        "rate": Float(1e-5, 1e-1, log=True),
        "drop": Float(0.0, 0.9),
        "decay": Float(0.0, 1.0, step=0.05),
        "depth": Int(1, 12),
        "width": Int(8, 4096, log=True),
        "batch": Int(16, 256, step=16),
        "kind": Categorical(["adam", 1, 1.0, True, None, [64, 32]]),
        "momentum": Float(0.0, 1.0, when={"kind": ["adam"]}),
        "fixed": Float(0.5, 0.5),
    }
)


def drawn(space: SearchSpace, count: int, seed: int) -> list[Trial]:
    """Completed trials at random, with a metric at random, of few digits so that some are equal."""
    rng = np.random.default_rng(seed)
    return [
        Trial(
            number,
            space.from_units(rng.random(len(space)).tolist()),
            outcome=Outcome.COMPLETED,
            metric=round(float(rng.normal()), 1),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("count", [5, 20, 100, 1000])
def test_it_is_optunas_for_the_same_trials(direction: Direction, count: int) -> None:
    trials = drawn(SPACE, count, seed=count)
    found, expected = (
        importance(SPACE, trials, Goal(direction)),
        by_optuna(SPACE, trials, direction),
    )
    assert expected.pop("fixed") == 0.0
    assert found == pytest.approx(expected, rel=1e-6)


@given(space=search_spaces(), seed=st.integers(0, 1000), count=st.integers(2, 60))
@settings(max_examples=30)
def test_shares_sum_to_one_for_any_space(space: SearchSpace, seed: int, count: int) -> None:
    found = importance(space, drawn(space, count, seed), Goal("minimize"))
    assert all(value >= 0.0 for value in found.values())
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert not any(found.values()) or sum(found.values()) == pytest.approx(1.0)


def test_trials_without_a_metric_change_nothing() -> None:
    trials = drawn(SPACE, 60, seed=1)
    failed = [
        replace(trial, number=60 + trial.number, outcome=outcome, metric=None)
        for trial, outcome in zip(
            drawn(SPACE, 3, seed=2), [Outcome.FAILED, Outcome.PRUNED, None], strict=True
        )
    ]
    goal = Goal("maximize")
    assert importance(SPACE, [*trials, *failed], goal) == importance(SPACE, trials, goal)


def test_what_decides_the_metric_comes_first() -> None:
    trials = [
        replace(trial, metric=abs(np.log10(float(trial.params["rate"])) + 3.0))
        for trial in drawn(SPACE, 100, seed=3)
    ]
    (first, share), *_ = importance(SPACE, trials, Goal("minimize")).items()
    assert first == "rate"
    assert share > 0.4


@pytest.mark.parametrize("count", [0, 1])
def test_of_too_few_trials_nothing_is_said(count: int) -> None:
    assert importance(SPACE, drawn(SPACE, count, seed=0), Goal("minimize")) == {}


def test_where_all_metrics_are_equal_nothing_matters() -> None:
    trials = [replace(trial, metric=1.0) for trial in drawn(SPACE, 50, seed=0)]
    assert set(importance(SPACE, trials, Goal("minimize")).values()) == {0.0}


@pytest.mark.parametrize("good", [0.0, 1.0, -0.1])
def test_a_share_that_is_none_is_refused(good: float) -> None:
    with pytest.raises(ValueError, match="good: must be above 0 and below 1"):
        importance(SPACE, [], Goal("minimize"), good)


@pytest.mark.filterwarnings("error")
def test_ranges_that_are_too_wide_for_a_number_are_read_like_others() -> None:
    wide = SearchSpace({"x": Float(-1.7e308, 1.7e308), "y": Float(1e-300, 1e300, log=True)})
    usual = SearchSpace({"x": Float(-1.7, 1.7), "y": Float(1e-3, 1e3, log=True)})
    rng = np.random.default_rng(0)
    drawn = rng.uniform(-1, 1, (40, 2)).tolist()

    def trials(size: float, decades: float) -> list[Trial]:
        return [
            Trial(
                number,
                {"x": x * 1.7 * size, "y": 10 ** (y * decades)},
                outcome=Outcome.COMPLETED,
                metric=x + 0.1 * y,
            )
            for number, (x, y) in enumerate(drawn)
        ]

    goal = Goal("minimize")
    shares = importance(wide, trials(1e308, 300), goal)
    assert shares == pytest.approx(importance(usual, trials(1.0, 3), goal))
    found = [finding.check for finding in diagnose(wide, goal, trials(1e308, 300))]
    assert found == [finding.check for finding in diagnose(usual, goal, trials(1.0, 3))]
