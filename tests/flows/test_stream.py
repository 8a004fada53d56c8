"""A study as a stream of events, for `for` and `async for`."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import (
    BestImproved,
    InvalidConfiguration,
    Params,
    StudyCompleted,
    StudyFailed,
    TrainingError,
    TrialCompleted,
    TrialStarted,
    TunerConfig,
    TuningCancelled,
    TuningEvent,
    TuningObserver,
    stream,
)
from tests.flows.flow_runs import X
from tests.flows.hanging_stream import CLOSED_WITHIN, Hanging
from tests.flows.objectives import by_number
from tests.flows.processes import assert_gone
from tests.messages import STREAM_WAS_CLOSED, TRIAL_1_RAISED
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")

THREE: dict[str, Any] = {
    "objective": by_number([0.25, "raise", 0.75]),
    "space": X,
    "config": TunerConfig(max_trials=3),
}
TOLD = [
    "StudyStarted",
    "TrialStarted",
    "TrialCompleted",
    "BestImproved",
    "TrialStarted",
    "TrialFailed",
    "TrialStarted",
    "TrialCompleted",
    "BestImproved",
    "StudyCompleted",
]


def names(events: list[TuningEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_a_for_loop_gets_every_event_in_order_and_then_the_result() -> None:
    events = stream(**THREE)
    with pytest.raises(RuntimeError, match=r"no result before\b"):
        _ = events.result
    heard = list(events)
    assert names(heard) == TOLD
    last = heard[-1]
    assert isinstance(last, StudyCompleted)
    assert events.result == last.result
    assert events.result.best_metric == 0.75


def test_an_async_for_loop_gets_the_same_and_lets_others_run_meanwhile() -> None:
    async def main() -> tuple[list[TuningEvent], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        ticking = asyncio.create_task(tick())
        heard = [event async for event in stream(**THREE)]
        ticking.cancel()
        return heard, ticks

    heard, ticks = asyncio.run(main())
    assert names(heard) == TOLD
    assert ticks > 5


def test_events_come_as_they_happen(tmp_path: Path) -> None:
    go_on = tmp_path / "go-on"

    def train(_: Params) -> float:
        give_up = time.monotonic() + 30
        while not go_on.exists():
            assert time.monotonic() < give_up, "nobody heard that the trial had started"
            time.sleep(0.01)
        return 0.5

    for event in stream(train, X, config=TunerConfig(max_trials=1)):
        if isinstance(event, TrialStarted):
            go_on.touch()
        if isinstance(event, TrialCompleted):
            assert event.trial.metric == 0.5


def test_leaving_the_loop_stops_the_study_and_its_processes(tmp_path: Path) -> None:
    study = Hanging(tmp_path)
    pids: list[int] = []
    since = 0.0
    for event in study.events:
        if isinstance(event, TrialStarted) and event.trial.number == 1:
            pids = study.pids()
            since = time.monotonic()
            break
    assert time.monotonic() - since < CLOSED_WITHIN
    study.assert_cancelled(pids, since)


def test_an_error_in_the_loop_stops_the_study_and_is_raised(tmp_path: Path) -> None:
    study = Hanging(tmp_path)
    pids: list[int] = []

    def fail_at_the_second() -> None:
        for event in study.events:
            if isinstance(event, TrialStarted) and event.trial.number == 1:
                pids.extend(study.pids())
                raise LookupError("no such dashboard")

    with pytest.raises(LookupError, match="no such dashboard"):
        fail_at_the_second()
    study.assert_cancelled(pids, time.monotonic())


def test_leaving_an_async_loop_stops_the_study_and_its_processes(tmp_path: Path) -> None:
    study = Hanging(tmp_path)

    async def main() -> tuple[list[int], float]:
        pids: list[int] = []
        async for event in study.events:
            if isinstance(event, TrialStarted) and event.trial.number == 1:
                pids = await asyncio.to_thread(study.pids)
                break
        since = time.monotonic()
        await asyncio.to_thread(assert_gone, *pids)  # While the event loop goes on.
        return pids, since

    study.assert_cancelled(*asyncio.run(main()))


def test_a_cancelled_coroutine_stops_its_study(tmp_path: Path) -> None:
    study = Hanging(tmp_path)

    async def consume() -> None:
        async for _ in study.events:
            pass

    async def main() -> tuple[list[int], float]:
        consuming = asyncio.create_task(consume())
        pids = await asyncio.to_thread(study.pids)
        since = time.monotonic()
        consuming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await consuming
        return pids, since

    study.assert_cancelled(*asyncio.run(main()))


def test_another_thread_may_close_the_stream(tmp_path: Path) -> None:
    study = Hanging(tmp_path)
    pids: list[int] = []

    def close() -> None:
        pids.extend(study.pids())
        study.events.close()

    closing = threading.Thread(target=close)
    closing.start()
    heard: list[TuningEvent] = []
    with pytest.raises(TuningCancelled, match=STREAM_WAS_CLOSED):
        heard.extend(study.events)
    since = time.monotonic()
    closing.join()
    study.assert_cancelled(pids, since)


def test_a_stream_is_closed_while_the_objective_is_being_imported(tmp_path: Path) -> None:
    started = tmp_path / "started"
    slow = tmp_path / "slow_model.py"
    slow.write_text(
        f"import pathlib, time\npathlib.Path({str(started)!r}).touch()\ntime.sleep(60)\n"
    )
    events = stream(f"{slow}:train", X)

    def close() -> None:
        eventually(lambda: _assert_exists(started))
        events.close()

    closing = threading.Thread(target=close)
    closing.start()
    with pytest.raises(TuningCancelled, match=STREAM_WAS_CLOSED):
        list(events)
    closing.join(CLOSED_WITHIN)
    assert not closing.is_alive()


def _assert_exists(file: Path) -> None:
    assert file.exists()


def test_a_stream_that_was_closed_before_it_began_runs_nothing() -> None:
    events = stream(**THREE)
    events.close()
    with pytest.raises(TuningCancelled):
        list(events)


def test_a_stream_is_iterated_once() -> None:
    events = stream("no_such_module:train", X)
    with pytest.raises(Exception, match="no_such_module"):
        list(events)
    with pytest.raises(RuntimeError, match="iterated once"):
        list(events)


class Witness(TuningObserver):
    def __init__(self) -> None:
        self.heard: list[TuningEvent] = []

    def notify(self, event: TuningEvent) -> None:
        self.heard.append(event)


def test_the_parameters_may_be_given_by_position_observers_too() -> None:
    witness = Witness()
    config = TunerConfig(max_trials=1)
    events = stream(by_number([0.5]), X, "random", {}, "maximize", 0, "", config, (witness,))
    assert list(events) == witness.heard
    assert names(witness.heard)[-1] == "StudyCompleted"


def test_what_is_no_parameter_is_refused_at_once() -> None:
    unknown: dict[str, Any] = {"objectiv": "x7-very-secret"}
    with pytest.raises(TypeError, match=r"^stream: .*unexpected.* 'objectiv'$"):
        stream(**unknown)


@pytest.mark.parametrize(
    "mistake", [{"observers": None}, {"observers": "no.such:thing"}, {"space": {}}, {"seed": -1}]
)
def test_mistakes_are_raised_where_the_events_are_read(mistake: dict[str, Any]) -> None:
    (parameter,) = mistake
    with pytest.raises(InvalidConfiguration, match=f"^{parameter}: must be|^space: "):
        list(stream(**{**THREE, **mistake}))


def test_a_study_that_fails_says_so_in_an_event_and_raises() -> None:
    heard: list[TuningEvent] = []
    events = stream(**{**THREE, "config": TunerConfig(max_trials=3, on_failure="raise")})
    with pytest.raises(TrainingError, match=TRIAL_1_RAISED):
        heard.extend(event for event in events)
    assert isinstance(heard[-1], StudyFailed)
    assert heard[-1].reason == TRIAL_1_RAISED
    assert not any(isinstance(event, StudyCompleted) for event in heard)
    assert any(isinstance(event, BestImproved) for event in heard)
