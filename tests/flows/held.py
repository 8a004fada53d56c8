"""What this process holds while a study runs."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from prefect.client.schemas.objects import State

from prefect_tuner import TuningObserver
from prefect_tuner.flows.study.tuning_events import TrialCompleted, TrialFailed, TuningEvent
from prefect_tuner.tasks.process_table.process_tree import children


class Held(NamedTuple):
    """What this process holds."""

    threads: int
    files: int
    states: int
    children: int

    @classmethod
    def now(cls) -> Held:
        gc.collect()
        return cls(
            threads=threading.active_count(),
            files=sum(1 for _ in Path("/proc/self/fd").iterdir()),
            states=sum(isinstance(thing, State) for thing in gc.get_objects()),
            children=len(children(os.getpid())),
        )


class Looking(TuningObserver):
    """Looks at the process after some of the trials."""

    def __init__(self, numbers: set[int], look: Callable[[], Held]) -> None:
        self.seen: list[Held] = []
        self._numbers = numbers
        self._look = look

    def notify(self, event: TuningEvent) -> None:
        if isinstance(event, TrialCompleted | TrialFailed) and event.trial.number in self._numbers:
            self.seen.append(self._look())
