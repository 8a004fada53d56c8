"""What a trial may take."""

from __future__ import annotations

from dataclasses import dataclass

EXIT_GRACE = 10.0
"""Seconds that a program may take to end after its objective has returned, by default."""


@dataclass(frozen=True)
class TrialLimits:
    """What a trial may take.

    Attributes:
        timeout: Seconds, from the call of the objective; None for no limit.
        memory: Bytes that the trial's process and its descendants add together to what was there
            before the objective was called; None for no limit.
        exit_grace: Seconds from the return of the objective for what the program still does:
            threads, handlers for its end, processes that it has left.
    """

    timeout: float | None = None
    memory: int | None = None
    exit_grace: float = EXIT_GRACE
