"""How much memory a trial has taken, as the kernel counts it.

Only what the trial adds is counted: not the objective's imports and data, which its process had
before, shared with others or not; nor files that are mapped, which the kernel can drop. So the
figure is the same however many trials run.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from prefect_tuner.tasks.process_table.process_tree import (
    descendants,
    is_marked,
    read_file,
    stat_fields,
)

_KCMP = {"x86_64": 312, "aarch64": 272}
"""The number of the system call that compares what two processes hold, see `kcmp(2)`."""

_KCMP_VM = 1

_libc = ctypes.CDLL(None)


@dataclass(frozen=True)
class ProcessMemory:
    """The memory of one process.

    Attributes:
        held: Bytes that are no file's, those shared with a parent or a child included.
        private: Bytes that were written to and that no other process shares.
    """

    held: int = 0
    private: int = 0

    def to_json(self) -> dict[str, int]:
        """The figures as JSON data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The figures from what `to_json` gave."""
        return cls(**data)


class MemoryPeak:
    """The most memory that this process has from now on, beyond what it has now.

    The kernel keeps the figure, so that it costs two looks, however short the peak was. Forks of
    this process are not in it.

    Attributes:
        held_before: Bytes that it has now, those of files left out.

    Example:
        ```python
        from prefect_tuner.tasks.process_table.trial_memory import MemoryPeak

        peak = MemoryPeak()
        data = b"x" * 50_000_000
        del data
        assert 45_000_000 < peak.added() < 70_000_000
        ```
    """

    def __init__(self) -> None:
        with suppress(OSError):  # Not every kernel forgets a peak of before.
            Path("/proc/self/clear_refs").write_bytes(b"5")
        self._before = _PeakFigures.of_this_process()
        self.held_before = self._before.held

    def added(self) -> int:
        """Bytes, those of files that are mapped left out."""
        before, now = self._before, _PeakFigures.of_this_process()
        peak = now.peak - now.files if now.peak > before.peak else now.held
        return max(0, peak - before.held)


@dataclass(frozen=True)
class _PeakFigures:
    held: int = 0
    files: int = 0
    peak: int = 0

    @classmethod
    def of_this_process(cls) -> Self:
        with suppress(OSError):
            status = read_file("/proc/self/status")
            held = _sum(status, (b"RssAnon:", b"RssShmem:"))
            return cls(held, _sum(status, (b"RssFile:",)), _sum(status, (b"VmHWM:",)))
        return cls()


def memory_growth(pid: int, held_before: int) -> int:
    """Bytes of memory that a trial's process and its descendants have beyond what it had.

    Cheaper than `memory_added`: pages that it shared and wrote to are left out.

    Args:
        pid: The trial's process.
        held_before: What it held when the objective was called.
    """
    own = max(0, _held(pid) - held_before)
    return own + sum(_added_by_child(child) for child in descendants(pid))


def memory_of(pid: int) -> ProcessMemory:
    """The memory of a process; nothing when it has ended."""
    return ProcessMemory(_held(pid), _figures(pid, b"Private_Dirty:"))


def memory_added(pid: int, before: ProcessMemory, above: int) -> int:
    """Bytes of memory that a trial's process and its descendants have taken.

    A page that the trial wrote to is its own, though it was shared before; so is one that it shares
    with processes that it has forked, which counts once.

    Args:
        pid: The trial's process.
        before: What it had when the objective was called.
        above: Exact figures are costly, and asked for where the trial might have taken more bytes
            than this; otherwise the result is an upper bound.
    """
    children = descendants(pid)
    bound = _held(pid) + sum(map(_held, children))
    if bound <= above:
        return bound
    now = memory_of(pid)
    # What was shared with its parent and written to grows the one, what it shares with processes
    # that it has forked the other.
    own = max(now.private - before.private, now.held - before.held, 0)
    return own + sum(_added_by_child(child) for child in children)


def _added_by_child(pid: int) -> int:
    """What a process adds to its parent: a program all that it has, a fork what it wrote to."""
    if _has_its_parents_memory(pid):
        return 0
    if is_marked(pid):
        proportional = _figures(pid, b"Pss_Anon:", b"Pss_Shmem:")
        if proportional:
            return proportional
    return _figures(pid, b"Private_Dirty:")


def _has_its_parents_memory(pid: int) -> bool:
    """Whether a process is on its way to run a program, in the memory of the one that starts it.

    That is how `subprocess` and others start programs (`vfork(2)`): no page is copied.
    """
    with suppress(OSError, IndexError, ValueError):  # It has ended.
        parent = int(stat_fields(pid)[1])
        if number := _KCMP.get(platform.machine()):
            order: int = _libc.syscall(number, parent, pid, _KCMP_VM)
            if order >= 0:  # Otherwise this kernel does not tell.
                return order == 0
        return read_file(f"/proc/{parent}/statm") == read_file(f"/proc/{pid}/statm")
    return False


def _held(pid: int) -> int:
    with suppress(OSError):
        return _sum(read_file(f"/proc/{pid}/status"), (b"RssAnon:", b"RssShmem:"))
    return 0


def _figures(pid: int, *names: bytes) -> int:
    with suppress(OSError):  # It ended, or hides its memory.
        return _sum(read_file(f"/proc/{pid}/smaps_rollup"), names)
    return 0


def _sum(text: bytes, names: tuple[bytes, ...]) -> int:
    return sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith(names))
