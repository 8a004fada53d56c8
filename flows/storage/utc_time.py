"""The time as it stands in ledgers and claims."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """The time in ISO 8601, UTC, to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
