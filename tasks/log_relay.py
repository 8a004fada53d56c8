"""From what a trial prints to lines of its log, however much it prints."""

from __future__ import annotations

import codecs
import logging
from collections import deque
from collections.abc import Callable

HEAD_LINES = 200
"""Lines of a trial that are passed on as they come."""

TAIL_LINES = 50
"""Lines that are kept of the rest, its end."""

LINE_LENGTH = 2_000
"""Characters of a line."""


class LogRelay:
    """Passes on the first lines as they come, and the last ones at the end.

    The Prefect server stores every line, and a trial may print millions.

    Args:
        log: Takes the level and the text of a line.
    """

    def __init__(self, log: Callable[[int, str], None]) -> None:
        self._log = log
        self._passed = 0
        self._left_out = 0
        self._tail: deque[tuple[int, str]] = deque(maxlen=TAIL_LINES)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._line = ""

    def write(self, chunk: bytes) -> None:
        """Take bytes of the trial's output; a line is passed on when it is complete."""
        *lines, last = (self._line + self._decoder.decode(chunk)).split("\n")
        self._line = last[:LINE_LENGTH]
        for line in lines:
            self._take(logging.INFO, line)

    def record(self, level: int, text: str) -> None:
        """Take a log record, which may have several lines."""
        for line in text.split("\n"):
            self._take(level, line)

    def close(self) -> None:
        """Pass on what is left."""
        if self._line:
            self._take(logging.INFO, self._line)
            self._line = ""
        if self._left_out:
            self._log(logging.WARNING, f"… {self._left_out:,} lines left out …")
        for level, text in self._tail:
            self._log(level, text)
        self._tail.clear()

    def _take(self, level: int, text: str) -> None:
        text = _printable(text)
        if not text:
            return
        if self._passed < HEAD_LINES:
            self._passed += 1
            self._log(level, text)
            return
        if len(self._tail) == TAIL_LINES:
            self._left_out += 1
        self._tail.append((level, text))


def _printable(text: str) -> str:
    """A line as a terminal would show it, without control characters."""
    text = text.rstrip("\r\n").rpartition("\r")[2]  # Progress bars overwrite their line.
    text = "".join(c if c.isprintable() or c == "\t" else "�" for c in text[:LINE_LENGTH])
    return text.rstrip()
