"""The server that runs where no `PREFECT_API_URL` is configured, as long as this process does.

Prefect would start one by itself. That one is not allowed in every profile, has 20 s for its first
start, prints what goes wrong in it to the terminal, hears Ctrl-C before the flow run's last words
were sent to it, and survives when this process is killed. This one records what it is sent in the
same database, writes its log to a file, and ends with this process, however that ends.
"""

from __future__ import annotations

import atexit
import os
import select
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

import httpx
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    TaskRunFilter,
    TaskRunFilterState,
    TaskRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES
from prefect.context import FlowRunContext, refresh_global_settings_context
from prefect.exceptions import PrefectException
from prefect.logging import get_logger
from prefect.settings import get_current_settings

STARTUP_TIMEOUT = 120.0
"""Seconds: a first start also creates the database."""

_PROGRAM = "prefect_tuner.flows.run.embedded_server_main"
_END_TIMEOUT = 6.0
_POLL = 0.2
_LOG_SHOWN = 2_000

# Waits until this process is gone, however it went.
_WATCH = 'cat; kill "$1"'

_started: _EmbeddedServer | None = None
_watched = 0
_starting = threading.Lock()


def start_embedded_server() -> None:
    """Have a server for this process, unless it has one already.

    From then on `PREFECT_API_URL` leads to it, in this process and in those that it starts.

    Raises:
        RuntimeError: It does not start; names the file with its log.
    """
    global _started  # noqa: PLW0603 - one for the process
    with _starting:
        if _started is None or not _started.is_alive:
            server = _EmbeddedServer()
            server.await_start(_startup_timeout())
            _started = server
            os.environ["PREFECT_API_URL"] = server.api_url
            os.environ["PREFECT_UI_URL"] = ""  # It has none, which messages would refer to.
            refresh_global_settings_context()


@contextmanager
def embedded_server_where_none() -> Iterator[None]:
    """See to it that there is a server where none is configured, and that it ends with the process.

    Raises:
        RuntimeError: It does not start; names the file with its log.
    """
    settings = get_current_settings()
    if (
        settings.api.url is None
        and FlowRunContext.get() is None
        and settings.server.ephemeral.enabled
    ):
        get_logger("prefect_tuner").info(
            "Starting Prefect's server for this process, since PREFECT_API_URL is not set"
        )
        start_embedded_server()
    else:
        _end_prefects_own_with_process()
    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        if (log := embedded_server_log()) is not None:
            error.add_note(f"The log of Prefect's server: {log}")
        raise


def embedded_server_log() -> Path | None:
    """The file with the log of this process's embedded server, from now on to be kept.

    None where there is no such server.
    """
    if _started is None:
        return None
    _started.keeps_log = True
    return _started.log


def _end_prefects_own_with_process() -> None:
    """Have the server that Prefect has started for a larger flow end with this process."""
    global _watched  # noqa: PLW0603 - likewise
    module = sys.modules.get("prefect.server.api.server")
    own = None if module is None else module.SubprocessASGIServer().server_process
    if own is None or own.pid == _watched or own.poll() is not None:
        return
    _watched = own.pid
    watch = subprocess.Popen(
        ["sh", "-c", _WATCH, "sh", str(own.pid)],  # noqa: S607 - any shell will do
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    # Registered after Prefect's own, so called before it: it stops its server itself.
    atexit.register(watch.kill)


class _EmbeddedServer:
    """The process of a server.

    Attributes:
        log: The file with what it logs.
        keeps_log: Whether that stays when it ends in order.
        api_url: Where it answers; empty before it has started.
    """

    def __init__(self) -> None:
        self.log = _log_file()
        self.keeps_log = False
        self.api_url = ""
        self._owner = os.getpid()
        self._port, theirs = os.pipe()
        settings = get_current_settings().to_environment_variables(exclude_unset=True)
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", _PROGRAM, str(theirs)],
                env={**os.environ, **settings},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=[theirs],
                start_new_session=True,  # Ctrl-C in a terminal must not reach it.
            )
        os.close(theirs)
        atexit.register(self._stop)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def await_start(self, timeout: float) -> None:
        """Wait until it answers.

        Raises:
            RuntimeError: It does not.
        """
        deadline = time.monotonic() + timeout
        try:
            port = self._read_port(deadline)
            self.api_url = f"http://127.0.0.1:{port}/api"
            while not self._answers():
                self._check(deadline)
                time.sleep(_POLL)
        except BaseException:
            self.keeps_log = True
            self._stop()
            raise
        finally:
            os.close(self._port)

    def _read_port(self, deadline: float) -> int:
        while not select.select([self._port], [], [], _POLL)[0]:
            self._check(deadline)
        line = os.read(self._port, 100)
        if not line:  # It has ended, or is about to.
            self._process.wait(_END_TIMEOUT)
            self._check(deadline)
        return int(line)

    def _answers(self) -> bool:
        try:
            return (
                httpx.get(f"{self.api_url}/health", timeout=_POLL * 5).status_code == httpx.codes.OK
            )
        except httpx.HTTPError:
            return False

    def _check(self, deadline: float) -> None:
        if not self.is_alive:
            raise RuntimeError(
                f"Prefect's server ended with exit code {self._process.returncode}; its log is "
                f"{self.log}, which ends with\n{self._end_of_log()}"
            )
        if time.monotonic() >= deadline:
            raise RuntimeError(
                f"Prefect's server did not answer in time; its log is {self.log}. "
                "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS gives it more"
            )

    def _end_of_log(self) -> str:
        with suppress(OSError):
            return self.log.read_text(errors="replace")[-_LOG_SHOWN:].strip()
        return ""

    def _stop(self) -> None:
        if os.getpid() != self._owner:
            return  # A fork of this process.
        if self._process.stdin is not None:
            self._process.stdin.close()  # On which it ends.
        try:
            self._process.wait(_END_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if not self.keeps_log:
            self.log.unlink(missing_ok=True)


def _startup_timeout() -> float:
    ephemeral = get_current_settings().server.ephemeral
    if "startup_timeout_seconds" in ephemeral.model_fields_set:
        return float(ephemeral.startup_timeout_seconds)
    return STARTUP_TIMEOUT


def _log_file() -> Path:
    """A new file for the log, below Prefect's home where that can be written to."""
    name = f"server-{os.getpid()}-{time.time_ns()}.log"
    folder = get_current_settings().home / "prefect-tuner"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="prefect-tuner-")) / name
    return folder / name


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
