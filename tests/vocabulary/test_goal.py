from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import InvalidConfiguration, Outcome, Trial
from prefect_tuner.goal import Goal
from tests.messages import DIRECTION_IS_WRONG

GOALS = st.sampled_from([Goal("maximize"), Goal("minimize")])
# Few of them, so that some are equal.
METRICS = st.sampled_from([-1.5, -0.0, 0.0, 2.0, 1e308]) | st.floats(-10.0, 10.0)


def trials_of(metrics: list[float | None]) -> list[Trial]:
    return [
        Trial(n, {"x": n}, outcome=Outcome.FAILED if m is None else Outcome.COMPLETED, metric=m)
        for n, m in enumerate(metrics)
    ]


def test_a_larger_metric_is_better_where_it_is_to_be_maximized() -> None:
    assert Goal("maximize").is_better(2.0, than=1.0)
    assert not Goal("maximize").is_better(1.0, than=2.0)
    assert Goal("minimize").is_better(1.0, than=2.0)
    assert not Goal("minimize").is_better(2.0, than=1.0)


@given(GOALS, METRICS, METRICS)
def test_of_two_metrics_one_is_better_unless_they_are_equal(
    goal: Goal, one: float, other: float
) -> None:
    assert goal.is_better(one, than=other) + goal.is_better(other, than=one) == (one != other)


@given(GOALS, METRICS)
def test_any_metric_is_better_than_none_and_none_is_better_than_nothing(
    goal: Goal, metric: float
) -> None:
    assert goal.is_better(metric, than=None)
    assert not goal.is_better(None, than=metric)
    assert not goal.is_better(None, than=None)


@given(GOALS, METRICS, METRICS)
def test_a_target_is_reached_by_what_is_as_good_or_better(
    goal: Goal, metric: float, target: float
) -> None:
    assert goal.reaches(metric, target) == (metric == target or goal.is_better(metric, than=target))
    assert not goal.reaches(None, target)


@given(GOALS, st.lists(st.none() | METRICS, max_size=8))
def test_the_best_trial_is_the_first_that_no_other_is_better_than(
    goal: Goal, metrics: list[float | None]
) -> None:
    trials = trials_of(metrics)
    best = goal.best(trials)
    if best is None:
        assert set(metrics) <= {None}
        return
    assert best.metric is not None
    assert not any(goal.is_better(metric, than=best.metric) for metric in metrics)
    assert not any(goal.reaches(trial.metric, best.metric) for trial in trials[: best.number])


@given(GOALS, st.lists(METRICS, min_size=1))
def test_metrics_sorted_by_their_loss_begin_with_the_best(goal: Goal, metrics: list[float]) -> None:
    ranked = sorted(metrics, key=goal.loss)
    assert not any(goal.is_better(after, than=before) for before, after in pairwise(ranked))
    best = goal.best(trials_of(list(metrics)))
    assert best is not None
    assert best.metric == ranked[0]


def test_goals_of_one_direction_are_equal_and_cannot_be_changed() -> None:
    goal = Goal("maximize")
    assert {goal, Goal("maximize")} == {goal}
    assert goal != Goal("minimize")
    with pytest.raises(FrozenInstanceError):
        goal.direction = "minimize"  # type: ignore[misc]


@pytest.mark.parametrize("direction", ["up", "MAXIMIZE", None, 1, ["minimize"]])
def test_a_wrong_direction_is_named(direction: Any) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        Goal(direction)
    assert re.fullmatch(DIRECTION_IS_WRONG + re.escape(repr(direction)), str(caught.value))
