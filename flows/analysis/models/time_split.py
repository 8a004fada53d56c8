"""What the time went into in which workers had no objective to run.

Notation:
    n: trials of a run, in the order of their starts.
    W: workers. One that has no trial while one is suggested waits for the suggestion: the search is
        asked for one trial at a time, and what that takes holds up all that are free.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from prefect_tuner.strategies.encoding.array_types import FloatArray, IntArray

_MOST_UNKNOWN = 0.1
"""The share of trials of which it may not be known how long they took to begin: those that died
before, and those of earlier releases of this package."""


@dataclass(frozen=True)
class TimeSplit:
    """Seconds of a worker without an objective, for each trial, on average.

    Attributes:
        suggestion: It waited for the strategy's suggestion.
        startup: It started the trial's process, which imported what the objective needs.
        teardown: The program went on after its objective had returned.
        rest: The trial's task run, the records of the study, and waiting for anything else.
        asking: Seconds that a suggestion took, whether a worker waited for it or not.
        waited: The share of the time without a trial in which workers waited for suggestions.
    """

    suggestion: float
    startup: float
    teardown: float
    rest: float
    asking: float
    waited: float

    @property
    def parts(self) -> dict[str, float]:
        """The four that make up the whole, by name."""
        names = ("suggestion", "startup", "teardown", "rest")
        return {name: float(getattr(self, name)) for name in names}


class Timeline:
    """How many trials ran at each moment, from the first start to the last one.

    Args:
        workers: How many may.
        starts: When each trial was begun, in order, shape (n,).
        ends: When each ended, shape (n,).

    Attributes:
        starts: As given.
        ends: The same, up to the last start.
        moments: When a trial was begun or ended, in order, shape (2 n,).
        running: How many ran from each of these on, shape (2 n,).
        spans: Seconds until the next of them, shape (2 n,).
    """

    def __init__(self, workers: int, starts: FloatArray, ends: FloatArray) -> None:
        until = float(starts[-1])
        self._workers = workers
        self.starts = starts
        self.ends = np.clip(ends, starts, max(until, 0.0))
        moments = np.concatenate([starts, self.ends])
        order = np.argsort(moments, kind="stable")
        self.moments: FloatArray = moments[order]
        self.running: IntArray = np.cumsum(np.repeat([1, -1], starts.size)[order])
        self.spans: FloatArray = np.diff(self.moments, append=until)

    @property
    def most(self) -> int:
        """How many trials ran at the same time, at most."""
        return int(self.running.max())

    @property
    def idle(self) -> float:
        """Seconds of workers without a trial."""
        return float(self._idle_until[-1])

    def waiting(self, suggestion: FloatArray) -> float:
        """Seconds of workers without a trial that was being suggested.

        Args:
            suggestion: Seconds that each suggestion took, up to the start of its trial, shape (n,).
        """
        if self.most > self._workers:  # Trials wait in packets: who is free cannot be seen.
            return float(suggestion[1:].sum())
        until = np.interp(self.starts, self.moments, self._idle_until)
        since = np.interp(self.starts - suggestion, self.moments, self._idle_until)
        return float((until - since).sum())

    @cached_property
    def _idle_until(self) -> FloatArray:
        """Seconds of workers without a trial from the first moment to each, shape (2 n,)."""
        free = np.maximum(0, self._workers - self.running) * self.spans
        return np.concatenate([[0.0], np.cumsum(free)[:-1]])


def time_split(
    line: Timeline, lost: float, suggestion: FloatArray, startup: FloatArray, teardown: FloatArray
) -> TimeSplit | None:
    """What the time of workers went into in which no objective ran; None where that is not known.

    Args:
        line: When the trials ran.
        lost: Seconds of workers without an objective.
        suggestion: Seconds until each trial was suggested, up to its start, shape (n,); NaN where
            that is not known, as with the next two.
        startup: Seconds until its objective was called, shape (n,).
        teardown: Seconds from the return of its objective to its end, shape (n,).

    Example:
        ```python
        import numpy as np

        from prefect_tuner.flows.analysis.models.time_split import Timeline, time_split

        starts = 10.0 * np.arange(9)
        line = Timeline(1, starts, starts + 4.0)  # Of these 4 s, the objective takes 3.
        seconds = np.ones(9)
        split = time_split(line, 8 * 7.0, 5.0 * seconds, 0.5 * seconds, 0.25 * seconds)
        assert split is not None and max(split.parts, key=split.parts.get) == "suggestion"
        ```
    """
    unknown = np.isnan(np.stack([suggestion, startup])).mean(axis=1).max()
    if unknown > _MOST_UNKNOWN:
        return None
    suggestion, startup, teardown = (
        np.nan_to_num(seconds) for seconds in (suggestion, startup, teardown)
    )
    count, taken = line.starts.size, line.ends - line.starts
    waited = line.waiting(suggestion)
    parts = np.array(
        [waited, np.fmin(startup, taken).sum(), np.fmin(teardown, taken).sum()], dtype=np.float64
    )
    parts *= min(1.0, lost / max(float(parts.sum()), 1e-12))
    each = parts / count
    return TimeSplit(
        suggestion=float(each[0]),
        startup=float(each[1]),
        teardown=float(each[2]),
        rest=max(0.0, (lost - float(parts.sum())) / count),
        asking=float(suggestion.mean()),
        waited=min(1.0, waited / max(line.idle, 1e-12)),
    )
