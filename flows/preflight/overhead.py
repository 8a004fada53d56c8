"""What a trial takes beside its own time: to be started elsewhere, and to be heard of."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence


def overhead_of(durations: Sequence[float], elapsed: float, at_a_time: int) -> float:
    """Seconds that each of some trials took beside its own time.

    Had they taken nothing else, they would have ended after the time of a list schedule: each
    trial, in its turn, is run by whoever is free first. What it took longer is shared by the rounds
    of trials in which they were run.

    Args:
        durations: Seconds that the trials ran, in the order in which they were started.
        elapsed: Seconds from the start of the first to the end of the last.
        at_a_time: How many ran at the same time.

    Example:
        ```python
        from prefect_tuner.flows.preflight.overhead import overhead_of

        assert overhead_of([10.0, 2.0, 4.0, 10.0], elapsed=26.0, at_a_time=2) == 5.0
        ```
    """
    if not durations:
        return 0.0
    free_at = [0.0] * min(at_a_time, len(durations))
    for duration in durations:
        heapq.heappush(free_at, heapq.heappop(free_at) + duration)
    rounds = math.ceil(len(durations) / at_a_time)
    return max(0.0, elapsed - max(free_at)) / rounds
