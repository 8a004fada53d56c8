"""`python deployments/serve.py`: runs that are started by REST, as from the Prefect UI."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest

from prefect_tuner import TuningResult
from tests.deployments.objectives import TYPED_SPACE
from tests.deployments.programs import Program
from tests.deployments.rest_client import RestClient
from tests.deployments.serving import serving
from tests.deployments.studies import (
    STOPPED_WITHIN,
    assert_cancelling_stops_all_and_keeps_what_had_finished,
    assert_no_trial_is_left,
    exactly,
    start_hanging_run,
    typed_study,
)
from tests.polling import eventually

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(rest: RestClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with serving(rest, tmp_path_factory.mktemp("elsewhere")) as program:
        yield program


@pytest.fixture(scope="module")
def typed_run(served: Program, rest: RestClient) -> str:
    """A run of the study with values of all types that has completed."""
    run = rest.start_run("tune/tune", **typed_study("served-types"))
    rest.wait_for_success(run)
    return run


def test_a_leaderboard_holds_the_exact_values(typed_run: str, rest: RestClient) -> None:
    rows = rest.artifact("served-types-leaderboard")
    assert [row["metric"] for row in rows] == [3.0, 2.0, 1.0, 0.0]
    assert [row["rank"] for row in rows] == [1, 2, 3, 4]
    for row, mixed in zip(rows, reversed(TYPED_SPACE["mixed"]), strict=True):
        params = {name: row[f"param.{name}"] for name in TYPED_SPACE}
        assert exactly(params) == exactly(
            {"mixed": mixed, "flag": True, "count": 1, "scale": 1.0, "label": "1"}
        )


def test_each_trial_is_a_task_run_with_its_parameters(typed_run: str, rest: RestClient) -> None:
    task_runs = rest.finished_task_runs(typed_run, 4)
    assert [task_run["name"] for task_run in task_runs] == [f"served-types-{n}" for n in range(4)]
    for task_run, mixed in zip(task_runs, TYPED_SPACE["mixed"], strict=True):
        assert task_run["state"]["name"] == "Completed"
        assert f"mixed={mixed!r}, flag=True" in task_run["state"]["message"]


def test_the_best_parameters_are_a_page_of_their_own(typed_run: str, rest: RestClient) -> None:
    page = rest.artifact("served-types-best-parameters")
    assert '"mixed": "1"' in page
    assert '"scale": 1.0' in page
    assert "**3.0**" in page


def test_the_result_is_read_by_another_process(typed_run: str) -> None:
    """This one: the flow ran in a process of its own, which has ended."""
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(typed_run)).state
    assert state is not None
    tuned: Any = state.result()
    assert isinstance(tuned, TuningResult)
    assert exactly(tuned.best_params) == exactly(
        {"mixed": "1", "flag": True, "count": 1, "scale": 1.0, "label": "1"}
    )
    assert tuned.best_metric == 3.0
    assert [trial.number for trial in tuned.trials] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("parameter", "value", "complaint"),
    [
        ("strategy", "no-such-strategy", "no-such-strategy"),
        ("objective", "no colon", "no colon"),
        ("seed", -1, "-1"),
        ("config", {"max_trials": 0}, "max_trials"),
        ("config", {"max_trails": 5}, "max_trails"),
        # Numbers that Prefect's database would take and not give back.
        ("seed", 2**127, str(2**127)),
        ("config", {"max_trials": 10**25}, "max_trials"),
        ("space", {"n": {"type": "int", "low": 0, "high": 2**70}}, "space"),
        ("space", {"n": [1, 2**64]}, "space"),
        ("strategy_options", {"max_iters": 10**30}, "strategy_options"),
        ("initial_trials", [{"params": {"n": 2**70}}], "initial_trials"),
    ],
)
def test_the_server_refuses_a_bad_parameter(
    served: Program, rest: RestClient, parameter: str, value: Any, complaint: str
) -> None:
    runs_before = rest.runs("tune/tune")
    answer = rest.try_to_start_run("tune/tune", **{parameter: value})
    assert answer.status_code == 409
    assert complaint in answer.text
    assert rest.runs("tune/tune") == runs_before


def test_a_cancelled_run_stops_its_trials_and_keeps_what_had_finished(
    served: Program, rest: RestClient
) -> None:
    assert_cancelling_stops_all_and_keeps_what_had_finished(
        rest, served, "tune/tune", "served-cancelled"
    )


def test_a_flow_that_is_killed_takes_its_trials_with_it(served: Program, rest: RestClient) -> None:
    run = start_hanging_run(rest, served, "tune/tune", "served-killed")
    (flow,) = served.children("prefect.engine")
    os.kill(flow, signal.SIGKILL)
    assert_no_trial_is_left(served)
    assert rest.wait_for_end(run)["name"] == "Crashed"


def test_sigterm_ends_it_with_all_that_it_runs(served: Program, rest: RestClient) -> None:
    """The last test of this file: nothing is served from then on."""
    start_hanging_run(rest, served, "tune/tune", "served-terminated")
    served.terminate()

    def nothing_is_left() -> None:
        assert not served.children()

    eventually(nothing_is_left, timeout=STOPPED_WITHIN)
