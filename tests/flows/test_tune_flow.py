"""A study that was planned before it runs, as the command line does it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import InvalidConfiguration, TuningObserver, tune
from prefect_tuner.flows.run.study_plan import StudyPlan, plan_study
from tests.flows.failing_objectives import fails_once
from tests.flows.flow_runs import X, ask_server

pytestmark = pytest.mark.usefixtures("prefect_server")


class Made(TuningObserver):
    """Counts how often it is made."""

    times = 0

    def __init__(self) -> None:
        Made.times += 1


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyPlan:
    """Of a study whose second trial fails when it is first called, and ends its run."""
    monkeypatch.setattr(Made, "times", 0)
    return plan_study(
        {
            "objective": partial(fails_once, calls=tmp_path / "calls"),
            "space": X,
            "study": tmp_path.name,
            "config": {"max_trials": 3, "on_failure": "raise"},
            "observers": [Made],
            "storage": str(tmp_path),
        }
    )


def stored(plan: StudyPlan) -> list[dict[str, Any]]:
    """The parameters of the flow runs of a study."""
    found = ask_server("flow_runs/filter", sort="START_TIME_DESC", limit=200)
    parameters = [run["parameters"] for run in found]
    return [each for each in parameters if each.get("study") == plan.name]


def test_a_planned_study_is_not_planned_again(plan: StudyPlan, tmp_path: Path) -> None:
    (tmp_path / "calls").write_text("before\n")  # So that none fails.
    result = tune.run_planned(plan)
    assert (result.study, len(result.trials)) == (tmp_path.name, 3)
    assert Made.times == 1


def test_prefect_has_the_parameters_of_which_the_plan_was_made(plan: StudyPlan) -> None:
    with pytest.raises(Exception, match="the first time"):
        tune.run_planned(plan)
    (parameters,) = stored(plan)
    assert parameters["config"] == {"max_trials": 3, "on_failure": "raise"}
    assert parameters["space"] == X
    assert parameters["observers"] == [f"{__name__}:Made"]
    assert parameters["direction"] == "maximize"


def test_a_planned_study_whose_flow_is_retried_goes_on(
    plan: StudyPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tune, "retries", 1)  # As Prefect's setting of default retries does it.
    result = tune.run_planned(plan)
    assert [str(trial.outcome) for trial in result.trials] == ["completed", "failed", "completed"]
    assert result.trials[1].message == "RuntimeError: the first time"


def test_with_other_options_it_checks_the_same_before_there_is_a_run() -> None:
    flow = tune.with_options(name="nightly", retries=2)
    assert (flow.name, flow.retries, tune.retries) == ("nightly", 2, 0)
    with pytest.raises(InvalidConfiguration, match="seed"):
        flow("json:loads", {"x": [1, 2]}, seed=10**30)
