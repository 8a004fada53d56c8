"""Processes and their descendants, as Linux tells them in `/proc`.

Where there is no `/proc`, nothing is found: the callers then have the process group alone.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

TRIAL_MARK = "PREFECT_TUNER_TRIAL"
"""Environment variable that tells which trial a program was started from."""

_READ_SIZE = 1 << 16


def children(pid: int) -> list[int]:
    """The direct children of a process, those of all its threads."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - done often
            found += _children_of_thread(pid, thread)
    return found


def main_children(pid: int) -> list[int]:
    """The direct children that a process forked in its main thread, and those it adopted."""
    return _children_of_thread(pid, pid)


def descendants(pid: int) -> list[int]:
    """All processes below one, nearest first."""
    found = children(pid)
    for child in found:  # Grows while it is walked.
        found += children(child)
    return found


def kill_tree(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process, its group if it leads one, and all its descendants.

    Args:
        pid: The process. It must not have been reaped, lest its number be another's.
        number: The signal.
    """
    strays = descendants(pid)
    group = {pid} | {stray for stray in strays if _group(stray) == pid}
    with suppress(ProcessLookupError, PermissionError):
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            os.kill(pid, number)
    for stray in set(strays) - group:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(stray, number)


def _group(pid: int) -> int:
    with suppress(OSError):
        return os.getpgid(pid)
    return 0


def kill_marked(trial: str) -> None:
    """Kill the programs that a trial started, wherever in the tree of processes they are now."""
    mark = f"{TRIAL_MARK}={trial}".encode()
    for pid in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - as above
        with suppress(OSError):  # It ended, or is another user's.
            if mark in _read(f"/proc/{pid}/environ").split(b"\0"):
                os.kill(int(pid), signal.SIGKILL)


def memory_used(pid: int, above: int) -> int:
    """Bytes of memory that a process and its descendants hold.

    Pages shared with others, such as those inherited from the fork server, are counted in
    proportion (the kernel's PSS). That figure is costly, so it is asked for only where the plain
    resident size is over `above` bytes; below, the resident size is returned.
    """
    tree = [pid, *descendants(pid)]
    resident = sum(map(_resident, tree))
    return resident if resident <= above else sum(map(_proportional, tree))


def _children_of_thread(pid: int, thread: int | str) -> list[int]:
    with suppress(OSError):
        return [*map(int, _read(f"/proc/{pid}/task/{thread}/children").split())]
    return []


def _resident(pid: int) -> int:
    with suppress(OSError, IndexError):
        return int(_read(f"/proc/{pid}/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _proportional(pid: int) -> int:
    with suppress(OSError):  # An old kernel, or a process that hides its memory: no less is known.
        for line in _read(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return _resident(pid)


def _read(path: str) -> bytes:
    """All of a file that the kernel makes up, in few steps: it is done often."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        chunks = [os.read(descriptor, _READ_SIZE)]
        while chunks[-1]:
            chunks.append(os.read(descriptor, _READ_SIZE))
    finally:
        os.close(descriptor)
    return b"".join(chunks)


def describe_exit(code: int) -> str:
    """How a process ended, by its exit code, which is negative for a signal.

    Example:
        ```python
        from prefect_tuner.tasks.process_tree import describe_exit

        assert describe_exit(3) == "exited with code 3"
        assert describe_exit(-11) == "was killed by SIGSEGV"
        ```
    """
    if code >= 0:
        return f"exited with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:  # The real-time signals have no names.
        return f"was killed by signal {-code}"
