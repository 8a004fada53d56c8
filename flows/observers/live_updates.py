"""When what is shown of a study that runs is shown anew: seldom, since it costs the server."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

from prefect_tuner.flows.study.tuning_events import Progress

INTERVAL_SHARE = 0.05
"""Share of the time elapsed that passes at least between two live updates."""


@final
class LiveUpdates:
    """Lets an update through if the last one was long enough ago.

    Args:
        clock: Seconds, rising.
        shortest: Seconds between two updates at the least, and before the first one.
        cost_share: Share of the time that goes into updates at the most.
    """

    def __init__(
        self, clock: Callable[[], float], shortest: float, cost_share: float = math.inf
    ) -> None:
        self._clock = clock
        self._shortest = shortest
        self._cost_share = cost_share
        self._next = 0.0

    def begin(self) -> None:
        """Begin to wait."""
        self._next = self._clock() + self._shortest

    def update(self, progress: Progress, write: Callable[[], None]) -> None:
        """Write what is shown, if it is time.

        Args:
            progress: How far the study is.
            write: Writes it. What it raises is raised; a server in trouble is left alone for as
                long as any other.
        """
        began = self._clock()
        if began < self._next:
            return
        try:
            write()
        finally:
            cost = self._clock() - began
            interval = max(
                self._shortest, INTERVAL_SHARE * progress.elapsed, cost / self._cost_share
            )
            self._next = self._clock() + interval
