"""A Dask scheduler and its workers, each a process of its own, to be killed by a test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from prefect_tuner.tasks.engines.network_address import is_open
from tests.polling import eventually


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def assert_open(port: int) -> None:
    """Assert that somebody of this machine takes connections there."""
    assert is_open("127.0.0.1", port), f"nobody answers at port {port}"


class DaskCluster:
    """A cluster of this machine.

    Args:
        folder: For logs and what workers leave.
        workers: How many there are in the beginning.
    """

    def __init__(self, folder: Path, workers: int = 2) -> None:
        self._folder = folder
        self._count = workers
        self._port = free_port()
        self.address = f"tcp://127.0.0.1:{self._port}"
        self.workers: list[subprocess.Popen[bytes]] = []
        self._scheduler: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start_scheduler()
        for _ in range(self._count):
            self.start_worker()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for process in [*self.workers, self._scheduler]:
            if process is not None and process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def start_scheduler(self) -> None:
        """Start it, once more after `kill_scheduler`, at the same address."""
        arguments = ["--host", "127.0.0.1", "--port", str(self._port), "--dashboard-address", ":0"]
        self._scheduler = self._started("dask_scheduler", *arguments)
        eventually(lambda: assert_open(self._port), timeout=60)

    def start_worker(self) -> None:
        """Start a worker that runs one trial at a time, under a nanny that starts it again."""
        arguments = [self.address, "--nthreads", "1", "--local-directory", str(self._folder)]
        options = ["--no-dashboard", "--worker-port", "0", "--death-timeout", "60"]
        self.workers.append(self._started("dask_worker", *arguments, *options))

    def kill_scheduler(self) -> None:
        """Have it vanish."""
        assert self._scheduler is not None
        os.killpg(self._scheduler.pid, signal.SIGKILL)
        self._scheduler.wait()

    def kill_worker(self, number: int) -> None:
        """Have a worker vanish for good, with its nanny and its trials."""
        process = self.workers.pop(number)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _started(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{program}", *arguments]
        with (self._folder / f"{program}.log").open("ab") as log:
            return subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
