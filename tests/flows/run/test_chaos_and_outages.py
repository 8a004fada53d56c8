"""A study that is killed again and again, and one whose server goes away and comes back.

`python -m tests.chaos` kills more often, `python -m tests.flows.outages` stays away for longer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos import Chaos
from tests.flows.outages import study_with_outage
from tests.prefect_server import PrefectServer

pytestmark = pytest.mark.slow

SEED = 20
TRIALS = 80


@pytest.fixture(scope="module")
def mortal_server() -> Iterator[PrefectServer]:
    """A server of these tests' own, which they may kill."""
    server = PrefectServer()
    try:
        server.start()
        yield server
        server.kill()
    finally:
        server.remove()


def test_a_study_that_is_killed_eight_times_loses_nothing_and_ends_as_if_undisturbed(
    mortal_server: PrefectServer, tmp_path: Path
) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    chaos = Chaos(mortal_server, tmp_path, seed=SEED, trials=20, concurrency=4)
    report = chaos.run(kills=8)
    assert report.kills == {"flow": 2, "trial": 2, "fork server": 2, "server": 2}
    assert sorted(report.calls) == list(range(20))


@pytest.mark.parametrize("kinds", [["frozen", "killed"], ["429", "503"]])
def test_a_study_whose_server_goes_away_runs_on_and_completes(
    kinds: list[str], mortal_server: PrefectServer, tmp_path: Path
) -> None:
    outage = study_with_outage(mortal_server, tmp_path, kinds, seconds=3.0, trials=TRIALS)
    assert outage.calls == dict.fromkeys(range(TRIALS), 1)
    assert sorted(outage.state.finished) == list(range(TRIALS))
    assert outage.state.stopped is not None
    assert outage.state.stopped.ending == "completed"
    assert outage.flow_run["state"]["type"] == "COMPLETED"
    # Trials of a third of a second, two at a time: the study did not wait for the server.
    assert outage.during >= 12
    assert outage.after < 60.0
