"""What a trial's process says to its supervisor: lines of JSON through a pipe.

Each is an object with a key `type`:

- `started`: the trial's clock starts here (`pid`, `note` and `stacks`: descriptors in that process,
  and `memory`: what it had before, where that was asked for);
- `log`: a line for the trial's log (`level`, `text`);
- `needs_prefect`: the process waits for its run context, which the supervisor sends back;
- `returned` (`metric`, `extra`), `invalid` (`message`), `raised` (`message`, `traceback`,
  `memory`) or `exited` (`code`): how the objective ended, with its `duration`. What the process
  does from then on, it does to end in order. A trial that got SIGTERM ends without a word,
  whatever the objective made of it;
- `closed`: the program has ended, and nothing of it is left but this process.
"""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from typing import Any

from prefect_tuner.tasks.messages.wire import ConnectionClosed, read_frame

LOG_TEXT_LIMIT = 3_000
"""Characters of one log line."""


class ReportPipe:
    """The trial's end of the connection to its supervisor.

    Args:
        descriptor: Its file descriptor.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._owner = os.getpid()
        # Reentrant: a signal handler or a finalizer that logs may come in the middle.
        self._lock = threading.RLock()

    def send(self, message: dict[str, Any]) -> None:
        """Write one line; a supervisor that is gone is no error of the objective's."""
        line = json.dumps(message).encode() + b"\n"
        with self._lock, suppress(OSError):
            while line:
                line = line[os.write(self._descriptor, line) :]

    def ask(self, message: dict[str, Any]) -> bytes:
        """Send one line and wait for what the supervisor answers; empty where nobody does."""
        with self._lock:
            self.send(message)
            try:
                return read_frame(self._descriptor)
            except (OSError, ConnectionClosed):
                return b""

    def log(self, level: int, text: str) -> None:
        """Send a line for the trial's log."""
        if len(text) > LOG_TEXT_LIMIT:
            text = text[:LOG_TEXT_LIMIT] + "…"
        if os.getpid() == self._owner:
            self.send({"type": "log", "level": level, "text": text})
        else:  # Processes that the objective forked would tear each other's lines, and ours.
            with suppress(OSError):
                os.write(2, f"{text}\n".encode(errors="replace"))
