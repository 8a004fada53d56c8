"""Programs that a benchmark starts and stops, each with a log of its own."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

START_SECONDS = 180.0
END_SECONDS = 20.0
SHOWN = 3_000


class _Program(NamedTuple):
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals


class Processes:
    """What was started, in that order; the end of `with` stops it in the reverse one.

    The kernel ends them as well when this process is killed.

    Args:
        folder: Where their logs go.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: list[_Program] = []
        self.logs: list[Path] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        while self._running:
            _stop(self._running.pop())

    def start(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        user: str | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        """Start a program without input; what it writes goes to its log."""
        log = self._folder / f"{name}.log"
        with log.open("ab") as written:
            process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *command],  # noqa: S607 - wherever it is
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=written,
                start_new_session=True,
                user=user,
                group=None if user is None else user_group(user),
                extra_groups=None if user is None else [],
            )
        self._running.append(_Program(process, log, stop_signal))
        if log not in self.logs:
            self.logs.append(log)

    def await_ready(self, what: str, is_ready: Callable[[], bool]) -> None:
        """Wait until it is.

        Raises:
            RuntimeError: One of the programs has ended, or it takes too long.
        """
        deadline = time.monotonic() + START_SECONDS
        while not is_ready():
            self.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"{what} is not ready after {START_SECONDS:.0f} s")
            time.sleep(0.2)

    def log_sizes(self) -> dict[Path, int]:
        """How much is in the logs now, for `logged_since`."""
        return {log: log.stat().st_size for log in self.logs}

    def logged_since(self, sizes: Mapping[Path, int]) -> list[str]:
        """The lines that have come to the logs since."""
        texts = (log.read_bytes()[sizes.get(log, 0) :] for log in self.logs)
        return [line for text in texts for line in text.decode(errors="replace").splitlines()]

    def check(self, *, may_finish: bool = False) -> None:
        """See whether all run, or have come to a good end if they may.

        Raises:
            RuntimeError: One has ended; shows the end of its log.
        """
        for program in self._running:
            code = program.process.poll()
            if code is not None and (code or not may_finish):
                tail = program.log.read_text(errors="replace")[-SHOWN:]
                raise RuntimeError(f"{program.log.stem} has ended:\n{tail}")


def _stop(program: _Program) -> None:
    process = program.process
    if process.poll() is None:
        process.send_signal(program.stop_signal)
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def finish(command: Sequence[str], environment: Mapping[str, str], user: str | None = None) -> None:
    """Run a program to its end.

    Raises:
        RuntimeError: It failed; shows the end of what it wrote.
    """
    done = subprocess.run(
        command,
        env=environment,
        user=user,
        group=None if user is None else user_group(user),
        extra_groups=None if user is None else [],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        written = (done.stdout + done.stderr).decode(errors="replace")
        raise RuntimeError(f"{' '.join(command)} failed:\n{written[-SHOWN:]}")


def user_group(user: str) -> int:
    """The group that a user belongs to first."""
    return pwd.getpwnam(user).pw_gid


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def is_listening(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with socket.socket() as client:
        client.settimeout(1.0)
        return client.connect_ex(("127.0.0.1", port)) == 0
