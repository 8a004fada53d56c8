"""The deployment `trial/pods`: what a worker of Kubernetes makes of it, without a cluster."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from prefect_tuner import __version__
from prefect_tuner.trial import TrialLimits
from tests.deployments.dockerfile import DOCKERFILE, read_dockerfile
from tests.deployments.kubernetes_job import mistakes_in_job
from tests.deployments.pods import POOL, Job, TrialPods, read_template
from tests.deployments.prefect_yaml import deployment_in_prefect_yaml
from tests.deployments.rest_client import RestClient

BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def in_bytes(quantity: str) -> int:
    """A size as Kubernetes writes it."""
    number, unit = re.fullmatch(r"(\d+)([A-Za-z]*)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * BYTES[unit]


@pytest.fixture(scope="module")
def job(pods: TrialPods) -> Job:
    """That of a study which asks for nothing."""
    return pods.job()


def test_kubernetes_takes_the_job(job: Job) -> None:
    assert mistakes_in_job(job.manifest) == []
    assert (job.manifest["apiVersion"], job.manifest["kind"]) == ("batch/v1", "Job")


def test_an_attempt_is_never_run_twice(job: Job) -> None:
    # Not by the kubelet, not by Kubernetes, and not by Prefect after an eviction.
    assert job.pod["restartPolicy"] == "Never"
    assert job.manifest["spec"]["backoffLimit"] == 0
    assert job.environment["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "relinquish"


def test_no_study_can_have_it_run_twice(pods: TrialPods) -> None:
    assert pods.job(backoff_limit=6).manifest["spec"]["backoffLimit"] == 0


def test_it_executes_the_flow_run_in_the_image_and_against_the_server(
    job: Job, rest: RestClient
) -> None:
    container = job.container
    assert container["image"] == f"prefect-tuner:{__version__}"
    assert container["args"] == ["prefect", "flow-run", "execute"]
    # The image's own entry point stays, which reaps what trials leave behind.
    assert "command" not in container
    assert job.environment["PREFECT_API_URL"] == rest.api_url
    assert job.environment["PREFECT__FLOW_RUN_ID"] == job.flow_run


def test_pods_may_reach_the_server_by_another_address_than_their_worker(pods: TrialPods) -> None:
    inside = "http://prefect-server.prefect.svc.cluster.local:4200/api"
    assert pods.job(env={"PREFECT_API_URL": inside}).environment["PREFECT_API_URL"] == inside


def test_a_file_as_the_objective_is_found_in_the_folder_of_the_image() -> None:
    entry, image = deployment_in_prefect_yaml("trial", "pods"), read_dockerfile()
    assert entry["pull"] == [
        {"prefect.deployments.steps.set_working_directory": {"directory": image.folder}}
    ]
    assert f"COPY deployments {image.folder}/deployments" in DOCKERFILE.read_text("utf-8")


def test_the_pod_is_named_and_labelled_as_the_trial(job: Job, pods: TrialPods) -> None:
    assert job.manifest["metadata"]["generateName"] == "digits-7-attempt-2-"
    assert job.manifest["metadata"]["namespace"] == "prefect"
    for labels in (
        job.manifest["metadata"]["labels"],
        job.manifest["spec"]["template"]["metadata"]["labels"],
    ):
        # By the first of them, Prefect's worker hears of pods that are gone.
        assert labels["prefect.io/flow-run-id"] == job.flow_run
        assert labels["prefect.io/deployment-id"] == pods.deployment
        assert labels["prefect.io/work-pool-name"] == POOL


def test_what_it_may_take_is_set_apart_for_it(job: Job) -> None:
    resources = job.container["resources"]
    # Kubernetes takes the limits for requests that are not there. One that is would have to be
    # changed with its limit: larger ones are refused.
    assert resources["requests"] == {}
    assert set(resources["limits"]) == {"cpu", "memory"}
    assert resources["limits"]["cpu"] == job.environment["OMP_NUM_THREADS"]


def test_its_memory_is_above_the_trials_own(pods: TrialPods) -> None:
    memory = 3_000_000_000
    job = pods.job(TrialLimits(memory=memory), memory_limit="{memory_mb}Mi")
    assert mistakes_in_job(job.manifest) == []
    assert in_bytes(job.container["resources"]["limits"]["memory"]) >= memory + 500_000_000


def test_it_has_a_gpu_where_one_is_asked_for(pods: TrialPods, job: Job) -> None:
    node, toleration = {"gpu": "l4"}, {"key": "nvidia.com/gpu", "operator": "Exists"}
    asking = pods.job(gpus=1, node_selector=node, tolerations=[toleration])
    assert mistakes_in_job(asking.manifest) == []
    pod = asking.pod
    assert asking.container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod["nodeSelector"] == node
    assert pod["tolerations"] == [toleration]
    assert "nvidia.com/gpu" not in job.container["resources"]["limits"]
    assert {"nodeSelector", "tolerations"}.isdisjoint(job.pod)


def test_shared_memory_is_as_large_as_the_pod_or_as_asked_for(pods: TrialPods, job: Job) -> None:
    (mount,) = job.container["volumeMounts"]
    assert mount["mountPath"] == "/dev/shm"
    (volume,) = job.pod["volumes"]
    assert volume == {"name": mount["name"], "emptyDir": {"medium": "Memory"}}
    asking = pods.job(shared_memory="512Mi")
    assert mistakes_in_job(asking.manifest) == []
    (volume,) = asking.pod["volumes"]
    assert volume["emptyDir"]["sizeLimit"] == "512Mi"


def test_a_trial_gets_no_key_to_the_cluster(job: Job) -> None:
    assert job.pod["automountServiceAccountToken"] is False


def test_what_a_study_asks_for_comes_to_what_the_deployment_says(pods: TrialPods) -> None:
    asking = pods.job(env={"RUN": "{study}/{number}", "OMP_NUM_THREADS": "4"}, cpu_limit="4")
    environment = asking.environment
    assert environment["RUN"] == "digits/7"
    assert environment["OMP_NUM_THREADS"] == "4"
    assert environment["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "relinquish"
    assert asking.container["resources"]["limits"] == {"cpu": "4", "memory": "2Gi"}


@pytest.mark.parametrize(
    "job_variables",
    [{"gpus": "many"}, {"gpus": 0}, {"memory_limit": 2048}, {"tolerations": "all"}],
    ids=str,
)
def test_a_job_variable_of_another_kind_is_refused_before_there_is_a_run(
    pods: TrialPods, job_variables: Mapping[str, Any]
) -> None:
    answer = pods.ask("{}", job_variables)
    assert answer.status_code == 422, answer.text
    assert next(iter(job_variables)) in answer.text


def test_the_template_is_prefects_own_but_for_what_pods_of_trials_need() -> None:
    from prefect_kubernetes.worker import KubernetesWorker

    ours, prefects = (
        read_template(),
        copy.deepcopy(KubernetesWorker.get_default_base_job_template()),
    )
    spec = ours["job_configuration"]["job_manifest"]["spec"]
    spec["backoffLimit"] = "{{ backoff_limit }}"
    pod = spec["template"]["spec"]
    for name in ("automountServiceAccountToken", "nodeSelector", "tolerations", "volumes"):
        del pod[name]
    (container,) = pod["containers"]
    del container["volumeMounts"]
    del container["resources"]["limits"]["nvidia.com/gpu"]
    assert ours["job_configuration"] == prefects["job_configuration"]

    variables = ours["variables"]["properties"]
    added = {"gpus", "node_selector", "shared_memory", "tolerations"}
    kept = {name: form for name, form in variables.items() if name not in added}
    assert set(variables) == added | set(kept)
    del prefects["variables"]["properties"]["backoff_limit"]
    assert kept == prefects["variables"]["properties"]
    del ours["variables"]["properties"], prefects["variables"]["properties"]
    assert {**ours["variables"], "description": ""} == {**prefects["variables"], "description": ""}


def test_every_variable_of_the_template_is_used_in_it() -> None:
    template = read_template()
    used = re.findall(r"{{ (\w+) }}", json.dumps(template["job_configuration"]))
    assert set(used) == set(template["variables"]["properties"])
