"""Processes and their descendants, as Linux tells them in `/proc`.

Where there is no `/proc`, nothing is found: the callers then have the process group alone.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from prefect_tuner.redaction import redacted

TRIAL_MARK = "PREFECT_TUNER_TRIAL"
"""Environment variable that tells which trial a program was started from."""

TRACKERS_SECONDS = 10.0
"""How long resource trackers may take to clean up: on a busy machine they need seconds to begin."""

_READ_SIZE = 1 << 16
_COMMAND_LENGTH = 100
_TRACKER = b"resource_tracker import main"
_KILLING_ROUNDS = 100


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


def kill_tree(pid: int, number: int) -> None:
    """Send a signal to a process, its group if it leads one, and all its descendants.

    Args:
        pid: The process. It must not have been reaped, lest its number be another's.
        number: The signal.
    """
    strays = descendants(pid)
    group = {pid} | {stray for stray in strays if process_group(stray) == pid}
    with suppress(ProcessLookupError, PermissionError):
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            os.kill(pid, number)
    for stray in set(strays) - group:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(stray, number)


def kill_sparing_trackers(pid: int) -> None:
    """Kill a process and its descendants, all but those that clean up behind them.

    The resource trackers of `multiprocessing` and loky take away what lies in shared memory when
    the last process that they serve is gone, and then end themselves.

    Args:
        pid: The process. It must not have been reaped, lest its number be another's.
    """
    spared = set(filter(is_tracker, descendants(pid)))
    if _has_ended(pid):
        return  # Whoever reaps it finds what it has left; its group may hold a tracker.
    if not spared:
        kill_tree(pid, signal.SIGKILL)
        return
    killed: set[int] = set()
    for _ in range(_KILLING_ROUNDS):  # Who was not killed yet may have started others meanwhile.
        found = [each for each in descendants(pid) if each not in spared | killed]
        if not found:
            break
        for each in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(each, signal.SIGKILL)
        killed.update(found)
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def is_tracker(pid: int) -> bool:
    """Whether a process cleans up behind others, for `multiprocessing` or loky."""
    with suppress(OSError):
        return _TRACKER in read_file(f"/proc/{pid}/cmdline")
    return False


def _has_ended(pid: int) -> bool:
    with suppress(OSError):
        return stat_fields(pid)[0] in {b"Z", b"X"}
    return True


def process_group(pid: int) -> int:
    """The group of a process; 0 when it has ended."""
    with suppress(OSError):
        return os.getpgid(pid)
    return 0


def kill_marked(trial: str) -> None:
    """Kill the programs that a trial started, wherever in the tree of processes they are now."""
    for pid in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - as above
        if is_marked(int(pid), trial):
            with suppress(OSError):  # It ended, or is another user's.
                os.kill(int(pid), signal.SIGKILL)


def is_marked(pid: int, trial: str = "") -> bool:
    """Whether a process runs a program that was started from a trial, this one or any."""
    mark = f"\0{TRIAL_MARK}={trial}".encode() + (b"\0" if trial else b"")
    with suppress(OSError):
        return mark in b"\0" + read_file(f"/proc/{pid}/environ") + b"\0"
    return False


def stat_fields(pid: int) -> list[bytes]:
    """What the kernel says of a process: its state, its parent and so on, see `proc_pid_stat(5)`.

    Raises:
        OSError: There is none.
    """
    # The name, which goes before, may hold spaces and brackets.
    return read_file(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def describe_process(pid: int) -> str:
    """A process below this one for a message: its number, and what it runs."""
    try:
        command = read_file(f"/proc/{pid}/cmdline")
        if command == read_file("/proc/self/cmdline"):
            return f"process {pid}, which the objective forked"
    except OSError:
        return f"process {pid}"
    shown = redacted(command.replace(b"\0", b" ").decode(errors="replace").strip())
    if len(shown) > _COMMAND_LENGTH:
        shown = shown[:_COMMAND_LENGTH] + "…'"
    return f"process {pid}, {shown}"


def _children_of_thread(pid: int, thread: int | str) -> list[int]:
    with suppress(OSError):
        return [*map(int, read_file(f"/proc/{pid}/task/{thread}/children").split())]
    return []


def read_file(path: str) -> bytes:
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
        from prefect_tuner.tasks.process_table.process_tree import describe_exit

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
