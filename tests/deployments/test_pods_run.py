"""What the container of a trial's pod runs, run here with what it has of an environment there."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.workers.trial_request import TrialRequest
from prefect_tuner.trial import TrialLimits
from tests.deployments.pods import Job, TrialPods
from tests.deployments.programs import Program
from tests.deployments.rest_client import RestClient
from tests.deployments.studies import OBJECTIVES, SLEEPER, assert_no_trial_is_left
from tests.polling import eventually

pytestmark = pytest.mark.slow

Start = Callable[[Job], Program]


def request_for(objective: str, params: dict[str, Any]) -> str:
    """What a study asks of its trial 7."""
    return TrialRequest(
        study="digits",
        number=7,
        params=params,
        seed=1,
        objective=describe_objective(f"{OBJECTIVES}:{objective}"),
        limits=TrialLimits(timeout=60.0),
    ).to_text()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a container's command, in an image that has the package and nothing set."""
    started: list[Program] = []
    image = {name: os.environ[name] for name in ("HOME", "PYTHONPATH") if name in os.environ}
    image["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

    def start_one(job: Job) -> Program:
        command, *arguments = job.container["args"]
        found = Path(sys.executable).with_name(command)
        started.append(Program([str(found), *arguments], tmp_path, {**image, **job.environment}))
        return started[-1]

    yield start_one
    for each in started:
        each.remove()


def test_it_runs_the_trial_and_its_flow_run_says_what_came_of_it(
    pods: TrialPods, rest: RestClient, start: Start
) -> None:
    params = {"mixed": 1.0, "flag": True, "count": 1, "scale": 1.0, "label": "1"}
    job = pods.job(request=request_for("rank_types", params))
    program = start(job)
    assert program.wait() == 0, program.output()
    state = rest.wait_for_end(job.flow_run)
    assert (state["type"], state["name"]) == ("COMPLETED", "Completed")
    assert state["message"].startswith("completed: metric=2.0")


def test_a_pod_that_is_evicted_leaves_no_process_and_is_not_run_again(
    pods: TrialPods, rest: RestClient, start: Start
) -> None:
    job = pods.job(request=request_for("hang_after_two", {"x": 0.5}))
    program = start(job)

    def it_hangs() -> None:
        program.assert_it_runs()
        assert program.children(SLEEPER), program.output()

    eventually(it_hangs, timeout=60.0)
    # A job with such a pod has failed, by which Prefect's worker knows that the run has crashed.
    assert program.terminate(timeout=30.0) == 1, program.output()
    assert_no_trial_is_left(program)
    state = rest.get(f"/flow_runs/{job.flow_run}")["state"]
    assert state["type"] == "RUNNING", "scheduled, it would be given to a worker again"
