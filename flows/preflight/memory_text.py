"""Memory as a person reads it."""

from __future__ import annotations

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def memory_text(size: int) -> str:
    """A number of bytes in a unit of which there is at least one.

    Example:
        ```python
        from prefect_tuner.flows.preflight.memory_text import memory_text

        assert memory_text(123_456_789) == "123 MB"
        assert memory_text(1_234_567_890) == "1.2 GB"
        ```
    """
    for unit, name in _UNITS:
        if size >= unit:
            count = size / unit
            return f"{count:.1f} {name}" if count < 10 else f"{count:,.0f} {name}"
    return f"{size} B"
