"""A process work pool of this machine with one worker, for benchmarks."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

POOL = "benchmark"
LOOK = 0.2
"""Seconds between two looks whether a flow run has ended."""

BARE_FLOW = """
from prefect import flow

@flow
def bare():
    return 1.0
"""


class WorkPool:
    """Started with `with`, inside a flow run, where Prefect has a server."""

    def __enter__(self) -> Self:
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.actions import WorkPoolCreate

        self._folder = tempfile.TemporaryDirectory(prefix="work-pool-")
        folder = Path(self._folder.name)
        (folder / "bare_flow.py").write_text(BARE_FLOW)
        with get_client(sync_client=True) as client:
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
            server = str(client.api_url)
        environment = {"PREFECT_API_URL": server, "PREFECT_WORKER_QUERY_SECONDS": "1"}
        self._worker = subprocess.Popen(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", POOL],
            cwd=folder,
            env=os.environ | environment,
            stdout=subprocess.DEVNULL,
        )
        _deploy("prefect_tuner.flows.trial.trial", "benchmark", folder, environment)
        _deploy("bare_flow.py:bare", "benchmark", folder, environment)
        self.wait_for_a_flow_run()  # The worker is there then.
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.terminate()
        self._worker.wait()
        self._folder.cleanup()

    def engine(self, study: Any) -> Any:
        """The engine `deployment` on the pool."""
        from prefect_tuner.tasks.engines.deployment import DeploymentEngine
        from prefect_tuner.tasks.flow_runs.deployment_options import DeploymentOptions

        return DeploymentEngine(study, DeploymentOptions(deployment="trial/benchmark"))

    def wait_for_a_flow_run(self) -> None:
        """Have a flow run that does nothing, and look for its end."""
        from prefect.client.orchestration import get_client
        from prefect.deployments import run_deployment

        run: Any = run_deployment("bare/benchmark", timeout=0)
        with get_client(sync_client=True) as client:
            while True:
                state = client.read_flow_run(run.id).state
                if state is not None and state.is_final():
                    if not state.is_completed():
                        raise RuntimeError(f"the flow run did not complete: {state}")
                    return
                time.sleep(LOOK)


def _deploy(entrypoint: str, name: str, folder: Path, environment: dict[str, str]) -> None:
    command = ["prefect", "--no-prompt", "deploy", entrypoint, "--name", name, "--pool", POOL]
    subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
