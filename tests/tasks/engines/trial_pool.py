"""A process work pool with workers of its own, and a deployment of the flow `trial` on it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import WorkerStatus
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType
from prefect.workers.process import ProcessWorker

from prefect_tuner.flows.trial import trial
from tests.deployments.programs import OF_WORKERS
from tests.marked_processes import MarkedProcesses
from tests.polling import eventually


class TrialPool:
    """Attributes:
    pool: Its name.
    deployment: The name of the deployment.
    workers: Its workers, all that were started.
    processes: These, and all that they have started.
    """

    def __init__(self) -> None:
        self.pool = f"trials-{uuid.uuid4().hex[:8]}"
        self.deployment = f"trial/{self.pool}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self.processes = MarkedProcesses()

    def start_worker(self, folder: Path) -> subprocess.Popen[bytes]:
        """Start a worker in a folder that has nothing to do with the objective."""
        name = f"worker-{len(self.workers)}"
        command = ["-m", "prefect", "worker", "start", "--pool", self.pool, "--name", name]
        with (folder / f"{name}.log").open("wb") as log:
            worker = subprocess.Popen(
                [sys.executable, *command],
                cwd=folder,
                env=os.environ | self.processes.environment | OF_WORKERS,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.workers.append(worker)
        return worker

    def await_workers(self, count: int) -> None:
        """Wait until so many are online."""

        def online() -> None:
            with get_client(sync_client=True) as client:
                found = client.read_workers_for_work_pool(self.pool)
                assert sum(each.status is WorkerStatus.ONLINE for each in found) >= count

        eventually(online, timeout=90.0)


def deploy(flow: Any, name: str, pool: str | None = None, **variables: Any) -> UUID:
    """The id of a deployment of a flow, made; the flow is named by its module."""
    made: RunnerDeployment = flow.to_deployment(
        name,
        work_pool_name=pool,
        entrypoint_type=EntrypointType.MODULE_PATH,
        job_variables=variables,
    )
    return cast("UUID", made.apply())


@contextmanager
def trial_pool(limit: int | None = None) -> Iterator[TrialPool]:
    """The pool with its deployment and without a worker; all is gone afterwards."""
    made = TrialPool()
    with get_client(sync_client=True) as client:
        # As the command makes it.
        template = ProcessWorker.get_default_base_job_template()
        pool = WorkPoolCreate(
            name=made.pool, type="process", base_job_template=template, concurrency_limit=limit
        )
        client.create_work_pool(pool)
    # Without it, a process is started first that finds out what to start.
    command = f"{shlex.quote(sys.executable)} -m prefect.engine"
    deployment_id = deploy(trial, made.pool, made.pool, command=command)
    try:
        yield made
    finally:
        for worker in made.workers:
            worker.terminate()
        for worker in made.workers:
            with suppress(subprocess.TimeoutExpired):
                worker.wait(30)
        for pid in made.processes.find():  # Of workers that were killed.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with get_client(sync_client=True) as client:
            client.delete_deployment(deployment_id)
            client.delete_work_pool(made.pool)
