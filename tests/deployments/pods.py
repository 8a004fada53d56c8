"""The deployment `trial/pods` on a server, and the jobs that a worker of Kubernetes makes of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client

from prefect_tuner.tasks.flow_runs.job_variables import filled, template_values
from prefect_tuner.trial import TrialLimits
from tests.deployments.prefect_yaml import deployment_in_prefect_yaml
from tests.deployments.rest_client import RestClient
from tests.deployments.studies import ROOT

BASE_JOB_TEMPLATE = ROOT / "deployments" / "kubernetes" / "base_job_template.json"
POOL = "pods-of-the-tests"

Manifest: TypeAlias = dict[str, Any]
"""A Kubernetes job, as it is sent."""


class Job(NamedTuple):
    """What a worker asks Kubernetes for.

    Attributes:
        flow_run: The id of the trial's flow run.
        manifest: The job.
    """

    flow_run: str
    manifest: Manifest

    @property
    def pod(self) -> dict[str, Any]:
        """What its pod is to be."""
        found: dict[str, Any] = self.manifest["spec"]["template"]["spec"]
        return found

    @property
    def container(self) -> dict[str, Any]:
        """The one container of the pod."""
        (container,) = self.pod["containers"]
        found: dict[str, Any] = container
        return found

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the container."""
        return {each["name"]: each["value"] for each in self.container["env"]}


def read_template() -> dict[str, Any]:
    """The template that pools for pods are made with."""
    template: dict[str, Any] = json.loads(BASE_JOB_TEMPLATE.read_text("utf-8"))
    return template


class TrialPods:
    """The deployment as prefect.yaml has it, on a pool with the template.

    Without its pull steps: the folder that they name is one of the image.

    Args:
        rest: Of the server.
    """

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest
        pool = {"name": POOL, "type": "kubernetes", "base_job_template": read_template()}
        assert rest.post("/work_pools/", pool).status_code == 201
        entry = deployment_in_prefect_yaml("trial", "pods")
        answer = rest.post(
            "/deployments/",
            {
                "name": POOL,
                "flow_id": rest.post("/flows/", {"name": "trial"}).json()["id"],
                "work_pool_name": POOL,
                "entrypoint": entry["entrypoint"],
                "job_variables": entry["work_pool"]["job_variables"],
            },
        )
        assert answer.status_code == 201, answer.text
        self.deployment: str = answer.json()["id"]

    def remove(self) -> None:
        """Leave nothing of it."""
        self._rest.delete(f"/deployments/{self.deployment}")
        self._rest.delete(f"/work_pools/{POOL}")

    def ask(self, request: str, job_variables: Mapping[str, Any]) -> httpx.Response:
        """The answer to the wish for a trial's flow run."""
        return self._rest.post(
            f"/deployments/{self.deployment}/create_flow_run",
            {
                "name": "digits-7 (attempt 2)",
                "parameters": {"request": request},
                "job_variables": job_variables,
            },
        )

    def job(
        self, limits: TrialLimits | None = None, request: str = "{}", **job_variables: Any
    ) -> Job:
        """The job of a trial, for which its study asks for job variables.

        Args:
            limits: Those of the trial, for templates.
            request: What the flow run is started with.
            **job_variables: As they are in `engine_options`.
        """
        values = template_values("digits", 7, 2, limits or TrialLimits())
        answer = self.ask(request, filled(job_variables, values))
        assert answer.status_code == 201, answer.text
        flow_run = answer.json()["id"]
        return Job(flow_run, asyncio.run(_manifest(flow_run)))


async def _manifest(flow_run: str) -> Manifest:
    """What a worker does with a flow run before it asks Kubernetes for a job."""
    # Here: it takes two seconds, which tests of other files do not wait for.
    from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

    async with get_client() as client:
        configuration = await KubernetesWorkerJobConfiguration.resolve_for_flow_run(
            await client.read_flow_run(UUID(flow_run)),
            client=client,
            work_pool=await client.read_work_pool(POOL),
            worker_name="worker",
        )
    manifest: Manifest = configuration.job_manifest
    return manifest
