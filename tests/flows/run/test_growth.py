"""What a study holds does not grow with its trials, but for its history."""

from __future__ import annotations

import pytest

from tests.flows.flow_runs import run_tune
from tests.flows.held import Held, Looking
from tests.flows.objectives import value

pytestmark = pytest.mark.usefixtures("prefect_server")


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
