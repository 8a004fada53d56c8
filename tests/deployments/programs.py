"""Programs that run beside a test, with all that they start, and of which nothing is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.polling import eventually

OF_WORKERS = {
    # Asked for work every second, and not every ten or fifteen.
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    # A sign of life that meets another write fails on SQLite, and what is left of the failure can
    # hold up Prefect's server for a minute (docs/scale.md).
    "PREFECT_WORKER_HEARTBEAT_SECONDS": "600",
}
"""Settings of workers for tests."""

_COMMAND_LINES = """
import runpy, shlex, sys
for line in sys.argv[1:]:
    sys.argv = ["prefect", "--no-prompt", *shlex.split(line)]
    try:
        runpy.run_module("prefect", run_name="__main__")
    except SystemExit as end:
        if end.code:
            raise
"""

_MARK = "PREFECT_TUNER_TEST_PROGRAM"


class Program:
    """A program that runs, and the processes that it has started.

    They are found by a mark in their environment, which they inherit: in whatever session or
    process group they are, and whether their parents still live.

    Args:
        command: What to run.
        folder: Where, and where its output goes.
        environment: What it has of an environment; this process's own when left out.
    """

    def __init__(
        self, command: list[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._mark = f"{_MARK}={uuid.uuid4()}"
        self._log = folder / "output.log"
        name, _, value = self._mark.partition("=")
        environment = {
            **(os.environ if environment is None else environment),
            name: value,
            **OF_WORKERS,
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
            "PYTHONUNBUFFERED": "1",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def children(self, command: str = "") -> list[int]:
        """The processes that it has started, directly or not, with `command` in their own."""
        mark = self._mark.encode()
        found = []
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit() or int(folder.name) == self._process.pid:
                continue
            try:
                marked = mark in (folder / "environ").read_bytes().split(b"\0")
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:  # It ended while we looked, or is somebody else's.
                continue
            # A zombie has no command line.
            if marked and line and command in line:
                found.append(int(folder.name))
        return found

    def output(self) -> str:
        """What it has written so far."""
        return self._log.read_text(errors="replace")

    def assert_it_runs(self) -> None:
        """Fail with what it has written when it has stopped."""
        assert self._process.poll() is None, self.output()

    def terminate(self, timeout: float = 20.0) -> int:
        """Send SIGTERM, as an init system does, and return the exit code."""
        self._process.terminate()
        return self._process.wait(timeout)

    def wait(self, timeout: float = 60.0) -> int:
        """Wait for its end, and return the exit code."""
        return self._process.wait(timeout)

    def remove(self) -> None:
        """Leave nothing of it, come what may."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

        def nothing_is_left() -> None:
            for process in self.children():
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            assert not self.children()

        eventually(nothing_is_left, timeout=10.0)


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[Program]:
    """Run a Python program with the arguments of `python` until the block ends."""
    program = Program([sys.executable, *command], folder)
    try:
        yield program
    finally:
        program.remove()


def run_prefect(*lines: str) -> None:
    """Run command lines of `prefect`, in one process since each start imports all of Prefect."""
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND_LINES, *lines],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
