"""Processes and their descendants, as Linux tells them in `/proc`.

Where there is no `/proc`, nothing is found: the callers then have the process group alone.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")


def children(pid: int) -> list[int]:
    """The direct children of a process, those of all its threads."""
    found: list[int] = []
    with suppress(OSError):
        for thread in (PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """All processes below one, nearest first."""
    found = children(pid)
    for child in found:  # Grows while it is walked.
        found += children(child)
    return found


def kill_tree(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process group and to the descendants of its leader that left the group.

    Args:
        pid: The leader of the group. It must not have been reaped, lest its number be another's.
        number: The signal.
    """
    strays = descendants(pid)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
    for stray in strays:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(stray, number)


def memory_used(pid: int, above: int) -> int:
    """Bytes of memory that a process and its descendants hold.

    Pages shared with others, such as those inherited from the fork server, are counted in
    proportion (the kernel's PSS). That figure is costly, so it is asked for only where the plain
    resident size is over `above` bytes; below, the resident size is returned.
    """
    tree = [pid, *descendants(pid)]
    resident = sum(map(_resident, tree))
    return resident if resident <= above else sum(map(_proportional, tree))


def _resident(pid: int) -> int:
    try:
        return int((PROC / str(pid) / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0
