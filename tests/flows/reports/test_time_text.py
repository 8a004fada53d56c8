"""Times and durations as they are shown."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from prefect_tuner.flows.reports.time_text import ago, duration_text, local_time

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("before", "text"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=0.4), "just now"),
        (timedelta(seconds=59.9), "59 s ago"),
        (timedelta(minutes=1), "1 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=1, hours=1), "1 day ago"),
        (timedelta(days=400), "400 days ago"),
    ],
)
def test_a_time_is_told_by_how_long_ago_it_was(before: timedelta, text: str) -> None:
    assert ago((NOW - before).isoformat(), NOW) == text


def test_times_are_those_of_the_clock_on_the_wall(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as zone:
        zone.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        shown = local_time("2026-01-02T20:04:05.678+00:00")
    time.tzset()
    assert shown == "2026-01-03 05:04:05"


def test_what_is_no_time_is_shown_as_it_is() -> None:
    assert local_time("yesterday") == ago("yesterday") == "yesterday"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (83.4, "0:01:23"),
        (90_000, "1 day, 1:00:00"),
        (1e300, "1e+300 s"),
    ],
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
