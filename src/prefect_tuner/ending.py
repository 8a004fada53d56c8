"""How a trial ends: what came of an attempt, or of the last one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from prefect_tuner.printable_text import printable, printable_line, printable_paragraph
from prefect_tuner.trial import Outcome, Trial


@dataclass(frozen=True)
class Ending:
    """What came of an attempt at a trial.

    It is made where the trial ends, in its process or by whoever watches it, and is the same value
    up to the study and its ledger.

    Attributes:
        outcome: How it ended.
        message: Why it failed, in a sentence; empty when it did not.
        metric: What the objective returned, if that was a metric.
        extra: What else it returned: numbers, texts and bools.
        duration: Seconds that the objective ran.
        traceback: Of the exception that the objective raised, if it did; the stacks of its threads
            when its time was over. It is for the log alone.
        attempts: How many times the objective was started, this time included.
        memory: The most bytes of memory that the trial's processes had at a time, beyond what was
            there before the objective was called; None where that is not known.
        startup: Seconds from the start of the trial's process to the call of the objective; None
            where that is not known, as with the next.
        teardown: Seconds from the return of the objective to the end of its program.
        log_tail: The last lines of the log of a trial that failed, its traceback apart.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.ending import Ending

        ended = Ending(Outcome.COMPLETED, metric=0.5, duration=1.5).of(Trial(0, {"lr": 0.1}))
        assert (ended.outcome, ended.metric, ended.attempts) == ("completed", 0.5, 1)
        ```
    """

    outcome: Outcome
    message: str = ""
    metric: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    duration: float | None = None
    traceback: str = field(default="", repr=False)
    attempts: int = 1
    memory: int | None = None
    startup: float | None = None
    teardown: float | None = None
    log_tail: str = field(default="", repr=False)

    def of(self, trial: Trial) -> Trial:
        """A trial with this end, apart from what is for the log."""
        return replace(
            trial,
            outcome=self.outcome,
            metric=self.metric,
            extra=self.extra,
            duration=self.duration,
            attempts=self.attempts,
            message=self.message,
            memory=self.memory,
        )

    def to_json(self) -> dict[str, Any]:
        """The end as plain JSON data."""
        return {**vars(self), "outcome": self.outcome.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` gave, with texts as they may be shown: the user's program wrote them."""
        return cls(
            outcome=Outcome(data["outcome"]),
            message=printable_paragraph(data["message"]),
            metric=data["metric"],
            extra={printable_line(name): value for name, value in data["extra"].items()},
            duration=data["duration"],
            traceback=printable(data["traceback"]),
            attempts=data["attempts"],
            memory=data.get("memory"),
            startup=data.get("startup"),
            teardown=data.get("teardown"),
            log_tail=printable(data.get("log_tail", "")),
        )


@dataclass(frozen=True)
class TrialRun:
    """Where Prefect has the last attempt at a trial, and what its log ended with.

    Attributes:
        task_run_id: Of its task run; empty where it has none of its own, or it is not known.
        flow_run_id: Of its flow run, where each trial is one; otherwise empty.
        log_tail: The last lines of a trial that failed, and the traceback if there is one.
    """

    task_run_id: str = ""
    flow_run_id: str = ""
    log_tail: str = ""


def describe_stop(reason: str, when: str = "") -> str:
    """That a study was stopped, and why.

    Args:
        reason: Half a sentence; or empty.
        when: Seen from a trial, such as `"while the trial ran"`.

    Example:
        ```python
        from prefect_tuner.ending import describe_stop

        told = describe_stop("the budget is spent", "while the trial ran")
        assert told == "the study was stopped while the trial ran: the budget is spent"
        ```
    """
    stopped = f"the study was stopped {when}".rstrip()
    return f"{stopped}: {reason}" if reason else stopped
