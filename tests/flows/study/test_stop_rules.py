from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Outcome, StopReason, Trial, TunerConfig
from prefect_tuner.flows.study.stop_rules import stop_reason
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.goal import Goal


def best(metric: float) -> Trial:
    return Trial(0, {"x": 1.0}, outcome=Outcome.COMPLETED, metric=metric)


@pytest.mark.parametrize(
    ("rules", "progress", "expected"),
    [
        ({}, Progress(), None),
        ({"max_trials": 3}, Progress(asked=3, running=1), None),
        ({"max_trials": 3}, Progress(asked=3), StopReason.MAX_TRIALS),
        ({"max_duration": 10.0}, Progress(elapsed=9.9), None),
        ({"max_duration": 10.0}, Progress(elapsed=10.0, asked=1, running=1), "max_duration"),
        ({"max_duration": None}, Progress(elapsed=1e9), None),
        ({"max_failures": 2}, Progress(asked=1, failed=1), None),
        ({"max_failures": 2}, Progress(asked=4, running=2, failed=2), "max_failures"),
        ({"patience": 2}, Progress(asked=3, since_best=1, best_trial=best(0.0)), None),
        ({"patience": 2}, Progress(asked=3, since_best=2, best_trial=best(0.0)), "patience"),
        # Without a best trial there is nothing to improve on.
        ({"patience": 2}, Progress(asked=5, failed=5, since_best=5), None),
    ],
)
def test_each_rule_stops_at_its_bound_and_not_before(
    rules: dict[str, Any], progress: Progress, expected: StopReason | None
) -> None:
    assert stop_reason(TunerConfig(**rules), Goal("maximize"), progress) == expected


@pytest.mark.parametrize(
    ("direction", "metric", "reached"),
    [
        ("maximize", 0.89, False),
        ("maximize", 0.9, True),
        ("maximize", 0.91, True),
        ("minimize", 0.91, False),
        ("minimize", 0.9, True),
        ("minimize", 0.89, True),
    ],
)
def test_the_target_is_reached_from_its_own_side(
    direction: Any, metric: float, reached: bool
) -> None:
    progress = Progress(asked=1, best_trial=best(metric))
    found = stop_reason(TunerConfig(target_metric=0.9), Goal(direction), progress)
    assert found == (StopReason.TARGET_METRIC if reached else None)


def test_a_target_that_was_reached_is_told_before_a_budget_that_is_used_up() -> None:
    config = TunerConfig(max_trials=1, max_duration=1.0, target_metric=0.5, patience=1)
    progress = Progress(elapsed=2.0, asked=1, since_best=1, best_trial=best(0.5))
    assert stop_reason(config, Goal("maximize"), progress) is StopReason.TARGET_METRIC


COUNTS = st.integers(0, 50)


@st.composite
def progresses(draw: st.DrawFn) -> Progress:
    completed, failed, running = draw(COUNTS), draw(COUNTS), draw(COUNTS)
    return Progress(
        elapsed=draw(st.floats(0.0, 100.0)),
        asked=completed + failed + running,
        running=running,
        completed=completed,
        failed=failed,
        since_best=draw(st.integers(0, completed + failed)),
        best_trial=best(draw(st.floats(-1.0, 1.0))) if completed else None,
    )


@given(
    progresses(),
    st.integers(1, 60),
    st.none() | st.floats(1.0, 100.0),
    st.none() | st.integers(1, 60),
    st.none() | st.floats(-1.0, 1.0),
    st.none() | st.integers(1, 60),
    st.sampled_from(["maximize", "minimize"]),
)
def test_a_study_goes_on_exactly_while_no_rule_is_met(
    progress: Progress,
    max_trials: int,
    max_duration: float | None,
    max_failures: int | None,
    target: float | None,
    patience: int | None,
    direction: Any,
) -> None:
    config = TunerConfig(
        max_trials=max_trials,
        max_duration=max_duration,
        max_failures=max_failures,
        target_metric=target,
        patience=patience,
    )
    trial = progress.best_trial
    sign = 1.0 if direction == "maximize" else -1.0
    met = {
        StopReason.MAX_TRIALS: progress.completed + progress.failed >= max_trials,
        StopReason.MAX_DURATION: max_duration is not None and progress.elapsed >= max_duration,
        StopReason.MAX_FAILURES: max_failures is not None and progress.failed >= max_failures,
        StopReason.TARGET_METRIC: trial is not None
        and target is not None
        and sign * (trial.metric or 0.0) >= sign * target,
        StopReason.PATIENCE: trial is not None
        and patience is not None
        and progress.since_best >= patience,
    }
    found = stop_reason(config, Goal(direction), progress)
    assert met[found] if found is not None else not any(met.values())
