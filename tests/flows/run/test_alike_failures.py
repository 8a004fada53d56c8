"""A study whose first trials all fail alike stops rather than spend its budget."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import Outcome, StopReason, TrainingError, Trial
from prefect_tuner.flows.study.alike_failures import failure_kind
from tests.flows.failing_objectives import (
    fails_after_the_first,
    fails_alike,
    fails_in_two_ways,
    fails_until_the_fifth,
)
from tests.flows.flow_runs import FlowRun, run_tune
from tests.messages import NO_TRIAL_HAS_A_METRIC

pytestmark = pytest.mark.usefixtures("prefect_server")


def calls(run: FlowRun) -> str:
    with pytest.raises(TrainingError) as raised:
        run.state.result()
    return str(raised.value)


@pytest.mark.parametrize(("given", "trials"), [({}, 5), ({"max_alike_failures": 2}, 2)])
def test_it_stops_after_so_many_and_says_why(given: dict[str, Any], trials: int) -> None:
    told = calls(run_tune(fails_alike, max_trials=50, **given))
    assert told.startswith(
        f"{NO_TRIAL_HAS_A_METRIC} ({trials} failed); {StopReason.ALIKE_FAILURES.sentence}"
    )
    assert re.search(rf"trial {trials - 1} .*ValueError: .*with 0\.", told)


@pytest.mark.parametrize(
    ("objective", "given"),
    [(fails_in_two_ways, {}), (fails_alike, {"max_alike_failures": None})],
)
def test_it_goes_on_where_the_failures_are_not_alike_or_do_not_matter(
    objective: Any, given: dict[str, Any]
) -> None:
    assert "(7 failed)" in calls(run_tune(objective, max_trials=7, **given))


@pytest.mark.parametrize("objective", [fails_after_the_first, fails_until_the_fifth])
def test_a_study_that_has_a_metric_goes_on(objective: Any) -> None:
    assert len(run_tune(objective, max_trials=11).result.trials) == 11


@pytest.mark.parametrize("workers", [1, 4])
def test_a_reproducible_study_stops_at_the_same_trial(workers: int) -> None:
    given = {"reproducible": True, "lag": 4, "max_concurrency": workers, "max_trials": 50}
    told = calls(run_tune(fails_alike, **given))
    assert "trial 4 failed" in told


def test_each_run_has_another_try(tmp_path: Path) -> None:
    given = {"study": "retried", "storage": str(tmp_path), "max_trials": 50}
    assert "(5 failed)" in calls(run_tune(fails_alike, **given))
    assert "(10 failed)" in calls(run_tune(fails_alike, **given))


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("ValueError: rate 0.5 of 1e-05", "ValueError: rate 12 of 3", True),
        ("took 512.0 MB, more than its limit", "took 1,024.5 MB, more than its limit", True),
        ("at 0x7f00aa", "at 0x7f11bb", True),
        ("ValueError: rate", "TypeError: rate", False),
        ("KeyError: 'lr'", "KeyError: 'depth'", False),
    ],
)
def test_numbers_make_no_difference(one: str, other: str, alike: bool) -> None:
    kinds = {
        failure_kind(Trial(0, {}, outcome=Outcome.FAILED, message=message))
        for message in (one, other)
    }
    assert (len(kinds) == 1) == alike


def test_outcomes_make_one() -> None:
    failed = failure_kind(Trial(0, {}, outcome=Outcome.FAILED, message="x"))
    assert failed != failure_kind(Trial(0, {}, outcome=Outcome.CRASHED, message="x"))
    assert failure_kind(Trial(0, {}, outcome=Outcome.COMPLETED, metric=1.0)) == ""
