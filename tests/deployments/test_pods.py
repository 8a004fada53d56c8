"""The deployment `trial/pods`: what a worker of Kubernetes makes of it, without a cluster."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect_kubernetes.worker import KubernetesWorker, KubernetesWorkerJobConfiguration

from prefect_tuner import __version__
from prefect_tuner.tasks.flow_runs.job_variables import filled, template_values
from prefect_tuner.trial import TrialLimits
from tests.deployments.dockerfile import read_dockerfile
from tests.deployments.kubernetes_job import mistakes_in_job
from tests.deployments.prefect_yaml import deployment_in_prefect_yaml
from tests.deployments.rest_client import RestClient
from tests.deployments.studies import ROOT

BASE_JOB_TEMPLATE = ROOT / "deployments" / "kubernetes" / "base_job_template.json"
POOL = "pods-of-the-tests"

Manifest = dict[str, Any]
Render = Callable[..., Manifest]

BYTES = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def in_bytes(quantity: str) -> int:
    """A size as Kubernetes writes it."""
    number, unit = re.fullmatch(r"(\d+)([A-Za-z]*)", quantity).groups()  # type: ignore[union-attr]
    return int(number) * BYTES[unit]


def container_of(manifest: Manifest) -> dict[str, Any]:
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found


def environment_of(manifest: Manifest) -> dict[str, str]:
    return {each["name"]: each["value"] for each in container_of(manifest)["env"]}


def read_template() -> dict[str, Any]:
    template: dict[str, Any] = json.loads(BASE_JOB_TEMPLATE.read_text("utf-8"))
    return template


@pytest.fixture(scope="module")
def pods(rest: RestClient) -> Iterator[str]:
    """The id of the deployment, as prefect.yaml has it, on a pool with the template."""
    pool = {"name": POOL, "type": "kubernetes", "base_job_template": read_template()}
    assert rest.post("/work_pools/", pool).status_code == 201
    flow = rest.post("/flows/", {"name": "trial"}).json()["id"]
    entry = deployment_in_prefect_yaml("trial", "pods")
    deployment = rest.post(
        "/deployments/",
        {
            "name": POOL,
            "flow_id": flow,
            "work_pool_name": POOL,
            "entrypoint": entry["entrypoint"],
            "job_variables": entry["work_pool"]["job_variables"],
        },
    )
    assert deployment.status_code == 201, deployment.text
    yield deployment.json()["id"]
    rest.delete(f"/deployments/{deployment.json()['id']}")
    rest.delete(f"/work_pools/{POOL}")


async def _manifest(flow_run_id: str) -> Manifest:
    """What a worker does with a flow run before it asks Kubernetes for a job."""
    async with get_client() as client:
        configuration = await KubernetesWorkerJobConfiguration.resolve_for_flow_run(
            await client.read_flow_run(UUID(flow_run_id)),
            client=client,
            work_pool=await client.read_work_pool(POOL),
            worker_name="worker",
        )
    manifest: Manifest = configuration.job_manifest
    return manifest


@pytest.fixture(scope="module")
def render(pods: str, rest: RestClient) -> Render:
    """The job of a trial's flow run, for which the study asks for job variables."""

    def rendered(limits: TrialLimits | None = None, **asked_for: Any) -> Manifest:
        values = template_values("digits", 7, 2, limits or TrialLimits())
        answer = rest.post(
            f"/deployments/{pods}/create_flow_run",
            {
                "name": "digits-7 (attempt 2)",
                "parameters": {"request": "{}"},
                "job_variables": filled(asked_for, values),
            },
        )
        assert answer.status_code == 201, answer.text
        manifest = asyncio.run(_manifest(answer.json()["id"]))
        assert environment_of(manifest)["PREFECT__FLOW_RUN_ID"] == answer.json()["id"]
        return manifest

    return rendered


@pytest.fixture(scope="module")
def job(render: Render) -> Manifest:
    """That of a study which asks for nothing."""
    return render()


