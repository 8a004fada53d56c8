"""For all tests of the room: whatever happens in a trial, nothing of it is left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prefect_tuner.tasks.processes.launcher import Launcher
from tests.tasks.attempts import BY_NAME, Held, attempt, launcher_for


@pytest.fixture(scope="module")
def faults() -> Iterator[Launcher]:
    """A launcher for the objectives of `faults`, loaded."""
    launcher = launcher_for(BY_NAME)
    launcher.load()
    assert attempt(launcher, "fine").report.metric == 1.5
    yield launcher
    launcher.stop()


@pytest.fixture(autouse=True)
def _nothing_is_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """No process, thread or descriptor of this process is left when a test has ended."""
    if "prefect_server" in request.fixturenames:  # Prefect starts threads as it likes.
        yield
        return
    before = Held.now()
    yield
    before.assert_no_more()
