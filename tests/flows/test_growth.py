"""What a study holds does not grow with its trials, but for its history."""

from __future__ import annotations

import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from prefect.client.schemas.objects import State

from prefect_tuner import TrialCompleted, TuningObserver
from prefect_tuner.tasks.process_tree import children
from tests.flows.flow_runs import run_tune
from tests.flows.objectives import value

pytestmark = pytest.mark.usefixtures("prefect_server")


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

    def on_trial_completed(self, event: TrialCompleted) -> None:
        if event.trial.number in self._numbers:
            self.seen.append(self._look())


def test_a_hundred_more_trials_hold_nothing_more() -> None:
    observer = Looking({50, 150}, Held.now)
    run = run_tune(value, max_trials=155, observers=[observer])
    assert run.outcomes == ["completed"] * 155
    early, late = observer.seen
    # Prefect's own threads come and go, and a trial or two are on their way at either time.
    assert late.threads <= early.threads + 3
    assert late.files <= early.files + 10
    assert late.states <= early.states + 10


def test_nothing_is_left_of_a_study() -> None:
    run_tune(value, max_trials=3, max_concurrency=3)
    before = Held.now()
    run_tune(value, max_trials=3, max_concurrency=3)
    after = Held.now()
    assert after.threads <= before.threads
    assert after.files <= before.files
    assert after.children == before.children
