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
import logging
import os
import sys
import threading
from contextlib import suppress
from typing import Any

from prefect_tuner.tasks.wire import ConnectionClosed, read_frame

_CHATTY = ("httpx", "httpcore")

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


class ReportHandler(logging.Handler):
    """Sends log records to the supervisor, except for those that are printed anyway.

    Args:
        pipe: Where to.
    """

    def __init__(self, pipe: ReportPipe) -> None:
        super().__init__()
        self._pipe = pipe

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        try:
            if not _is_printed(record):
                self._pipe.log(record.levelno, f"{record.name}: {self.format(record)}")
        except Exception:  # noqa: BLE001 - logging never hurts the objective
            self.handleError(record)


def report_log_records(pipe: ReportPipe) -> None:
    """Send what is logged to the supervisor, instead of to the terminal; files are kept.

    Where nobody has chosen what is logged, it is all from INFO on, but for the requests of
    libraries that tell of each.
    """
    root = logging.getLogger()
    others = [
        each
        for each in root.handlers
        if not is_console_handler(each) and not isinstance(each, ReportHandler)
    ]
    if root.level == logging.WARNING and not others:  # Python's default.
        root.setLevel(logging.INFO)
        for name in _CHATTY:
            if logging.getLogger(name).level == logging.NOTSET:
                logging.getLogger(name).setLevel(logging.WARNING)
    root.handlers = [*others, ReportHandler(pipe)]


def is_console_handler(handler: logging.Handler) -> bool:
    """Whether a handler prints to a standard stream."""
    if not isinstance(handler, logging.StreamHandler):
        return False
    standard = (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)
    return any(handler.stream is stream for stream in standard)


def _is_printed(record: logging.LogRecord) -> bool:
    """Whether a logger on the way to the root prints the record, which is in the log then."""
    logger: logging.Logger | None = logging.getLogger(record.name)
    while logger is not None and logger.parent is not None and logger.propagate:
        if any(is_console_handler(h) and record.levelno >= h.level for h in logger.handlers):
            return True
        logger = logger.parent
    return False
