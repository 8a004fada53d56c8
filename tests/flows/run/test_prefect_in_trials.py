"""An objective that uses Prefect is in its trial's task run, as any task is in its own."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from prefect.variables import Variable

from tests.flows.flow_runs import FlowRun, ask_server, run_tune, task_runs
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")

IMPORTS = """
from prefect import flow, get_run_logger, runtime, task
from prefect.artifacts import create_markdown_artifact
from prefect.variables import Variable
"""

BODY = """
def used(params, trial):
{imports}
    @task
    def inner(number):
        get_run_logger().info(f"inner {{number}}")
        return number

    @flow
    def subflow():
        return inner(3)

    get_run_logger().info("logged by the run logger")
    get_run_logger().warning("warned by the run logger")
    create_markdown_artifact("made", key="made-in-a-trial")
    total = inner(1) + inner.submit(2).result() + subflow()
    return {{
        "metric": total,
        "task_run": str(runtime.task_run.id),
        "task_run_name": runtime.task_run.name,
        "flow_run": str(runtime.flow_run.id),
        "flow_name": runtime.flow_run.flow_name,
        "variable": Variable.get("in_a_trial", default=""),
    }}
"""

FORMS = {
    "warm": IMPORTS + BODY.format(imports="") + "train = used\n",
    "lazy": BODY.format(imports=textwrap.indent(IMPORTS.strip(), "    ")) + "train = used\n",
    "a task": IMPORTS + BODY.format(imports="") + "train = task(used)\n",
    "asynchronous": (
        IMPORTS
        + BODY.format(imports="")
        + "async def train(params, trial):\n    return used(params, trial)\n"
    ),
}


@pytest.fixture(scope="module", params=FORMS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FlowRun:
    """A study of one trial that uses Prefect, in each of the forms."""
    Variable.set("in_a_trial", "from the server", overwrite=True)
    file = tmp_path_factory.mktemp("module") / "training.py"
    file.write_text(FORMS[request.param])
    isolation = "fresh" if request.param == "warm" else "auto"
    run = run_tune(f"{file}:train", max_trials=1, isolation=isolation)
    assert run.outcomes == ["completed"], run.result.trials[0].message
    return run


def trial_run(run: FlowRun) -> dict[str, Any]:
    """The task run of the trial, once the server knows it."""

    def found() -> dict[str, Any]:
        runs = [each for each in task_runs(run.id) if each["name"].endswith("-0")]
        assert len(runs) == 1
        return dict(runs[0])

    return eventually(found, timeout=30)


def test_tasks_subflows_and_variables_work(run: FlowRun) -> None:
    trial = run.result.best_trial
    assert trial.metric == 6.0
    assert trial.extra["variable"] == "from the server"


def test_the_runtime_is_that_of_the_trial(run: FlowRun) -> None:
    extra = run.result.best_trial.extra
    task_run = trial_run(run)
    assert extra["task_run"] == task_run["id"]
    assert extra["task_run_name"] == task_run["name"]
    assert extra["flow_run"] == run.id
    assert extra["flow_name"] == "tune"


def test_what_is_logged_is_in_the_trials_log_once_and_without_noise(run: FlowRun) -> None:
    task_run = trial_run(run)["id"]

    def logged() -> None:
        lines = [line["message"] for line in logs(task_run)]
        assert lines.count("logged by the run logger") == 1
        assert lines.count("warned by the run logger") == 1
        assert not any("HTTP Request" in line or " | INFO" in line for line in lines), lines
        assert not any("inner" in line for line in lines), lines  # Those have logs of their own.

    eventually(logged, timeout=30)


def test_what_inner_tasks_log_is_in_their_own_logs(run: FlowRun) -> None:
    def logged() -> None:
        found = ask_server("logs/filter", logs={"flow_run_id": {"any_": [run.id]}}, limit=200)
        inner = [line for line in found if line["message"].startswith("inner ")]
        assert {line["message"] for line in inner} >= {"inner 1", "inner 2"}
        assert trial_run(run)["id"] not in {line["task_run_id"] for line in inner}

    eventually(logged, timeout=30)


def test_an_artifact_belongs_to_the_trial(run: FlowRun) -> None:
    task_run = trial_run(run)["id"]
    found = ask_server("artifacts/filter", artifacts={"task_run_id": {"any_": [task_run]}})
    (made,) = [each for each in found if each["key"] is not None]  # The study's own has none.
    assert (made["key"], made["flow_run_id"]) == ("made-in-a-trial", run.id)


def test_a_subflow_is_a_child_of_the_study(run: FlowRun) -> None:
    def linked() -> None:
        parents = [each["id"] for each in task_runs(run.id)]
        found = ask_server("flow_runs/filter", flow_runs={"parent_task_run_id": {"any_": parents}})
        assert [subflow["state_type"] for subflow in found] == ["COMPLETED"]

    eventually(linked, timeout=30)


def logs(task_run: str) -> list[dict[str, Any]]:
    return list(ask_server("logs/filter", logs={"task_run_id": {"any_": [task_run]}}, limit=200))


def test_an_objective_that_does_not_use_prefect_does_not_load_it(tmp_path: Path) -> None:
    file = tmp_path / "training.py"
    file.write_text(
        "import sys\nfrom prefect_tuner import Float, TrialContext\n"
        "def train(params): return float('prefect' in sys.modules)\n"
    )
    assert run_tune(f"{file}:train", max_trials=1).result.best_metric == 0.0


def test_options_of_a_task_by_which_trials_do_not_go_are_told(tmp_path: Path) -> None:
    file = tmp_path / "training.py"
    file.write_text(
        "from prefect import task\n"
        "@task(retries=3, timeout_seconds=60)\ndef train(params): return 1.0\n"
    )
    run = run_tune(f"{file}:train", max_trials=1)

    def told() -> None:
        found = ask_server("logs/filter", logs={"flow_run_id": {"any_": [run.id]}}, limit=200)
        warnings = [line["message"] for line in found if "is a Prefect task" in line["message"]]
        assert len(warnings) == 1
        assert "retries=3, timeout_seconds=60.0" in warnings[0]
        assert re.search(r"\bretries\b.*\btrial_timeout\b.* config", warnings[0])

    eventually(told, timeout=30)
