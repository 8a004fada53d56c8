"""What came of an attempt at a trial, and what it was allowed to take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prefect_tuner.trial import Outcome

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


@dataclass(frozen=True)
class AttemptReport:
    """What came of an attempt.

    Attributes:
        outcome: How it ended.
        message: Why it failed, in a sentence; empty when it did not.
        metric: What the objective returned, if that was a metric.
        extra: What else it returned: numbers, texts and bools.
        duration: Seconds that the objective ran.
        traceback: Of the exception that the objective raised, if it did; the stacks of its threads
            when its time was over.
        attempt: How many times the objective was started, this time included.
    """

    outcome: Outcome
    message: str = ""
    metric: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    duration: float | None = None
    traceback: str = field(default="", repr=False)
    attempt: int = 1
