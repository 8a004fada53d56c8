"""Which processes there are."""

from __future__ import annotations

from pathlib import Path

from tests.polling import eventually


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def assert_gone(*pids: int, timeout: float = 5.0) -> None:
    """None of the processes runs, `timeout` seconds from now at the latest."""

    def gone() -> None:
        assert [pid for pid in pids if is_running(pid)] == []

    eventually(gone, timeout=timeout, interval=0.02)
