"""A Ray of this machine for tests: a head with its node, in a process group of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from prefect_tuner.tasks.process_table.process_tree import descendants

_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}


# Not `ray start`: it also starts a server for Ray Client, at the same port on all of a machine and
# by a shell that does not find a folder with a space in its name, and it ends the cluster with it.
_HEAD = """
import sys, ray
settings = {"num_cpus": 2, "include_dashboard": False, "log_to_driver": False}
context = ray.init(**settings, _temp_dir=sys.argv[1], _node_ip_address="127.0.0.1")
print(context.address_info["gcs_address"], flush=True)
sys.stdin.read()
"""


class RayCluster:
    """A Ray with two CPUs.

    Attributes:
        address: Of its head; empty before it is started.
    """

    def __init__(self) -> None:
        self.address = ""
        # Sockets lie in there, whose paths may not be long.
        self._folder = tempfile.mkdtemp(prefix="ray-")
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        os.environ.update(_ENVIRONMENT)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _HEAD, self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        assert self.address, "Ray does not start"
        return self

    def kill_head(self) -> None:
        """Have what keeps the cluster together vanish; its workers are left."""
        assert self._process is not None
        (head,) = [
            pid
            for pid in descendants(self._process.pid)
            if b"gcs_server" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        os.kill(head, signal.SIGKILL)

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
        self._process.communicate()
        shutil.rmtree(self._folder, ignore_errors=True)
