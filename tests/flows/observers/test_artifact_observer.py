"""How often the artifacts are written, and how a study looks that did not come to its end."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError

from prefect_tuner.flows.observers.artifact_observer import SHORTEST_INTERVAL, ArtifactObserver
from prefect_tuner.flows.study.tuning_events import (
    Progress,
    StudyFailed,
    TrialCompleted,
    TrialFailed,
)
from tests.flows.flow_runs import ask_server
from tests.flows.studies import completed, failed, study_started

pytestmark = pytest.mark.usefixtures("prefect_server")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def written(key: str) -> list[str]:
    """The data of all versions of an artifact."""
    found = ask_server("artifacts/filter", artifacts={"key": {"any_": [key]}})
    return [artifact["data"] for artifact in found]


def in_a_flow_run(body: Callable[[], None]) -> None:
    """Artifacts belong to flow runs."""
    flow(body)()


def test_live_artifacts_are_seldom_and_the_last_ones_always_written() -> None:
    clock = Clock()
    observer = ArtifactObserver(clock)

    def pass_time(seconds: float, elapsed: float) -> int:
        clock.now += seconds
        observer.notify(TrialCompleted(completed(0, 0.5), Progress(elapsed=elapsed, asked=1)))
        observer.notify(TrialFailed(failed(1), Progress(elapsed=elapsed, asked=2)))
        return len(written("throttled-best-parameters"))

    @in_a_flow_run
    def _() -> None:
        observer.notify(study_started("throttled", completed(0, 0.5), failed(1)))
        assert pass_time(SHORTEST_INTERVAL - 0.1, elapsed=9.9) == 0
        assert pass_time(0.1, elapsed=10.0) == 1
        assert pass_time(SHORTEST_INTERVAL - 0.1, elapsed=19.9) == 1
        assert pass_time(0.1, elapsed=1000.0) == 2
        # A long study has updates at longer intervals: 5 % of the time that it has taken.
        assert pass_time(49.9, elapsed=1049.9) == 2
        assert pass_time(0.2, elapsed=1050.1) == 3
        observer.notify(StudyFailed("throttled", ValueError("no"), "no", False, Progress(asked=2)))

    assert len(written("throttled-best-parameters")) == 4
    assert len(written("throttled-progress")) == 1


def test_a_study_that_was_stopped_keeps_the_progress_it_had() -> None:
    observer = ArtifactObserver()
    stopped = Progress(asked=2, running=1, completed=1, best_trial=completed(0, 0.5))

    @in_a_flow_run
    def _() -> None:
        observer.notify(study_started("halfway", completed(0, 0.5), max_trials=3))
        observer.notify(
            StudyFailed("halfway", KeyboardInterrupt(), "interrupted (Ctrl-C)", True, stopped)
        )

    (progress,) = written("halfway-progress")
    assert float(progress) == 33.3
    (best,) = written("halfway-best-parameters")
    assert "Cancelled: interrupted (Ctrl-C)" in best.replace("\\", "")


def test_a_progress_bar_that_was_deleted_takes_nothing_with_it() -> None:
    clock = Clock()
    observer = ArtifactObserver(clock)
    update = TrialCompleted(completed(0, 0.5), Progress(elapsed=10.0, asked=1))

    @in_a_flow_run
    def _() -> None:
        observer.notify(study_started("deleted", completed(0, 0.5)))
        (bar,) = ask_server("artifacts/filter", artifacts={"key": {"any_": ["deleted-progress"]}})
        get_client(sync_client=True).delete_artifact(bar["id"])
        clock.now += SHORTEST_INTERVAL
        with pytest.raises(PrefectHTTPStatusError, match="404"):
            observer.notify(update)
        # And a failure is no reason to ask the server again any sooner.
        observer.notify(update)

    assert len(written("deleted-best-parameters")) == 1
    assert len(written("deleted-leaderboard")) == 1
