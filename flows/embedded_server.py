"""The server that Prefect starts by itself where no `PREFECT_API_URL` is configured.

Left alone, it is not allowed in every profile, has 20 s for its first start, hears Ctrl-C before
the flow run's last words were sent to it, and survives when this process is killed. Here it gets
what it needs to serve a command in a terminal.
"""

from __future__ import annotations

import atexit
import os
import signal
import subprocess
import threading
import time
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.context import refresh_global_settings_context
from prefect.settings import get_current_settings

STARTUP_TIMEOUT = 120
"""Seconds: a first start also creates the database."""

_POLL = 0.2

_PORT_TAKEN = 3
"""The server's exit code on which Prefect tries another port."""

# Reads the server's process id, then waits until this process is gone, however it went.
_WATCH = 'read -r server && cat; [ -n "$server" ] && kill "$server"'


def start_embedded_server() -> None:
    """Have Prefect start its embedded server, for this process and as long as it lives.

    Raises:
        RuntimeError: It does not start.
    """
    from prefect.server.api.server import SubprocessASGIServer

    _allow_embedded_server()
    watch = subprocess.Popen(
        ["sh", "-c", _WATCH],  # noqa: S607 - any shell will do
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Registered before Prefect's own, so called after it: then there is nothing left to watch.
    atexit.register(watch.kill)
    server = SubprocessASGIServer()  # The one of this process, which `get_client` finds, too.
    start = _Start()
    start.start()
    while start.is_alive():
        start.join(_POLL)
        process = server.server_process
        if process is not None and process.poll() not in (None, _PORT_TAKEN):
            raise RuntimeError(f"Prefect's server ended with exit code {process.returncode}")
    if start.error is not None:
        raise RuntimeError(f"Prefect's server did not start: {start.error}") from start.error
    if server.server_process is not None and watch.stdin is not None:
        watch.stdin.write(f"{server.server_process.pid}\n".encode())
        watch.stdin.flush()


class _Start(threading.Thread):
    """Starts the server from a thread that is deaf to Ctrl-C, and so is the server then.

    In a terminal Ctrl-C reaches all processes. The server has to outlive it, to be told how the
    flow run ended; it is stopped at this process's exit.
    """

    def __init__(self) -> None:
        super().__init__(name="embedded-server", daemon=True)
        self.error: Exception | None = None

    def run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            with get_client(sync_client=True) as client:
                self.error = client.api_healthcheck()
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits
            self.error = error


def _allow_embedded_server() -> None:
    ephemeral = get_current_settings().server.ephemeral
    os.environ["PREFECT_SERVER_EPHEMERAL_ENABLED"] = "true"
    if "startup_timeout_seconds" not in ephemeral.model_fields_set:
        os.environ["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = str(STARTUP_TIMEOUT)
    refresh_global_settings_context()


def wait_until_recorded(flow_run_id: UUID, task_runs: int, timeout: float) -> bool:
    """Wait until the server has recorded the end of a flow run's task runs.

    It does so in its own time, after the flow run, and what it has not recorded when it is stopped
    is lost.

    Args:
        flow_run_id: The flow run.
        task_runs: How many task runs it had.
        timeout: Seconds to wait at most.

    Returns:
        Whether all are recorded.
    """
    deadline = time.monotonic() + timeout
    ended = TaskRunFilter(
        state=TaskRunFilterState(type=TaskRunFilterStateType(any_=sorted(TERMINAL_STATES)))
    )
    with get_client(sync_client=True) as client:
        while task_runs > 0:
            last = client.read_task_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])),
                task_run_filter=ended,
                limit=1,
                offset=task_runs - 1,
            )
            if last:
                break
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
    return True
