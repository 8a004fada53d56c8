"""What a study is: its records, taken in one by one.

A run takes each record in when it has written it, and who reads the ledger takes them in again: the
state of a study that runs and the state of a stored one are the same reduction of the same records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self, TypeVar

from prefect_tuner.errors import LedgerError
from prefect_tuner.flows.confirmation.race import Evaluation
from prefect_tuner.flows.ledger.ledger_records import (
    AskedRecord,
    AttemptRecord,
    BestRecord,
    ConfirmedRecord,
    FinishedRecord,
    InterruptedRecord,
    KnownRecord,
    PreflightRecord,
    Record,
    ReevaluatedRecord,
    ReevaluationRecord,
    RetriedRecord,
    RunRecord,
    StoppedRecord,
    StudyDefinition,
    StudyRecord,
)
from prefect_tuner.flows.study.study_digest import study_digest
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Outcome, Trial

_ID = 16

_T = TypeVar("_T")


@dataclass
class StudyState:
    """A study as its ledger has it.

    Attributes:
        study: Its name.
        definition: What is searched.
        created: When it was begun (ISO 8601, UTC).
        updated: When its last record was written.
        trials: All trials in the order asked; those without an outcome are in flight, or were
            when the run died.
        finished: The numbers of the trials that have an outcome, in the order recorded.
        inherited: The numbers of the trials that the study started from: results from elsewhere,
            and trials of before it was adopted.
        known: Those of them that are results from elsewhere, which cost no budget.
        interruptions: The trials in flight that were stopped with their run, as cancelled ones,
            by their numbers.
        started: When the objective was last called for each trial (ISO 8601, UTC), by its number.
        ended: When each trial ended or was stopped with its run, likewise.
        suggestion: Seconds that the strategy took to suggest each trial, likewise, where the ledger
            tells, as with the next two.
        startup: Seconds from the start of each trial's process to the call of the objective.
        teardown: Seconds from the objective's return to the end of its program.
        runs: All runs, the last one last.
        endings: How each of them ended; None where a run died, and while the last one runs.
        running: The numbers of the trials that the last run has called, and that have not ended.
        interrupted: The numbers of those that were stopped with it, in the order recorded.
        attempts_before: How often each trial in flight was called before the last run, by number;
            an attempt that goes on in the last run is one of that.
        preflights: What was to be tried first since the study was made or adopted, to judge it
            by; more than one where all trials of those before had failed.
        begun: Whether a run has begun since the study was made or adopted.
        stopped: How the last run ended; None while it runs, and when it died.
        elapsed: Seconds that the study has run, in all its runs.
        evaluations: What came of evaluating trials once more, by number and repetition, from 1.
        evaluating: How often the objective was called for those that have not ended, likewise.
        confirmed: What they say together of the best trials; None where that was not told, and
            when the search has gone on since.
    """

    study: str
    definition: StudyDefinition
    created: str
    updated: str
    trials: list[Trial] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    inherited: set[int] = field(default_factory=set)
    known: set[int] = field(default_factory=set)
    interruptions: dict[int, Trial] = field(default_factory=dict)
    started: dict[int, str] = field(default_factory=dict)
    ended: dict[int, str] = field(default_factory=dict)
    suggestion: dict[int, float] = field(default_factory=dict)
    startup: dict[int, float] = field(default_factory=dict)
    teardown: dict[int, float] = field(default_factory=dict)
    runs: list[RunRecord] = field(default_factory=list)
    endings: list[StoppedRecord | None] = field(default_factory=list)
    running: set[int] = field(default_factory=set)
    interrupted: list[int] = field(default_factory=list)
    attempts_before: dict[int, int] = field(default_factory=dict)
    preflights: list[PreflightRecord] = field(default_factory=list)
    begun: bool = False
    stopped: StoppedRecord | None = None
    elapsed: float = 0.0
    evaluations: dict[tuple[int, int], Evaluation] = field(default_factory=dict)
    evaluating: dict[tuple[int, int], int] = field(default_factory=dict)
    confirmed: ConfirmedRecord | None = None

    @classmethod
    def begin(cls, record: Record) -> Self:
        """The state after a ledger's first record.

        Raises:
            LedgerError: No ledger begins like that.

        Example:
            ```python
            from prefect_tuner.flows.ledger.ledger_records import StudyDefinition, StudyRecord
            from prefect_tuner.flows.ledger.study_state import StudyState

            definition = StudyDefinition(
                objective="model:train",
                space={"lr": {"type": "float", "low": 0.0, "high": 1.0}},
                strategy={"name": "random"},
                direction="maximize",
                seed=0,
            )
            record = StudyRecord(at="2026-01-01T00:00:00Z", study="churn", definition=definition)
            assert StudyState.begin(record).trials == []
            ```
        """
        if not isinstance(record, StudyRecord):
            raise LedgerError(f"it begins with a record of type {record.type!r}, not 'study'")
        return cls(record.study, record.definition, record.at, record.at)

    @classmethod
    def after(cls, state: Self | None, record: Record) -> Self:
        """The state with one more record; None before the first.

        Raises:
            LedgerError: The record contradicts those before.
        """
        if state is None:
            return cls.begin(record)
        state.take(record)
        return state

    @property
    def in_flight(self) -> list[Trial]:
        """The trials without an outcome."""
        return [trial for trial in self.trials if trial.outcome is None]

    @property
    def preflighted(self) -> set[int]:
        """The numbers of the trials that are a preflight's, asked or not."""
        return {number for preflight in self.preflights for number in preflight.numbers}

    @property
    def id(self) -> str:
        """The same in all runs of the study, and no other study's, whatever its name."""
        first = self.runs[0].flow_run_id if self.runs else ""
        told = json.dumps(
            [self.study, self.created, first, self.definition.model_dump(mode="json")]
        )
        return hashlib.sha256(told.encode()).hexdigest()[:_ID]

    @property
    def digest(self) -> str:
        """The digest of parameters and metrics, see `study_digest`."""
        return study_digest(self.trials)

    @property
    def config(self) -> dict[str, Any]:
        """The configuration of the last run."""
        return self.runs[-1].config if self.runs else {}

    @property
    def code(self) -> dict[str, str]:
        """What the code of the objective was in the last run that knew it."""
        return next((run.code for run in reversed(self.runs) if run.code), {})

    def copy(self) -> Self:
        """The same state, to take in other records."""
        held = {each.name: getattr(self, each.name) for each in fields(self)}
        own: dict[str, Any] = {
            name: value.copy()
            for name, value in held.items()
            if isinstance(value, list | set | dict)
        }
        return replace(self, **own)

    def take(self, record: Record) -> None:
        """Take the next record in.

        Raises:
            LedgerError: It contradicts those before.
        """
        match record:
            case StudyRecord():
                self._adopt(record)
            case RunRecord():
                self._begin_run(record)
            case KnownRecord() | AskedRecord():
                self._add(record)
            case PreflightRecord():
                self._next(record.first)
                self.preflights.append(record)
            case AttemptRecord():
                self._call(record)
            case FinishedRecord():
                self._finish(record)
            case InterruptedRecord():
                running = self._running(record.number)
                self.trials[running.number] = replace(running, attempts=record.attempts)
                self.interruptions[running.number] = record.ending.of(running)
                self.running.discard(running.number)
                self.interrupted.append(running.number)
                self.ended[running.number] = record.at
            case StoppedRecord():
                self._stop(record)
            case RetriedRecord() | BestRecord():
                pass  # They follow from the others; they are there to be read.
            case _:
                self._confirm(record)
        self.updated = record.at

    def _add(self, record: KnownRecord | AskedRecord) -> None:
        number = self._next(record.number)
        if isinstance(record, AskedRecord):
            self.trials.append(Trial(number, record.params, record.seed, proposer=record.proposer))
            self.confirmed = None
            _note(self.suggestion, number, record.suggestion)
            return
        outcome = Outcome.COMPLETED
        self.trials.append(Trial(number, record.params, outcome=outcome, metric=record.metric))
        self.finished.append(number)
        self.inherited.add(number)
        self.known.add(number)
        self.started[number] = self.ended[number] = record.at

    def _begin_run(self, record: RunRecord) -> None:
        self.runs.append(record)
        self.endings.append(None)
        self.begun = True
        self.stopped = None
        self.elapsed = record.elapsed
        self.running = set()
        self.interrupted = []
        self.attempts_before = {trial.number: trial.attempts for trial in self.in_flight}

    def _stop(self, record: StoppedRecord) -> None:
        if record.best is not None and (
            not 0 <= record.best < len(self.trials) or self.trials[record.best].metric is None
        ):
            raise LedgerError(f"trial {record.best} cannot be the best, as it has no metric")
        self.stopped = record
        self.elapsed = record.elapsed
        if self.endings:
            self.endings[-1] = record

    def _call(self, record: AttemptRecord) -> None:
        running = self._running(record.number)
        if record.attempt <= self.attempts_before.get(running.number, 0):
            # One of an earlier run goes on.
            self.attempts_before[running.number] = record.attempt - 1
        self.trials[running.number] = replace(running, attempts=record.attempt)
        self.interruptions.pop(running.number, None)
        self.running.add(running.number)
        self.started[running.number] = record.at
        self.ended.pop(running.number, None)

    def _finish(self, record: FinishedRecord) -> None:
        running = self._running(record.number)
        self.trials[running.number] = record.ending.of(running)
        self.finished.append(running.number)
        self.running.discard(running.number)
        self.ended[running.number] = record.at
        _note(self.startup, running.number, record.startup)
        _note(self.teardown, running.number, record.teardown)
        self.interruptions.pop(running.number, None)
        self.elapsed = max(self.elapsed, record.elapsed)

    def _adopt(self, record: StudyRecord) -> None:
        """Go on with another definition, and the finished trials that lie in its space."""
        space = SearchSpace(record.definition.space)
        kept = [t for t in self.trials if t.outcome is not None and space.contains(t.params)]
        numbers = {trial.number: i for i, trial in enumerate(kept)}
        self.trials = [replace(trial, number=i) for i, trial in enumerate(kept)]
        self.finished = [numbers[number] for number in self.finished if number in numbers]
        self.inherited = set(self.finished)
        self.known = {numbers[number] for number in self.known if number in numbers}
        self.started = _renumbered(self.started, numbers)
        self.ended = _renumbered(self.ended, numbers)
        self.suggestion = _renumbered(self.suggestion, numbers)
        self.startup = _renumbered(self.startup, numbers)
        self.teardown = _renumbered(self.teardown, numbers)
        self.interruptions = {}
        self.running = set()
        self.interrupted = []
        self.attempts_before = {}
        self.preflights = []
        self.begun = False
        self.stopped = None
        self.evaluations, self.evaluating, self.confirmed = {}, {}, None
        self.definition = record.definition

    def _next(self, number: int) -> int:
        if number != len(self.trials):
            raise LedgerError(f"trial {number} follows trial {len(self.trials) - 1}")
        return number

    def _confirm(self, record: ReevaluationRecord | ReevaluatedRecord | ConfirmedRecord) -> None:
        """Take in what was recorded when the best trials were evaluated anew."""
        match record:
            case ReevaluationRecord():
                self.evaluating[self._again(record)] = record.attempt
            case ReevaluatedRecord():
                self.evaluations[self._again(record)] = record.evaluation
                self.evaluating.pop((record.number, record.repetition), None)
                self.elapsed = max(self.elapsed, record.elapsed)
            case ConfirmedRecord():
                self.confirmed = record
                self.elapsed = max(self.elapsed, record.elapsed)

    def _again(self, record: ReevaluationRecord | ReevaluatedRecord) -> tuple[int, int]:
        """Which trial is evaluated for which time."""
        number, repetition = record.number, record.repetition
        if not 0 <= number < len(self.trials) or self.trials[number].metric is None:
            raise LedgerError(f"trial {number} is evaluated again and has no metric")
        if (number, repetition) in self.evaluations:
            raise LedgerError(f"repetition {repetition} of trial {number} has ended already")
        return number, repetition

    def _running(self, number: int) -> Trial:
        if not 0 <= number < len(self.trials):
            raise LedgerError(f"trial {number} was never asked")
        trial = self.trials[number]
        if trial.outcome is not None:
            raise LedgerError(f"trial {number} has finished already")
        return trial


def _note(seconds: dict[int, float], number: int, told: float | None) -> None:
    if told is not None:
        seconds[number] = told


def _renumbered(told: Mapping[int, _T], numbers: Mapping[int, int]) -> dict[int, _T]:
    """What is told of trials, by the numbers that those that are kept have now."""
    return {numbers[number]: each for number, each in told.items() if number in numbers}
