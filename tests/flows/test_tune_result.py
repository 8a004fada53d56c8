"""What comes out of the flow: to its caller, to a parent flow, to other processes."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest
from prefect import flow

from prefect_tuner import Float, StopReason, TunerConfig, TuningResult, tune
from tests.flows.flow_runs import FlowRun, X, artifacts, flow_run, run_tune
from tests.flows.objectives import value

pytestmark = pytest.mark.usefixtures("prefect_server")

VALUES = [True, 1, 1.0, "1"]


@pytest.fixture(scope="module")
def typed_run(prefect_server: object) -> FlowRun:
    """A study over values that are easily taken for each other."""
    assert prefect_server

    def train(params: dict[str, Any]) -> float:
        return float([bool, int, float, str].index(type(params["v"])))

    return run_tune(train, {"v": VALUES}, strategy="grid", study="Exact types")


def test_values_are_exactly_those_declared_in_the_objective_and_the_result(
    typed_run: FlowRun,
) -> None:
    trials = typed_run.result.trials
    assert [trial.metric for trial in trials] == [0.0, 1.0, 2.0, 3.0]
    assert [type(trial.params["v"]) for trial in trials] == [bool, int, float, str]


def test_values_are_exactly_those_declared_in_the_artifacts(typed_run: FlowRun) -> None:
    (board,) = [d for key, d in artifacts(typed_run.id).items() if key.endswith("-leaderboard")]
    shown = [row["param.v"] for row in board]
    assert shown == VALUES[::-1]
    assert [type(value) for value in shown] == [str, float, int, bool]


READ = """
import json, sys
from prefect.client.orchestration import get_client
run = get_client(sync_client=True).read_flow_run(sys.argv[1])
result = run.state.result(raise_on_failure=False)
print(json.dumps([type(result).__name__, result.study, result.stop_reason.sentence,
                  [type(trial.params["v"]).__name__ for trial in result.trials]]))
"""


def test_another_process_reads_the_result_with_its_types(typed_run: FlowRun) -> None:
    read = subprocess.run(
        [sys.executable, "-c", READ, typed_run.id],
        capture_output=True,
        text=True,
        check=True,
        timeout=100,
    )
    assert json.loads(read.stdout) == [
        "TuningResult",
        "Exact types",
        StopReason.EXHAUSTED.sentence,
        ["bool", "int", "float", "str"],
    ]


def test_the_stored_result_is_plain_json(typed_run: FlowRun) -> None:
    stored = flow_run(typed_run.id)["state"]["data"]
    assert stored["serializer"]["type"] == "json"


def test_as_a_subflow_it_returns_plain_data_to_its_parent() -> None:
    @flow
    def pipeline(rows: int) -> dict[str, Any]:
        result = tune(
            value, {"x": Float(0.0, 1.0)}, config=TunerConfig(max_trials=2), study="inner"
        )
        assert isinstance(result, TuningResult)
        again = tune(value, X, config=TunerConfig(max_trials=1), study="inner-again")
        return {"rows": rows, **result.best_params, "again": again.best_params["x"]}

    found = pipeline(3)
    assert found["rows"] == 3
    assert 0.0 <= found["x"] <= 1.0


def test_an_async_parent_may_call_it_too() -> None:
    @flow
    async def pipeline() -> StopReason:
        # As any blocking call from a coroutine: in a thread, or else the event loop waits for it.
        threaded = await asyncio.to_thread(tune, value, X, config=TunerConfig(max_trials=1))
        direct = tune(value, X, config=TunerConfig(max_trials=1))
        assert threaded.best_params == direct.best_params
        return direct.stop_reason

    assert asyncio.run(pipeline()) == "max_trials"


def test_a_parent_that_is_retried_gets_the_stored_result_and_runs_no_trial_again() -> None:
    results: list[TuningResult] = []

    @flow(retries=1)
    def pipeline() -> float:
        results.append(tune(value, X, config=TunerConfig(max_trials=1)))
        if len(results) == 1:
            raise ValueError("the step after the study")
        return results[1].best_metric

    assert pipeline() == results[0].best_metric
    assert results[1] == results[0]
    assert results[1].trials[0].duration == results[0].trials[0].duration


def test_a_study_is_named_as_asked_or_like_its_flow_run() -> None:
    named = run_tune(value, max_trials=1, study="churn")
    assert named.result.study == "churn"
    unnamed = run_tune(value, max_trials=1)
    assert unnamed.result.study == flow_run(unnamed.id)["name"]


def test_a_failed_subflow_can_be_met_by_its_parent() -> None:
    @flow
    def pipeline() -> str:
        state = tune("no_such_module:train", return_state=True)
        return str(state.type.value)

    assert pipeline() == "FAILED"
