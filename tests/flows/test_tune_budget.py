"""How many trials run, how many at a time, for how long, and when they stop."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import Outcome, Params, StopReason, Study, TrialContext
from tests.flows.flow_runs import X, run_tune
from tests.flows.objectives import QUICK_END, by_number, value
from tests.messages import STOPPED_WHILE_IT_RAN

pytestmark = pytest.mark.usefixtures("prefect_server")


def test_a_grid_finds_the_best_depth_as_an_int() -> None:
    def train(params: Params) -> float:
        return -((float(params["lr"]) - 0.01) ** 2 + (float(params["depth"]) - 5) ** 2)

    found = run_tune(train, {"lr": [0.1, 0.01, 0.001], "depth": [3, 5, 7]}, strategy="grid").result
    assert found.best_params == {"lr": 0.01, "depth": 5}
    assert type(found.best_params["depth"]) is int
    assert found.best_metric > -1e-9
    assert found.stop_reason is StopReason.EXHAUSTED
    assert len(found.trials) == 9


def test_all_slots_are_used_never_more_and_the_number_of_trials_is_exact(tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    def train(_: Params, trial: TrialContext) -> float:
        with marks.open("a") as file:
            file.write("start\n")
        # The first three meet, which they can only if they run at the same time.
        give_up = time.monotonic() + 30
        while trial.number < 3 and marks.read_text().count("start") < 3:
            assert time.monotonic() < give_up
            time.sleep(0.01)
        with marks.open("a") as file:
            file.write("end\n")
        return 0.5

    run = run_tune(train, max_trials=11, max_concurrency=3)
    assert run.outcomes == ["completed"] * 11
    assert run.result.stop_reason is StopReason.MAX_TRIALS
    running, most = 0, 0
    for mark in marks.read_text().split():
        running += 1 if mark == "start" else -1
        most = max(most, running)
    assert (running, most) == (0, 3)
    assert marks.read_text().count("start") == 11


def test_short_trials_go_on_in_one_slot_while_a_long_one_holds_the_other(tmp_path: Path) -> None:
    marks = tmp_path / "marks"

    def train(_: Params, trial: TrialContext) -> float:
        if trial.number > 0:
            with marks.open("a") as file:
                file.write("x")
            return float(trial.number)
        give_up = time.monotonic() + 30
        while not marks.exists() or marks.stat().st_size < 6:
            assert time.monotonic() < give_up, "the short trials wait for the long one"
            time.sleep(0.01)
        return 0.0

    run = run_tune(train, max_trials=7, max_concurrency=2)
    assert run.outcomes == ["completed"] * 7


def test_at_the_deadline_running_trials_are_stopped_and_none_starts(tmp_path: Path) -> None:
    def train(_: Params, trial: TrialContext) -> float:
        (tmp_path / str(trial.number)).touch()
        if trial.number > 0:
            time.sleep(60)
        return 0.5

    run = run_tune(train, max_trials=10, max_concurrency=2, max_duration=2.5)
    result = run.result
    assert result.stop_reason is StopReason.MAX_DURATION
    assert run.outcomes == ["completed", "cancelled", "cancelled"]
    assert {file.name for file in tmp_path.iterdir()} == {"0", "1", "2"}
    assert result.trials[1].message == (
        f"{STOPPED_WHILE_IT_RAN}: {StopReason.MAX_DURATION.sentence}"
    )
    assert 2.5 <= result.duration < QUICK_END
    assert 0.0 < (result.trials[1].duration or 0.0) < result.duration


@pytest.mark.parametrize(
    ("ends", "rules", "reason", "trials", "best"),
    [
        ([0.1, 0.9, 0.2], {"target_metric": 0.9}, "target_metric", 2, 0.9),
        ([0.9, 0.1, 0.2], {"target_metric": 0.1, "direction": "minimize"}, "target_metric", 2, 0.1),
        ([0.1, 0.9, 0.3, 0.9, 0.95], {"patience": 2}, "patience", 4, 0.9),
        (["raise", 0.1, "nan", 0.3], {"max_failures": 2}, "max_failures", 3, 0.1),
        (
            [0.1, 0.2, 0.3],
            {"strategy": "random", "strategy_options": {"max_iters": 2}},
            "exhausted",
            2,
            0.2,
        ),
    ],
)
def test_a_study_stops_for_its_reason_and_no_later(
    ends: list[Any], rules: dict[str, Any], reason: str, trials: int, best: float
) -> None:
    result = run_tune(by_number(ends), **rules).result
    assert result.stop_reason == reason
    assert len(result.trials) == trials
    assert result.best_metric == best


def test_a_stop_rule_stops_what_still_runs() -> None:
    run = run_tune(by_number(["hang", 0.9]), max_concurrency=2, max_trials=5, target_metric=0.5)
    assert run.outcomes == ["cancelled", "completed"]
    assert run.result.trials[0].message == (
        f"{STOPPED_WHILE_IT_RAN}: {StopReason.TARGET_METRIC.sentence}"
    )
    assert run.result.trials[0].outcome is Outcome.CANCELLED
    assert run.result.duration < QUICK_END


def test_the_trials_are_those_that_a_study_with_the_seed_asks_for() -> None:
    trials = run_tune(value, max_trials=3, seed=7).result.trials

    def asked(seed: int) -> list[tuple[Params, int]]:
        study = Study(X, direction="maximize", seed=seed)
        return [(t.params, t.seed) for t in (study.ask() for _ in range(3)) if t is not None]

    assert [(trial.params, trial.seed) for trial in trials] == asked(7) != asked(8)
