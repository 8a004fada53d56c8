"""From what a trial prints to lines of its log, however much it prints."""

from __future__ import annotations

import codecs
import logging
from collections import deque
from collections.abc import Callable

from prefect_tuner.printable_text import printable

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
        opening: A line that goes before all others.
    """

    def __init__(self, log: Callable[[int, str], None], opening: str = "") -> None:
        self._log = log
        self._opening = opening
        self._passed = 0
        self._left_out = 0
        self._tail: deque[tuple[int, str]] = deque(maxlen=TAIL_LINES)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._line = ""

    def open(self) -> None:
        """Pass on the opening, unless there was a line already."""
        if self._opening:
            self._log(logging.INFO, self._opening)
            self._opening = ""

    def write(self, chunk: bytes) -> None:
        """Take bytes of the trial's output; a line is passed on when it is complete."""
        self._split(self._decoder.decode(chunk))

    def record(self, level: int, text: str) -> None:
        """Take a log record, which may have several lines."""
        for line in text.split("\n"):
            self._take(level, line)

    def warn(self, text: str) -> None:
        """Pass on a warning of the supervisor's own, which is never left out."""
        self.open()
        self._log(logging.WARNING, text)

    def close(self) -> None:
        """Pass on what is left."""
        self._split(self._decoder.decode(b"", final=True))
        self._take(logging.INFO, self._line)
        self._line = ""
        if self._left_out:
            self._log(logging.WARNING, f"… {self._left_out:,} lines left out …")
        for level, text in self._tail:
            self._pass_on(level, text)
        self._tail.clear()

    def _split(self, text: str) -> None:
        *lines, last = (self._line + text).split("\n")
        for line in lines:
            self._take(logging.INFO, line)
        # A line without an end must not grow for ever. One that is overwritten from its start,
        # as progress bars do, may: what was overwritten is forgotten.
        end = "\r" if last.endswith("\r") else ""
        self._line = _overwritten(last)[: LINE_LENGTH + 1] + end

    def _take(self, level: int, text: str) -> None:
        if not text:
            return
        if self._passed < HEAD_LINES:
            self._passed += self._pass_on(level, text)
            return
        if len(self._tail) == TAIL_LINES:
            self._left_out += 1
        # Made printable at the end: of the millions of lines that may come, few are shown.
        self._tail.append((level, text))

    def _pass_on(self, level: int, text: str) -> bool:
        line = _overwritten(text)
        line = printable(line[: LINE_LENGTH + 1]).rstrip()
        if not line:
            return False
        if len(line) > LINE_LENGTH:
            line = line[:LINE_LENGTH] + "…"
        self.open()
        self._log(level, line)
        return True


def _overwritten(line: str) -> str:
    """What a terminal shows of a line in which carriage returns go back to the start."""
    return line.rstrip("\r").rpartition("\r")[2]
