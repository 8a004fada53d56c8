"""How often reports are made, and what becomes of the artifact."""

from __future__ import annotations

from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client

from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.observers import report_observer
from prefect_tuner.flows.observers.report_observer import SHORTEST_INTERVAL, ReportObserver
from prefect_tuner.flows.study.tuning_events import Progress, StudyFailed, TrialCompleted
from prefect_tuner.flows.study_report.report_maker import ReportNotMade, ReportRequest
from tests.flows.flow_runs import ask_server
from tests.flows.observers.test_artifact_observer import Clock
from tests.flows.stored_studies import study_record
from tests.flows.studies import completed, study_started

pytestmark = pytest.mark.usefixtures("prefect_server")


def versions(key: str) -> list[dict[str, str]]:
    """All versions of an artifact."""
    found: list[dict[str, str]] = ask_server("artifacts/filter", artifacts={"key": {"any_": [key]}})
    return found


class Maker:
    """Makes reports of a few words, which take some time."""

    def __init__(self, clock: Clock) -> None:
        self.made: list[str] = []
        self.cost = 0.5
        self._clock = clock

    def __call__(self, request: ReportRequest) -> str:
        self._clock.now += self.cost
        if self.cost > request.timeout:
            raise ReportNotMade("it took too long")
        self.made.append(request.ending)
        return f"{request.name}: {request.ending} after {request.elapsed} s"


def test_live_reports_are_seldom_the_last_is_always_made_and_all_are_one_artifact(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    maker = Maker(clock)
    monkeypatch.setattr(report_observer, "make_report", maker)
    observer = ReportObserver(lambda: StudyState.begin(study_record("seldom")), clock)

    def pass_time(seconds: float, elapsed: float) -> int:
        clock.now += seconds
        observer.notify(TrialCompleted(completed(0, 0.5), Progress(elapsed=elapsed, asked=1)))
        return len(maker.made)

    @flow
    def body() -> None:
        observer.notify(study_started("seldom", completed(0, 0.5)))
        assert pass_time(SHORTEST_INTERVAL - 0.1, elapsed=19.9) == 0
        assert pass_time(0.1, elapsed=20.0) == 1
        assert pass_time(SHORTEST_INTERVAL - 0.1, elapsed=40.0) == 1
        assert pass_time(0.1, elapsed=1000.0) == 2
        # A long study has reports at longer intervals, and so has one whose reports take long.
        assert pass_time(49.9, elapsed=1050.0) == 2
        maker.cost = 5.0
        assert pass_time(0.2, elapsed=100.0) == 3
        assert pass_time(99.9, elapsed=200.0) == 3
        maker.cost = 1000.0
        clock.now += 0.2
        with pytest.raises(ReportNotMade):
            pass_time(0.0, elapsed=200.0)
        assert pass_time(1000.0, elapsed=200.0) == 3
        (artifact,) = versions("seldom-report")
        assert artifact["data"] == "seldom: Running after 100.0 s"
        get_client(sync_client=True).delete_artifact(UUID(artifact["id"]))
        maker.cost = 0.5
        observer.notify(
            StudyFailed("seldom", ValueError("no"), "no", False, Progress(elapsed=300.0))
        )

    body()
    (artifact,) = versions("seldom-report")
    assert artifact["data"] == "seldom: Failed: no after 300.0 s"
