"""Interruptions in the midst of what has to be done as a whole."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from prefect_tuner.flows.ledger.ledger_records import AskedRecord
from prefect_tuner.flows.ledger.uninterrupted import UninterruptedCalls
from prefect_tuner.flows.storage.utc_time import utc_now
from tests.flows.ledgers import open_ledger, run_record, state_of, study_record


class Alarm(BaseException):
    """What a signal raises here."""


@contextmanager
def alarms(first: float, every: float = 0.0) -> Iterator[None]:
    """Have `Alarm` raised in this thread after some seconds, and then again and again."""

    def raise_alarm(number: int, frame: FrameType | None) -> None:
        raise Alarm

    before = signal.signal(signal.SIGALRM, raise_alarm)
    try:
        signal.setitimer(signal.ITIMER_REAL, first, every)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_an_interruption_comes_up_when_the_call_has_ended() -> None:
    ended: list[bool] = []

    def wait_for_the_alarm() -> None:
        signal.sigtimedwait([], 0.2)
        ended.append(True)

    with UninterruptedCalls("calls") as calls, pytest.raises(Alarm), alarms(0.05):
        calls.run(wait_for_the_alarm)
    assert ended == [True]


def test_whoever_insists_is_heard_at_once() -> None:
    ended: list[bool] = []

    def hang() -> None:
        signal.sigtimedwait([], 5.0)
        ended.append(True)

    with UninterruptedCalls("calls") as calls, pytest.raises(Alarm), alarms(0.05, 0.05):
        calls.run(hang)
    assert ended == []


def test_what_the_call_raises_is_raised() -> None:
    with UninterruptedCalls("calls") as calls, pytest.raises(ZeroDivisionError):
        calls.run(lambda: [][1 // 0])


def test_a_ledger_stays_whole_under_interruptions(tmp_path: Path) -> None:
    interrupted = 0
    with open_ledger(tmp_path) as ledger:
        ledger.append(study_record(), run_record())
        for number in range(200):
            record = AskedRecord(at=utc_now(), number=number, params={"x": 0.5}, seed=number)
            try:
                # About as long as it takes to write a record: some interrupt its middle.
                with alarms(0.0001 + 0.0004 * (number % 7) / 6):
                    ledger.append(record)
            except Alarm:
                interrupted += 1
                if len(ledger_numbers(tmp_path)) == number:  # It came before it began.
                    ledger.append(record)
        assert not ledger.is_broken
    assert interrupted > 20
    assert ledger_numbers(tmp_path) == list(range(200))


def ledger_numbers(folder: Path) -> list[int]:
    return [trial.number for trial in state_of(folder).trials]
