"""The attempts that a loop has asked an engine for, and waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import final

from prefect.exceptions import Pause

from prefect_tuner.ending import Ending
from prefect_tuner.errors import EngineError, LedgerError, ObjectiveNotFound, StudyConflict
from prefect_tuner.tasks.engine import Arrival, Engine
from prefect_tuner.tasks.workers.trial_request import TrialRequest

FLOW_RUN_CANCELLED = "its flow run was cancelled"
"""Why a study stops that has heard so from its trials."""


@final
class AttemptsInFlight:
    """The latest attempt at each trial that has not ended."""

    def __init__(self) -> None:
        self._requests: dict[int, TrialRequest] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def __contains__(self, number: int) -> bool:
        return number in self._requests

    def __iter__(self) -> Iterator[int]:
        """The numbers of the trials."""
        return iter(list(self._requests))

    def add(self, request: TrialRequest) -> None:
        """Wait for an attempt, in the place of an earlier one at the same trial."""
        self._requests[request.number] = request

    def remove(self, number: int) -> None:
        """Wait for a trial no more."""
        del self._requests[number]

    def ended(self, arrival: Arrival) -> tuple[TrialRequest, Ending] | None:
        """Which attempt has arrived, and how it ended; it is in flight until it is removed.

        Returns:
            None for one that was given up already.

        Raises:
            Exception: What kept it from being run. Nobody waits for it any more.
        """
        request = self._requests.get(arrival.number)
        if request is None or arrival.attempt not in (None, request.attempt):
            return None
        ending = arrival.answer.ending
        if ending is None:
            self.remove(request.number)
            raise arrival.answer.error
        return request, ending

    def await_stopped(self, engine: Engine, take: Callable[[Arrival], None]) -> None:
        """Take in what is stopped, until all is or the engine's time for it is over.

        Args:
            engine: Runs the attempts, and was told to stop.
            take: Removes those that have ended.

        Raises:
            LedgerError: The ledger cannot be written any more.
            StudyConflict: Another run has taken the study over.
        """
        failure: LedgerError | StudyConflict | None = None
        deadline = time.monotonic() + engine.stop_timeout
        while self._requests and (left := deadline - time.monotonic()) > 0:
            try:
                arrival = engine.next_arrival(left)
                if arrival is not None:
                    take(arrival)
            except (Pause, EngineError, ObjectiveNotFound):
                continue  # It was said before, or comes too late to matter.
            except (LedgerError, StudyConflict) as error:
                failure = error  # The others are to end nevertheless.
        if failure is not None:
            raise failure


def adopted(engine: Engine, request: TrialRequest) -> TrialRequest | None:
    """The attempt before this one, where it was begun in an earlier run and the engine has it yet.

    It goes on, and takes the place of this one.
    """
    if request.before == 0:
        return None
    begun = replace(request, before=request.before - 1)
    return begun if engine.adopt(begun) else None
