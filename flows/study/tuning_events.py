"""What happens in a study, as observers and the callers of `stream` are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from prefect_tuner.ending import TrialRun
from prefect_tuner.errors import TuningCancelled
from prefect_tuner.flows.confirmation.confirmation import Confirmation
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.flows.study.tuning_result import TuningResult
from prefect_tuner.goal import Goal
from prefect_tuner.history import History
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Direction, Outcome, Trial

PreflightPlace: TypeAlias = Literal["middle", "low corner", "high corner", "middle again"]
"""Where a trial of a preflight lies in the space; the last is the middle with another seed."""


@dataclass(frozen=True)
class Progress:
    """How far a study is.

    Attributes:
        elapsed: Seconds since the study started.
        asked: Trials started so far.
        running: Trials that run now.
        completed: Trials that have a metric.
        failed: Trials that failed, in whichever way.
        since_best: Trials finished since the best metric was found.
        alike_failures: How many of the first trials of this run failed alike; 0 as soon as one
            ends otherwise.
        best_trial: The trial with the best metric so far, and in `StudyCompleted` the best trial of
            the result; None before the first completed trial.
    """

    elapsed: float = 0.0
    asked: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    since_best: int = 0
    alike_failures: int = 0
    best_trial: Trial | None = None

    @property
    def finished(self) -> int:
        """Trials that run no more."""
        return self.asked - self.running

    def after(self, trial: Trial, *, improved: bool) -> Progress:
        """How far the study is with one more trial that has ended.

        Args:
            trial: The trial.
            improved: Whether it has the best metric now.
        """
        completed = trial.outcome is Outcome.COMPLETED
        failed = trial.outcome is not None and trial.outcome.is_failure
        return replace(
            self,
            completed=self.completed + completed,
            failed=self.failed + failed,
            since_best=0 if improved else self.since_best + (completed or failed),
            best_trial=trial if improved else self.best_trial,
        )


@dataclass(frozen=True)
class StudyStarted:
    """The study begins; no trial was started yet.

    Attributes:
        study: The study's name.
        objective: What the objective is called.
        space: The parameters to search.
        strategy: The strategy's name.
        direction: Whether a larger or a smaller metric is better.
        config: Budget, limits and stop rules.
        history: All trials, as they come; to be read only.
        reason: Why the strategy decides as it does in this study, in a sentence; or empty.
    """

    study: str
    objective: str
    space: SearchSpace
    strategy: str
    direction: Direction
    config: TunerConfig
    history: History
    reason: str = ""

    @property
    def goal(self) -> Goal:
        """Which of two metrics is better."""
        return Goal(self.direction)


@dataclass(frozen=True)
class TrialStarted:
    """A trial was submitted."""

    trial: Trial
    progress: Progress


@dataclass(frozen=True)
class TrialCompleted:
    """A trial has a metric; `run` tells where Prefect has it."""

    trial: Trial
    progress: Progress
    run: TrialRun = field(default_factory=TrialRun)


@dataclass(frozen=True)
class TrialFailed:
    """A trial ended without a metric: it failed, or was stopped with the study.

    `trial.outcome` tells them apart: one that was stopped is `cancelled`, and is no failure. `run`
    tells where Prefect has it.
    """

    trial: Trial
    progress: Progress
    run: TrialRun = field(default_factory=TrialRun)


@dataclass(frozen=True)
class BestImproved:
    """A completed trial is better than all before; told after its `TrialCompleted`."""

    trial: Trial
    previous: Trial | None
    progress: Progress


@dataclass(frozen=True)
class ConfirmationStarted:
    """The search is complete, and its best trials are about to be evaluated anew.

    Attributes:
        candidates: These trials, the best first.
        budget: How many evaluations there may be in all, those of earlier runs included.
        spent: How many there were in these.
        progress: How far the study is; that does not change any more.
    """

    candidates: list[Trial]
    budget: int
    spent: int
    progress: Progress


@dataclass(frozen=True)
class TrialReevaluated:
    """One of the best trials was evaluated once more, with a fresh seed.

    Attributes:
        trial: What came of it: the trial's number and parameters, with the outcome, the metric and
            the seed of this evaluation.
        repetition: Which evaluation of the trial it was, from 1.
        evaluated: How many evaluations of all candidates have ended.
        progress: How far the study is.
    """

    trial: Trial
    repetition: int
    evaluated: int
    progress: Progress


@dataclass(frozen=True)
class ConfirmationCompleted:
    """The best trials were evaluated anew, until one was found best or the budget was spent.

    Attributes:
        confirmation: What it shows.
        progress: How far the study is.
    """

    confirmation: Confirmation
    progress: Progress


@dataclass(frozen=True)
class PreflightEnded:
    """The trials have ended by which the study is judged before its budget is spent.

    Attributes:
        trials: They, by their places in the search space.
        is_pointless: Whether all of them failed alike; then the study ends with them.
        preparation: Seconds until trials could run, the import of the objective among them.
        notes: What is known of how they run, such as threads that the import has started.
        progress: How far the study is.
        machine_memory: Bytes that the trials have together; None where that is not known.
        elapsed: Seconds from the start of the first to the end of the last, all that they took to
            be started and heard of included; None where they were interrupted.
    """

    trials: Mapping[PreflightPlace, Trial]
    is_pointless: bool
    preparation: float
    notes: Sequence[str]
    progress: Progress
    machine_memory: int | None = None
    elapsed: float | None = None


@dataclass(frozen=True)
class StudyCompleted:
    """The study is complete."""

    result: TuningResult
    progress: Progress


@dataclass(frozen=True)
class StudyFailed:
    """The study ended without a result: it failed, or was cancelled; `StudyStarted` came before.

    Attributes:
        study: The study's name.
        error: Why.
        reason: The same in half a sentence.
        cancelled: Whether it was stopped from outside.
        progress: How far it came.
    """

    study: str
    error: BaseException
    reason: str
    cancelled: bool
    progress: Progress


def ending_sentence(event: StudyCompleted | StudyFailed) -> str:
    """How a study has ended, a sentence without its point."""
    if isinstance(event, StudyCompleted):
        return f"Complete, since {event.result.stop_reason.sentence}"
    return f"{'Cancelled' if event.cancelled else 'Failed'}: {event.reason}"


def describe_failure(trial: Trial) -> str:
    """What went wrong with a trial, in half a sentence.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.flows.study.tuning_events import describe_failure

        trial = Trial(3, {"lr": 0.1}, outcome=Outcome.FAILED, message="ValueError: singular")
        assert describe_failure(trial) == "failed: ValueError: singular"
        ```
    """
    ending = trial.outcome.value.replace("_", " ") if trial.outcome else "is running"
    return f"{ending}: {trial.message}" if trial.message else ending


def is_cancellation(error: BaseException) -> bool:
    """Whether a study was ended from outside, rather than by what happened in it."""
    return isinstance(error, TuningCancelled) or not isinstance(error, Exception)


TuningEvent: TypeAlias = (
    StudyStarted
    | TrialStarted
    | TrialCompleted
    | TrialFailed
    | BestImproved
    | ConfirmationStarted
    | TrialReevaluated
    | ConfirmationCompleted
    | PreflightEnded
    | StudyCompleted
    | StudyFailed
)
"""Anything that happens in a study."""
