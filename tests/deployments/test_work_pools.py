"""deployments/prefect.yaml: deployed by the command line, run by a worker, triggered by REST."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from prefect_tuner import __version__, tune
from tests.deployments.dockerfile import read_dockerfile
from tests.deployments.prefect_yaml import deployment_in_prefect_yaml
from tests.deployments.programs import Program, run_prefect, running
from tests.deployments.rest_client import RestClient
from tests.deployments.studies import (
    assert_cancelling_stops_all_and_keeps_what_had_finished,
    exactly,
    typed_study,
)
from tests.polling import eventually

pytestmark = pytest.mark.slow

DEPLOYMENTS = (
    "tune/nightly",
    "tune/container",
    "trial/processes",
    "trial/pods",
    "pipeline/weekly",
    "promote/promote",
)
POOLS = {
    "tuning": "--type process",
    "tuning-containers": "--type docker",
    "trials": "--type process",
    "tuning-pods": (
        "--type kubernetes --base-job-template deployments/kubernetes/base_job_template.json"
    ),
}


@pytest.fixture(scope="module")
def deployed(rest: RestClient) -> Iterator[None]:
    """What the comment at the top of prefect.yaml says, typed in."""
    run_prefect(
        *(f"work-pool create {pool} {options}" for pool, options in POOLS.items()),
        "deploy --prefect-file deployments/prefect.yaml --all",
    )
    deployments = {name: rest.deployment(name)["id"] for name in DEPLOYMENTS}
    yield
    for name, deployment in deployments.items():
        rest.delete_automations_of(name)
        rest.delete(f"/deployments/{deployment}")
    for pool in POOLS:
        rest.delete(f"/work_pools/{pool}")


@pytest.fixture(scope="module")
def worker(deployed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A worker in a folder that has nothing to do with the checkout."""
    command = ["-m", "prefect", "worker", "start", "--pool", "tuning"]
    with running(command, tmp_path_factory.mktemp("elsewhere")) as program:
        yield program


