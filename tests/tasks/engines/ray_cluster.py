"""A Ray of this machine for tests: a head with its node, in a process group of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from types import TracebackType
from typing import Self

from prefect_tuner.tasks.process_table.process_tree import descendants
from tests.polling import eventually
from tests.tasks.engines.dask_cluster import assert_open, free_port

_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}


class RayCluster:
    """A Ray with two CPUs.

    Attributes:
        address: Of its head.
    """

    def __init__(self) -> None:
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"
        # Sockets lie in there, whose paths may not be long.
        self._folder = tempfile.mkdtemp(prefix="ray-")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        os.environ.update(_ENVIRONMENT)
        ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
        options = [f"--port={self._port}", "--num-cpus=2", "--include-dashboard=false"]
        self._process = subprocess.Popen(
            [*ray, *options, f"--temp-dir={self._folder}", "--node-ip-address=127.0.0.1"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        eventually(lambda: assert_open(self._port), timeout=60)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process is not None
        started = [self._process.pid, *descendants(self._process.pid)]
        for pid in started:  # Asked to end, it takes half a minute.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
