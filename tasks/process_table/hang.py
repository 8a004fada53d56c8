"""Whether a trial that takes too long computes, or waits for what will never come."""

from __future__ import annotations

import os
import platform
import time
from contextlib import suppress

from prefect_tuner.tasks.process_table.process_tree import descendants, read_file, stat_fields

_LOOK = 0.15
"""Seconds in which a process that works would have used some of a processor: the kernel counts in
hundredths of a second."""

_FUTEX = {"x86_64": b"202", "aarch64": b"98"}
"""The number of the system call that waits for a lock."""


def describe_hang(pid: int, *, forked: bool) -> str:
    """What to add to the message of a trial that took too long; empty when it was at work.

    Args:
        pid: The trial's process.
        forked: Whether it is a fork of a process that had loaded the objective.
    """
    tree = [pid, *descendants(pid)]
    before = sum(map(_processor_time, tree))
    time.sleep(_LOOK)
    # Processes that it has started wait for it as well, by whatever means.
    if sum(map(_processor_time, tree)) > before or not _waits_for_lock(pid):
        return ""
    said = "; in the end it used no processor and waited for a lock"
    if forked:
        said += (
            ", as they do when a library's threads are missing after a fork: "
            "if it runs outside of a trial, set isolation='fresh'"
        )
    return said


def _processor_time(pid: int) -> int:
    """Hundredths of a second, those of children that have ended included."""
    with suppress(OSError, IndexError, ValueError):
        return sum(map(int, stat_fields(pid)[11:15]))
    return 0


def _waits_for_lock(pid: int) -> bool:
    """Whether all threads of a process wait for each other, or for nobody."""
    with suppress(OSError):  # It has ended.
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - as elsewhere
        return all(_is_in_lock(pid, thread) for thread in threads)
    return False


def _is_in_lock(pid: int, thread: str) -> bool:
    # Which function of the kernel a thread sleeps in or, where that is not shown, which it called.
    asleep_in = read_file(f"/proc/{pid}/task/{thread}/wchan")
    if asleep_in not in (b"", b"0"):
        return asleep_in.startswith((b"futex", b"do_futex"))
    called = read_file(f"/proc/{pid}/task/{thread}/syscall").split()
    return bool(called) and called[0] == _FUTEX.get(platform.machine())
