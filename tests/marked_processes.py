"""The processes that descend from one that a test has started, found by a mark they inherit."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tests.polling import eventually

_VARIABLE = "PREFECT_TUNER_TEST_MARK"


class MarkedProcesses:
    """All processes that run with the same mark in their environment.

    They are found in whatever session or process group they are, and whether their parents still
    live.

    Attributes:
        environment: What to start the first of them with, beside the rest.
    """

    def __init__(self) -> None:
        mark = str(uuid.uuid4())
        self.environment = {_VARIABLE: mark}
        self._mark = f"{_VARIABLE}={mark}".encode()

    def find(self, command: str = "") -> list[int]:
        """Their numbers; of those with `command` in their command line."""
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                marked = self._mark in (folder / "environ").read_bytes().split(b"\0")
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # It ended while we looked, or is somebody else's.
                continue
            # A zombie has no command line.
            if marked and line and command in line:
                found.append(int(folder.name))
        return found

    def assert_gone(self, timeout: float = 5.0) -> None:
        """None of them runs, `timeout` seconds from now at the latest."""

        def gone() -> None:
            assert self.find() == []

        eventually(gone, timeout=timeout, interval=0.02)


def runs(pid: int, command: str) -> bool:
    """Whether a process is there and has `command` in its command line."""
    try:
        return command.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def kill_one_of(pids: Sequence[int]) -> bool:
    """Kill the first of these processes with SIGKILL, and tell whether it was there."""
    with suppress(ProcessLookupError):
        for pid in pids[:1]:
            os.kill(pid, signal.SIGKILL)
            return True
    return False