def test_kubernetes_takes_the_job(job: Manifest) -> None:
    assert mistakes_in_job(job) == []
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")


def test_an_attempt_is_never_run_twice(job: Manifest) -> None:
    # Not by the kubelet, not by Kubernetes, and not by Prefect after an eviction.
    assert job["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert job["spec"]["backoffLimit"] == 0
    assert environment_of(job)["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "relinquish"


def test_no_study_can_have_it_run_twice(render: Render) -> None:
    assert render(backoff_limit=6)["spec"]["backoffLimit"] == 0


def test_it_executes_the_flow_run_in_the_image_and_against_the_server(
    job: Manifest, rest: RestClient
) -> None:
    container = container_of(job)
    assert container["image"] == f"prefect-tuner:{__version__}"
    assert container["args"] == ["prefect", "flow-run", "execute"]
    # The image's own entry point stays, which reaps what trials leave behind.
    assert "command" not in container
    assert environment_of(job)["PREFECT_API_URL"] == rest.api_url


def test_a_file_as_the_objective_is_found_in_the_folder_of_the_image() -> None:
    entry, image = deployment_in_prefect_yaml("trial", "pods"), read_dockerfile()
    assert entry["pull"] == [
        {"prefect.deployments.steps.set_working_directory": {"directory": image.folder}}
    ]
    assert f"COPY deployments {image.folder}/deployments" in (
        ROOT / "deployments" / "Dockerfile"
    ).read_text("utf-8")


def test_the_pod_is_named_and_labelled_as_the_trial(job: Manifest, pods: str) -> None:
    assert job["metadata"]["generateName"] == "digits-7-attempt-2-"
    for labels in (
        job["metadata"]["labels"],
        job["spec"]["template"]["metadata"]["labels"],
    ):
        # By the first of them, Prefect's worker hears of pods that are gone.
        assert labels["prefect.io/flow-run-id"] == environment_of(job)["PREFECT__FLOW_RUN_ID"]
        assert labels["prefect.io/deployment-id"] == pods
        assert labels["prefect.io/work-pool-name"] == POOL


def test_what_it_may_take_is_set_apart_for_it(job: Manifest) -> None:
    resources = container_of(job)["resources"]
    # Kubernetes takes the limits for requests that are not there. One that is would have to be
    # changed with its limit: larger ones are refused.
    assert resources["requests"] == {}
    assert set(resources["limits"]) == {"cpu", "memory"}
    assert resources["limits"]["cpu"] == environment_of(job)["OMP_NUM_THREADS"]


def test_its_memory_is_above_the_trials_own(render: Render) -> None:
    memory = 3_000_000_000
    job = render(TrialLimits(memory=memory), memory_limit="{memory_mb}Mi")
    assert mistakes_in_job(job) == []
    assert in_bytes(container_of(job)["resources"]["limits"]["memory"]) >= memory + 500_000_000


def test_it_has_a_gpu_where_one_is_asked_for(render: Render, job: Manifest) -> None:
    node, toleration = {"gpu": "l4"}, {"key": "nvidia.com/gpu", "operator": "Exists"}
    asking = render(gpus=1, node_selector=node, tolerations=[toleration])
    assert mistakes_in_job(asking) == []
    pod = asking["spec"]["template"]["spec"]
    assert container_of(asking)["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod["nodeSelector"] == node
    assert pod["tolerations"] == [toleration]
    assert "nvidia.com/gpu" not in container_of(job)["resources"]["limits"]
    assert {"nodeSelector", "tolerations"}.isdisjoint(job["spec"]["template"]["spec"])


def test_shared_memory_is_as_large_as_the_pod_or_as_asked_for(
    render: Render, job: Manifest
) -> None:
    (mount,) = container_of(job)["volumeMounts"]
    assert mount["mountPath"] == "/dev/shm"
    (volume,) = job["spec"]["template"]["spec"]["volumes"]
    assert volume == {"name": mount["name"], "emptyDir": {"medium": "Memory"}}
    asking = render(shared_memory="512Mi")
    assert mistakes_in_job(asking) == []
    (volume,) = asking["spec"]["template"]["spec"]["volumes"]
    assert volume["emptyDir"]["sizeLimit"] == "512Mi"


def test_a_trial_gets_no_key_to_the_cluster(job: Manifest) -> None:
    assert job["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


def test_what_a_study_asks_for_comes_to_what_the_deployment_says(render: Render) -> None:
    asking = render(env={"RUN": "{study}/{number}", "OMP_NUM_THREADS": "4"}, cpu_limit="4")
    environment = environment_of(asking)
    assert environment["RUN"] == "digits/7"
    assert environment["OMP_NUM_THREADS"] == "4"
    assert environment["PREFECT_FLOW_RUN_EXECUTE_SIGTERM_BEHAVIOR"] == "relinquish"
    assert container_of(asking)["resources"]["limits"] == {"cpu": "4", "memory": "2Gi"}


@pytest.mark.parametrize(
    "job_variables",
    [{"gpus": "many"}, {"gpus": 0}, {"memory_limit": 2048}, {"tolerations": "all"}],
    ids=str,
)
def test_a_job_variable_of_another_kind_is_refused_before_there_is_a_run(
    pods: str, rest: RestClient, job_variables: Mapping[str, Any]
) -> None:
    asked = {"parameters": {"request": "{}"}, "job_variables": job_variables}
    answer = rest.post(f"/deployments/{pods}/create_flow_run", asked)
    assert answer.status_code == 422, answer.text
    assert next(iter(job_variables)) in answer.text


def test_the_template_is_prefects_own_but_for_what_pods_of_trials_need() -> None:
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


def _without_image(job: Manifest) -> None:
    container_of(job)["image"] = None


def _without_containers(job: Manifest) -> None:
    del job["spec"]["template"]["spec"]["containers"]


def _misspelled(job: Manifest) -> None:
    job["spec"]["backofLimit"] = job["spec"].pop("backoffLimit")


def _at_the_wrong_place(job: Manifest) -> None:
    job["spec"]["restartPolicy"] = job["spec"]["template"]["spec"].pop("restartPolicy")


def _with_a_number_as_a_variable(job: Manifest) -> None:
    container_of(job)["env"].append({"name": "N", "value": 7})


def _with_a_text_as_a_number(job: Manifest) -> None:
    job["spec"]["backoffLimit"] = "0"


def _with_a_command_in_one_piece(job: Manifest) -> None:
    container_of(job)["args"] = "prefect flow-run execute"


def _with_labels_in_a_list(job: Manifest) -> None:
    job["metadata"]["labels"] = ["trial"]


@pytest.mark.parametrize(
    ("break_it", "mistakes"),
    [
        (_without_image, ["job.spec.template.spec.containers[0].image"]),
        (_without_containers, ["job.spec.template.spec.containers"]),
        (_misspelled, ["job.spec.backofLimit"]),
        (_at_the_wrong_place, ["job.spec.restartPolicy"]),
        (_with_a_number_as_a_variable, ["job.spec.template.spec.containers[0].env[{last}].value"]),
        (_with_a_text_as_a_number, ["job.spec.backoffLimit"]),
        (_with_a_command_in_one_piece, ["job.spec.template.spec.containers[0].args"]),
        (_with_labels_in_a_list, ["job.metadata.labels"]),
    ],
)
def test_a_broken_job_is_found_out(
    job: Manifest, break_it: Callable[[Manifest], None], mistakes: list[str]
) -> None:
    broken = copy.deepcopy(job)
    break_it(broken)
    last = len(container_of(job)["env"])
    assert mistakes_in_job(broken) == [each.format(last=last) for each in mistakes]
