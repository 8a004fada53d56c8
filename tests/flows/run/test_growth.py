"""What a study holds does not grow with its trials, but for its history."""

from __future__ import annotations

import gc

import pytest

from tests.flows.fault_objectives import CHEAP, end_in_each_way
from tests.flows.flow_runs import run_tune
from tests.flows.held import Held, Looking
from tests.flows.objectives import value
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")


@pytest.mark.slow
def test_a_hundred_more_trials_hold_nothing_more_however_they_end() -> None:
    observer = Looking({30, 150}, Held.now)
    # Some more than that: an observer is told a little later, and shall find the study running.
    run = run_tune(end_in_each_way, max_trials=156, max_duration=None, observers=[observer])
    assert run.outcomes == [outcome.partition(" ")[0] for outcome in CHEAP] * 26
    early, late = observer.seen
    # Prefect's own threads come and go, and a trial or two are on their way at either time. There
    # are twenty more of each kind: if each of a kind held something, that would be too much.
    assert late.threads <= early.threads + 3
    assert late.files <= early.files + 10
    assert late.states <= early.states + 10
    assert late.children <= early.children


def test_nothing_is_left_of_a_study() -> None:
    run_tune(value, max_trials=3, max_concurrency=3)
    before = Held.now()
    run_tune(value, max_trials=3, max_concurrency=3)

    def nothing_more() -> None:
        gc.collect()  # To which Prefect leaves connections, for it to close.
        after = Held.now()
        assert after.threads <= before.threads
        assert after.files <= before.files
        assert after.children == before.children

    eventually(nothing_more)
