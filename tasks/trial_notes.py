"""What a trial's process leaves for its supervisor to read when it does not answer any more.

The stacks of its threads, which Python's fault handler writes on a signal, even while native code
runs and holds the interpreter; and what the process waits for while it ends. Both lie in a file in
memory that the supervisor opens by its descriptor: nothing has to be sent in time.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

STACKS_SIGNAL = signal.SIGRTMIN + 12
"""On this signal a trial's process writes down the stacks of its threads."""

_LONGEST_NOTE = 1_000
_STACKS_TIMEOUT = 0.3  # Seconds; a process under a debugger, or one that swaps, may write nothing.
_STACKS_POLL = 0.01
_STACKS_LIMIT = 16_000  # Characters: dozens of threads.

_OURS = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - as in tracebacks


class TrialNotes:
    """The trial's side: made once in a trial's process, before it is known which trial it is."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("trial-notes")
        faulthandler.register(STACKS_SIGNAL, file=self.descriptor, all_threads=True)

    def write(self, note: str) -> None:
        """Leave a note in the place of what was there."""
        text = note[:_LONGEST_NOTE].encode(errors="replace")
        with suppress(OSError):  # The objective may have closed all that is open.
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, text, 0)


def read_note(pid: int, descriptor: int) -> str:
    """What a process has noted; empty when it has ended.

    Args:
        pid: The process.
        descriptor: That of the file in it.
    """
    try:
        with open(f"/proc/{pid}/fd/{descriptor}", "rb") as file:  # noqa: PTH123 - a magic link
            return file.read(_STACKS_LIMIT).decode(errors="replace")
    except OSError:
        return ""


def read_stacks(pid: int, descriptor: int, send: Callable[[], object]) -> str:
    """The stacks of a process's threads, without the frames that led to the objective.

    Args:
        pid: The process.
        descriptor: That of the file in it.
        send: Sends it the signal.
    """
    send()
    deadline = time.monotonic() + _STACKS_TIMEOUT
    text = ""
    while time.monotonic() < deadline:
        time.sleep(_STACKS_POLL)
        before, text = text, read_note(pid, descriptor)
        if text and text == before:
            break
    return "\n".join(line for line in text.splitlines() if f'File "{_OURS}' not in line)
