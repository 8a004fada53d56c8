"""Times and durations as a person reads them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_UNITS = ((86_400, "day", "days"), (3600, "h", "h"), (60, "min", "min"), (1, "s", "s"))


def local_time(at: str) -> str:
    """A time of the ledger's (ISO 8601, UTC) by the clock on the wall."""
    moment = _parsed(at)
    return at if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def ago(at: str, now: datetime | None = None) -> str:
    """How long ago a time of the ledger's was.

    Args:
        at: ISO 8601.
        now: By default the time that it is.

    Example:
        ```python
        from datetime import UTC, datetime

        from prefect_tuner.flows.reports.time_text import ago

        noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        assert ago("2026-01-01T08:50:00.000+00:00", noon) == "3 h ago"
        ```
    """
    moment = _parsed(at)
    if moment is None:
        return at
    seconds = ((now or datetime.now(UTC)) - moment).total_seconds()
    for size, one, many in _UNITS:
        count = int(seconds // size)
        if count >= 1:
            return f"{count} {one if count == 1 else many} ago"
    return "just now"


def duration_text(seconds: float) -> str:
    """A duration in hours, minutes and seconds; below ten seconds to the tenth.

    Example:
        ```python
        from prefect_tuner.flows.reports.time_text import duration_text

        assert duration_text(83.4) == "0:01:23"
        assert duration_text(2.5) == "2.5 s"
        ```
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    try:
        return str(timedelta(seconds=round(seconds)))
    except OverflowError:
        return f"{seconds:g} s"


def seconds_of(at: str) -> float | None:
    """A time of the ledger's as seconds since 1970; None for what is no time."""
    moment = _parsed(at)
    return None if moment is None else moment.timestamp()


def _parsed(at: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
