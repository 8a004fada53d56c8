"""From what a trial prints to lines of its log, however much it prints."""

from __future__ import annotations

import codecs
import logging
import math
import time
from collections import deque
from collections.abc import Callable

from prefect_tuner.printable_text import printable, shortened

HEAD_LINES = 200
"""Lines that are passed on as they come, and at the most at once later on."""

TAIL_LINES = 50
"""Lines that are kept of those that cannot be passed on, the latest."""

LINES_PER_SECOND = 2.0
"""How many more may follow in the long run."""

MOST_LINES = 2_000
"""Lines after which a trial has said enough: from then on it is a few each minute."""

LATE_LINES_PER_SECOND = 5 / 60
"""How many may follow after those."""

BUNCH = 20
"""Where more comes than may follow, the latest so many are passed on together."""

SHOWN_LENGTH = 200
"""Characters of each of them."""

SHOWN_LINES = 20
"""Lines that `tail` gives."""

LINE_LENGTH = 2_000
"""Characters of a line."""


class LogRelay:
    """Passes on lines as they come, as long as they do not come too fast, and the last ones always.

    The Prefect server stores every line, and a trial may print millions. The log never goes quiet:
    what is left out is counted, and the latest lines follow from time to time.

    Args:
        log: Takes the level and the text of a line.
        opening: A line that goes before all others.
        clock: Tells the time in seconds.
    """

    def __init__(
        self,
        log: Callable[[int, str], None],
        opening: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._opening = opening
        self._clock = clock
        self._passed = 0
        self._allowed = float(HEAD_LINES)
        self._counted = clock()
        self._left_out = 0
        self._waiting: deque[tuple[int, str]] = deque(maxlen=TAIL_LINES)
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._line = ""
        self._shown: deque[str] = deque(maxlen=SHOWN_LINES)

    @property
    def tail(self) -> str:
        """The last lines that were passed on, each shortened, without the supervisor's own."""
        return "\n".join(shortened(line, SHOWN_LENGTH) for line in self._shown)

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

    def pass_waiting(self) -> float:
        """Pass on the latest lines that were held back, if it is time; return the seconds until."""
        if not self._waiting:
            return math.inf
        wanted = min(BUNCH, len(self._waiting))
        missing = wanted - self._refill()
        if missing > 0:
            return missing / self._rate()
        self._left_out += len(self._waiting) - wanted
        for _ in range(len(self._waiting) - wanted):
            self._waiting.popleft()
        self._pass_all()
        return math.inf

    def close(self) -> None:
        """Pass on what is left."""
        self._split(self._decoder.decode(b"", final=True))
        self._take(logging.INFO, self._line)
        self._line = ""
        self._pass_all()

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
        if not self._waiting and (self._allowed >= 1 or self._refill() >= 1):
            self._pass_on(level, text)
            return
        self._left_out += len(self._waiting) == TAIL_LINES
        # Made printable at the end: of the millions of lines that may come, few are shown.
        self._waiting.append((level, text))

    def _pass_all(self) -> None:
        if self._left_out:
            self.warn(f"… {self._left_out:,} lines left out …")
            self._left_out = 0
        while self._waiting:
            self._pass_on(*self._waiting.popleft())

    def _refill(self) -> float:
        """How many lines may be passed on now."""
        now = self._clock()
        more = (now - self._counted) * self._rate()
        self._allowed = min(float(HEAD_LINES), self._allowed + more)
        self._counted = now
        return self._allowed

    def _rate(self) -> float:
        return LINES_PER_SECOND if self._passed < MOST_LINES else LATE_LINES_PER_SECOND

    def _pass_on(self, level: int, text: str) -> None:
        line = _overwritten(text)
        line = printable(line[: LINE_LENGTH + 1]).rstrip()
        if not line:
            return
        if len(line) > LINE_LENGTH:
            line = line[:LINE_LENGTH] + "…"
        self.open()
        self._log(level, line)
        self._shown.append(line)
        self._passed += 1
        self._allowed -= 1


def _overwritten(line: str) -> str:
    """What a terminal shows of a line in which carriage returns go back to the start."""
    return line.rstrip("\r").rpartition("\r")[2]
