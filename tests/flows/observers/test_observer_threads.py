from __future__ import annotations

import contextvars
import logging
import re
import sys
import threading
from typing import Any

import pytest

from prefect_tuner import TrialCompleted, TrialStarted, TunerError, TuningEvent, TuningObserver
from prefect_tuner.flows.observers.observer import ObserverThreads
from prefect_tuner.flows.study.tuning_events import (
    BestImproved,
    Progress,
    StudyFailed,
    StudyStarted,
    TrialFailed,
)
from tests.flows.studies import completed, failed, study_started

LOGGER = logging.getLogger("observed")
NOW = Progress()
EVENTS: list[TuningEvent] = [
    study_started("churn"),
    TrialStarted(completed(0, 0.5), NOW),
    TrialCompleted(completed(0, 0.5), NOW),
    BestImproved(completed(0, 0.5), None, NOW),
    TrialFailed(failed(1), NOW),
    StudyFailed("churn", ValueError("no"), "no", False, NOW),
]


class Recorder(TuningObserver):
    def __init__(self) -> None:
        self.heard: list[TuningEvent] = []

    def notify(self, event: TuningEvent) -> None:
        self.heard.append(event)


class Raising(Recorder):
    def notify(self, event: TuningEvent) -> None:
        super().notify(event)
        raise ValueError("no paper in the printer")


class Exiting(Recorder):
    def notify(self, event: TuningEvent) -> None:
        super().notify(event)
        sys.exit(3)


class Hanging(TuningObserver):
    def __init__(self) -> None:
        self.released = threading.Event()

    def on_study_started(self, event: StudyStarted) -> None:
        assert event.study == "churn"
        self.released.wait(60)


def test_everybody_hears_everything_in_order() -> None:
    first, second = Recorder(), Recorder()
    with ObserverThreads([first, second], LOGGER) as threads:
        for event in EVENTS:
            threads.notify(event)
    assert first.heard == second.heard == EVENTS


def test_an_observer_overrides_only_what_it_wants_to_hear_of() -> None:
    heard: list[str] = []

    class Announcer(TuningObserver):
        def on_best_improved(self, event: BestImproved) -> None:
            heard.append(f"trial {event.trial.number} leads")

    with ObserverThreads([Announcer()], LOGGER) as threads:
        for event in EVENTS:
            threads.notify(event)
    assert heard == ["trial 0 leads"]


@pytest.mark.parametrize(("kind", "error"), [(Raising, "ValueError"), (Exiting, "SystemExit")])
def test_one_that_raises_is_reported_and_goes_on_being_told(
    kind: type[Recorder], error: str, caplog: pytest.LogCaptureFixture
) -> None:
    raising, other = kind(), Recorder()
    with ObserverThreads([raising, other], LOGGER) as threads:
        for event in EVENTS:
            threads.notify(event)
    assert raising.heard == other.heard == EVENTS
    assert caplog.messages[:2] == [
        f"Observer {kind.__name__} failed on StudyStarted",
        f"Observer {kind.__name__} failed on TrialStarted",
    ]
    assert error in caplog.text


def test_one_that_knows_what_is_wrong_says_it_in_a_line(caplog: pytest.LogCaptureFixture) -> None:
    class Late(TuningObserver):
        def on_study_started(self, event: StudyStarted) -> None:  # noqa: ARG002
            raise TunerError("the report took longer than 12 s")

    with ObserverThreads([Late()], LOGGER) as threads:
        threads.notify(EVENTS[0])
    assert caplog.messages == [
        "Observer Late failed on StudyStarted: the report took longer than 12 s"
    ]
    assert "Traceback" not in caplog.text


def test_one_that_hangs_holds_up_nobody_and_is_given_up(caplog: pytest.LogCaptureFixture) -> None:
    hanging, other = Hanging(), Recorder()
    threads = ObserverThreads([hanging, other], LOGGER)
    for event in EVENTS:
        threads.notify(event)
    threads.close(timeout=0.2)
    assert other.heard == EVENTS
    (message,) = caplog.messages
    assert re.search(r"\bHanging took .*\b0\.2 s\b", message)
    hanging.released.set()


def test_an_observer_is_called_in_the_context_of_the_study() -> None:
    name: contextvars.ContextVar[str] = contextvars.ContextVar("name", default="nobody")
    heard: list[Any] = []

    class Asking(TuningObserver):
        def on_study_started(self, event: StudyStarted) -> None:
            assert event.study == "churn"
            heard.append((name.get(), threading.current_thread() is not threading.main_thread()))

    token = name.set("churn")
    try:
        with ObserverThreads([Asking(), Asking()], LOGGER) as threads:
            threads.notify(EVENTS[0])
    finally:
        name.reset(token)
    assert heard == [("churn", True), ("churn", True)]


def test_no_thread_is_left_when_the_study_has_ended() -> None:
    before = threading.active_count()
    with ObserverThreads([Recorder()], LOGGER):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
