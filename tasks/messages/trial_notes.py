"""What a trial's process leaves for its supervisor to read when it does not answer any more.

The stacks of its threads, which Python's fault handler writes on a signal, even while native code
runs and holds the interpreter; and what the process waits for while it ends. They lie in files in
memory that the supervisor opens by their descriptors: nothing has to be sent in time.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import BinaryIO

STACKS_SIGNAL = signal.SIGRTMIN + 12
"""On this signal a trial's process writes down the stacks of its threads."""

_LONGEST_NOTE = 1_000
_STACKS_TIMEOUT = 0.3  # Seconds; a process under a debugger, or one that swaps, may write nothing.
_STACKS_POLL = 0.01
_STACKS_LIMIT = 16_000  # Characters: dozens of threads.

_OURS = os.path.dirname(  # noqa: PTH120 - as in tracebacks
    os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
)


class TrialNotes:
    """The trial's side: made once in a trial's process, before it is known which trial it is.

    Attributes:
        note: Descriptor of the file with the note.
        stacks: Descriptor of the file with the stacks.
    """

    def __init__(self) -> None:
        self.note = os.memfd_create("trial-note")
        self.stacks = os.memfd_create("trial-stacks")
        faulthandler.register(STACKS_SIGNAL, file=self.stacks, all_threads=True)

    def write(self, note: str) -> None:
        """Leave a note in the place of what was there."""
        text = note[:_LONGEST_NOTE].encode(errors="replace")
        with suppress(OSError):  # The objective may have closed all that is open.
            os.ftruncate(self.note, 0)
            os.pwrite(self.note, text, 0)


def read_note(pid: int, descriptor: int) -> str:
    """What a process has noted; empty when it has ended.

    Args:
        pid: The process.
        descriptor: That of the file in it.
    """
    with suppress(OSError), _opened(pid, descriptor) as file:
        return _text_in(file)
    return ""


def read_stacks(pid: int, descriptor: int, send: Callable[[], object]) -> str:
    """The stacks of a process's threads, without the frames that led to the objective.

    Args:
        pid: The process.
        descriptor: That of the file in it.
        send: Sends it the signal.
    """
    text = ""
    # Opened before: the signal may wake it up, and then it ends.
    with suppress(OSError), _opened(pid, descriptor) as file:
        send()
        deadline = time.monotonic() + _STACKS_TIMEOUT
        while time.monotonic() < deadline:
            time.sleep(_STACKS_POLL)
            before, text = text, _text_in(file)
            if text and text == before:
                break
    return "\n".join(line for line in text.splitlines() if f'File "{_OURS}' not in line)


def _opened(pid: int, descriptor: int) -> BinaryIO:
    return open(f"/proc/{pid}/fd/{descriptor}", "rb", buffering=0)  # noqa: PTH123 - a magic link


def _text_in(file: BinaryIO) -> str:
    file.seek(0)
    return file.read(_STACKS_LIMIT).decode(errors="replace")
