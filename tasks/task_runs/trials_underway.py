"""The attempts that a task runner has, in task runs of one or several, and those that wait."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from itertools import takewhile
from typing import final

from prefect_tuner.tasks.task_runs.task_futures import TrialFuture
from prefect_tuner.tasks.workers.trial_request import TrialRequest


@dataclass(frozen=True, eq=False)
class Batch:
    """The attempts that were submitted as one task run, in the order in which it runs them.

    Attributes:
        requests: At least one.
        future: Of the task run.
    """

    requests: tuple[TrialRequest, ...]
    future: TrialFuture

    def is_shared_after(self, request: TrialRequest) -> bool:
        """Whether an attempt comes after another of the batch."""
        return request is not self.requests[0]


@final
class TrialsUnderway:
    """Who waits for a task run, and of whom no end is known. For any thread.

    Args:
        places: How many task runs there are at the same time.
        per_task: How many attempts share one, at the most.
    """

    def __init__(self, places: int, per_task: int) -> None:
        self._places = places
        self._per_task = per_task
        self._lock = threading.Lock()
        self._waiting: list[TrialRequest] = []
        self._out: dict[str, tuple[TrialRequest, Batch]] = {}

    def gather(self, request: TrialRequest) -> None:
        """Take an attempt that is to get a task run."""
        with self._lock:
            self._waiting.append(request)

    def next_batch(self) -> tuple[TrialRequest, ...]:
        """The attempts for the next task run; none where no place is free, or none wait.

        Where fewer wait than there is room for, the places get equal shares. One that is to wait
        for its delay has a task run of its own.
        """
        with self._lock:
            free = self._places - len({id(batch) for _, batch in self._out.values()})
            if free <= 0 or not self._waiting:
                return ()
            size = min(self._per_task, math.ceil(len(self._waiting) / free))
            together = list(takewhile(_begins_at_once, self._waiting[:size]))
            taken = together or self._waiting[:1]
            del self._waiting[: len(taken)]
            return tuple(taken)

    def add(self, batch: Batch) -> None:
        """Take note of what was submitted."""
        with self._lock:
            self._out |= {request.name: (request, batch) for request in batch.requests}

    def end(self, request: TrialRequest) -> bool:
        """Whether no end of an attempt was known; it is now."""
        with self._lock:
            return self._out.pop(request.name, None) is not None

    def all(self) -> list[tuple[TrialRequest, Batch]]:
        """The attempts that are submitted and of which no end is known, in their order."""
        with self._lock:
            return list(self._out.values())

    def firsts(self) -> list[tuple[TrialRequest, Batch]]:
        """The same, of each task run the first: no other of it can have been begun."""
        firsts: dict[Batch, TrialRequest] = {}
        for request, batch in self.all():
            firsts.setdefault(batch, request)
        return [(request, batch) for batch, request in firsts.items()]

    def take_waiting(self) -> list[TrialRequest]:
        """The attempts that wait for a task run, which they do not get any more."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
            return waiting


def _begins_at_once(request: TrialRequest) -> bool:
    return request.attempt == 1 or request.retry.delay <= 0