@pytest.fixture(scope="module")
def trial_worker(deployed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A worker of the pool for trials, likewise."""
    command = ["-m", "prefect", "worker", "start", "--pool", "trials"]
    with running(command, tmp_path_factory.mktemp("elsewhere")) as program:
        yield program


@pytest.fixture(scope="module")
def runs(worker: Program, rest: RestClient) -> dict[str, str]:
    """Runs of the nightly study and of the pipeline, both small and started at the same time."""
    return {
        "nightly": rest.start_run("tune/nightly", config={"max_trials": 1}),
        "weekly": rest.start_run("pipeline/weekly", trials=2),
    }


def test_the_nightly_study_has_its_schedule(deployed: None, rest: RestClient) -> None:
    deployment = rest.deployment("tune/nightly")
    (schedule,) = deployment["schedules"]
    assert schedule["active"]
    assert schedule["schedule"]["cron"] == "0 2 * * *"
    assert schedule["schedule"]["timezone"] == "Europe/Berlin"
    assert deployment["global_concurrency_limit"]["limit"] == 1


def test_a_study_that_completes_starts_the_downstream_flow_with_typed_parameters(
    worker: Program, rest: RestClient
) -> None:
    tune(**typed_study("typed study"))

    def variable() -> dict[str, Any]:
        worker.assert_it_runs()
        found: dict[str, Any] = rest.get("/variables/name/promoted_typed_study")["value"]
        return found

    promoted = eventually(variable, timeout=60.0)
    # Each study that completes would start the flow, those of the tests that follow as well.
    rest.delete_automations_of("promote/promote")
    assert promoted["study"] == "typed study"
    assert exactly(promoted["best_params"]) == exactly(
        {"mixed": "1", "flag": True, "count": 1, "scale": 1.0, "label": "1"}
    )
    assert exactly({"metric": promoted["best_metric"]}) == exactly({"metric": 3.0})


@pytest.mark.timeout(300)
def test_the_nightly_study_tunes_the_model_in_the_checkout(
    runs: dict[str, str], rest: RestClient
) -> None:
    rest.wait_for_success(runs["nightly"], timeout=240.0)
    (row,) = rest.artifact("digits-nightly-leaderboard")
    assert 0.5 < row["metric"] < 1.0
    assert type(row["param.hidden_units"]) is int
    rest.finished_task_runs(runs["nightly"], 1)


@pytest.mark.timeout(300)
def test_the_pipeline_tunes_trains_and_evaluates(runs: dict[str, str], rest: RestClient) -> None:
    rest.wait_for_success(runs["weekly"], timeout=240.0)
    (winner,) = rest.artifact("digits-pipeline-winner")
    (best, _) = rest.artifact("digits-pipeline-leaderboard")
    assert winner["validation_accuracy"] == best["metric"]
    assert winner["hidden_units"] == best["param.hidden_units"]
    assert 0.5 < winner["test_accuracy"] < 1.0
    # The study is a run of its own below the pipeline's.
    below = {"parent_flow_run_id": {"any_": [runs["weekly"]]}}
    (study,) = rest.filter("flow_runs", {"flow_runs": below})
    rest.finished_task_runs(study["id"], 2)


@pytest.mark.timeout(400)
def test_a_study_has_its_trials_run_by_the_worker_of_another_pool(
    worker: Program, trial_worker: Program, rest: RestClient
) -> None:
    run = rest.start_run(
        "tune/nightly",
        study="digits-elsewhere",
        config={"max_trials": 2, "max_concurrency": 2},
        engine="deployment",
        engine_options={"deployment": "trial/processes"},
    )
    rest.wait_for_success(run, timeout=300.0)
    rows = rest.artifact("digits-elsewhere-leaderboard")
    assert [0.5 < row["metric"] < 1.0 for row in rows] == [True, True]
    below = rest.filter("flow_runs", {"flow_runs": {"parent_flow_run_id": {"any_": [run]}}})
    assert {each["id"] for each in below} == set(rest.runs("trial/processes"))
    assert [each["state_type"] for each in below] == ["COMPLETED", "COMPLETED"]


def test_the_pods_of_trials_get_what_the_file_says(deployed: None, rest: RestClient) -> None:
    deployment, entry = rest.deployment("trial/pods"), deployment_in_prefect_yaml("trial", "pods")
    assert deployment["job_variables"] == entry["work_pool"]["job_variables"]
    assert deployment["pull_steps"] == entry["pull"]
    assert set(deployment["parameter_openapi_schema"]["properties"]) == {"request"}
    pool = rest.get("/work_pools/tuning-pods")
    assert pool["type"] == "kubernetes"
    assert "gpus" in pool["base_job_template"]["variables"]["properties"]


def test_studies_and_trials_have_pools_of_their_own(deployed: None, rest: RestClient) -> None:
    pools = {name: rest.deployment(name)["work_pool_name"] for name in DEPLOYMENTS}
    of_trials = {pool for name, pool in pools.items() if name.startswith("trial/")}
    assert of_trials == {"trials", "tuning-pods"}
    assert of_trials.isdisjoint(
        pool for name, pool in pools.items() if not name.startswith("trial/")
    )


def test_a_cancelled_run_stops_its_trials_and_keeps_what_had_finished(
    worker: Program, rest: RestClient
) -> None:
    assert_cancelling_stops_all_and_keeps_what_had_finished(
        rest, worker, "tune/nightly", "worker-cancelled"
    )


def test_the_server_plans_the_nights_to_come(deployed: None, rest: RestClient) -> None:
    night = ZoneInfo("Europe/Berlin")

    def planned() -> list[datetime]:
        by_deployment = {"id": {"any_": [rest.deployment("tune/nightly")["id"]]}}
        runs = rest.filter("flow_runs", {"deployments": by_deployment})
        starts = [run["expected_start_time"] for run in runs if run["auto_scheduled"]]
        assert len(starts) >= 3
        return [datetime.fromisoformat(start).astimezone(night) for start in starts]

    starts = eventually(planned, timeout=90.0)
    assert {(start.hour, start.minute) for start in starts} == {(2, 0)}
    assert len({start.date() for start in starts}) == len(starts)


def test_the_container_runs_in_the_folder_and_the_volume_of_its_image(
    deployed: None, rest: RestClient
) -> None:
    deployment = rest.deployment("tune/container")
    image = read_dockerfile()
    assert deployment["pull_steps"] == [
        {"prefect.deployments.steps.set_working_directory": {"directory": image.folder}}
    ]
    job = deployment["job_variables"]
    assert job["image"] == f"prefect-tuner:{__version__}"
    assert job["volumes"] == [
        f"prefect-tuner-results:{image.environment['PREFECT_RESULTS_LOCAL_STORAGE_PATH']}"
    ]
    assert rest.get("/work_pools/tuning-containers")["type"] == "docker"
