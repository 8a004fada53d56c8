"""Running attempts without Prefect, and looking at the processes they leave."""

from __future__ import annotations

import os
import re
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.messages.attempt_request import AttemptRequest
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.process_table.process_tree import children, descendants
from prefect_tuner.tasks.processes.attempt import run_attempt
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.processes.launcher import LOAD_TIMEOUT, Launcher
from prefect_tuner.trial import TrialLimits
from tests.polling import eventually

BY_NAME = "tests.tasks.faults:by_name"


@dataclass(frozen=True)
class Attempt:
    """What came of an attempt, and its log: levels and lines."""

    report: Ending
    log: list[tuple[int, str]]

    @property
    def lines(self) -> list[str]:
        return [line for _, line in self.log]

    @property
    def pids(self) -> list[int]:
        """The processes that the objective told of."""
        return pids_in(self.lines)


def launcher_for(objective: object, **options: Any) -> Launcher:
    """A launcher with `LaunchSettings`, `load_timeout` and the search space among its options."""
    load_timeout = options.pop("load_timeout", LOAD_TIMEOUT)
    spec = describe_objective(objective, options.pop("space", None))
    return Launcher(spec, LaunchSettings(**options), load_timeout=load_timeout)


def attempt(
    launcher: Launcher,
    name: str = "",
    *,
    timeout: float | None = 60.0,
    memory: int | None = None,
    number: int = 0,
    seed: int = 0,
    attempt: int = 1,
    grace: float = 0.3,
    more: int | None = None,
    on_line: Callable[[str], None] = lambda _: None,
    **params: Any,
) -> Attempt:
    """Run an attempt.

    Args:
        launcher: Starts it.
        name: Of an objective in `faults`.
        timeout: Seconds, of the trial.
        memory: Bytes, of the trial.
        number: Of the trial.
        seed: Of the trial.
        attempt: Of the trial.
        grace: Seconds for what its program still does in the end.
        more: Trials that follow, as far as that is known.
        on_line: Is told of each line of the log when it comes.
        **params: Of the trial.
    """
    log: list[tuple[int, str]] = []

    def take(level: int, text: str) -> None:
        log.append((level, text))
        on_line(text)

    named = {"name": name, **params} if name else params
    request = AttemptRequest("tests", number, named, seed, attempt, more)
    return Attempt(run_attempt(launcher, request, TrialLimits(timeout, memory, grace), take), log)


class InBackground:
    """An attempt that runs in a thread, so that the test can do something to it."""

    def __init__(self, launcher: Launcher, name: str, **options: Any) -> None:
        self._lines: list[str] = []
        self._result: Attempt | None = None
        self._error: BaseException | None = None

        def run() -> None:
            try:
                self._result = attempt(launcher, name, on_line=self._lines.append, **options)
            except BaseException as error:
                self._error = error
                raise

        self._thread = threading.Thread(target=run)
        self._thread.start()

    def pids(self, count: int) -> list[int]:
        """The first `count` processes that the objective told of, once it has."""

        def told() -> list[int]:
            pids = pids_in(list(self._lines))
            assert len(pids) >= count, self._lines
            return pids

        return eventually(told, timeout=30, interval=0.02)

    def result(self, timeout: float = 30.0) -> Attempt:
        self._thread.join(timeout)
        assert not self._thread.is_alive(), "the attempt did not end"
        assert self._result is not None, self._error
        return self._result


def pids_in(lines: list[str]) -> list[int]:
    return [int(found[1]) for line in lines if (found := re.fullmatch(r"pid (\d+)", line))]


def is_alive(pid: int) -> bool:
    """Whether a process exists that has not ended."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def assert_gone(pids: list[int], timeout: float = 5.0) -> None:
    def gone() -> None:
        left = [f"{pid}: {_command_line(pid)}" for pid in pids if is_alive(pid)]
        assert left == []

    eventually(gone, timeout=timeout, interval=0.02)


def fork_server_of(launcher: Launcher) -> int:
    """The process number of the launcher's fork server."""
    assert launcher._shared is not None
    return launcher._shared._process.pid


def processes_of(launcher: Launcher) -> list[int]:
    """All processes of a launcher: its fork servers, and all that they or their trials started."""
    servers = [server._process.pid for server in launcher._servers]
    return servers + [pid for server in servers for pid in descendants(server)]


@dataclass(frozen=True)
class Held:
    """What this process holds."""

    processes: int
    threads: set[int | None]
    descriptors: int

    @staticmethod
    def now() -> Held:
        return Held(
            # A fork server may have its two spares, or not yet.
            processes=sum(max(2, len(descendants(child))) for child in children(os.getpid())),
            threads={thread.ident for thread in threading.enumerate()},
            descriptors=len(list(_descriptors_in_use())),
        )

    def assert_no_more(self) -> None:
        """Soon, this process holds no more than it did; a zombie counts as a process."""

        def no_more() -> None:
            now = Held.now()
            listed = [_command_line(pid) for pid in descendants(os.getpid())]
            assert now.processes <= self.processes, listed
            assert now.threads <= self.threads
            assert now.descriptors <= self.descriptors

        eventually(no_more, timeout=5.0, interval=0.02)


def _descriptors_in_use() -> Iterator[int]:
    """All but the pipes that have ended: the next trial closes that of the one before it."""
    for descriptor in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
        poll = select.poll()
        with suppress(OSError):
            poll.register(descriptor, select.POLLIN)
            if not any(event & select.POLLHUP for _, event in poll.poll(0)):
                yield descriptor


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
    except OSError:
        return "(ended)"


def in_shared_memory() -> set[str]:
    """What lies in shared memory now."""
    return set(os.listdir("/dev/shm"))  # noqa: PTH208
