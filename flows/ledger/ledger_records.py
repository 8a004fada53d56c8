"""The records of a ledger: what is written down about a study, and in which form.

```
study        what is searched: the first record, and once more for each time it is adopted
run          a run has claimed the study, with its configuration
known        a result from elsewhere that the study starts from
preflight    the next trials are those of a preflight
asked        a trial is about to run
attempt      the objective is about to be called
retried      an attempt failed, and another follows
finished     what came of a trial
best         a trial is better than all before
interrupted  a trial was stopped with its run; it will be run again
stopped      the run has ended, or its search has and its best trials are confirmed
reevaluation a trial is about to be evaluated once more, with a fresh seed
reevaluated  what came of that
confirmed    what the evaluations of the best trials say together
```
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from prefect_tuner.ending import Ending
from prefect_tuner.flows.confirmation.confirmation import Confirmation
from prefect_tuner.flows.confirmation.race import Evaluation
from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.flows.study.tuning_events import PreflightPlace
from prefect_tuner.goal import Goal
from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.trial import Direction, ExtraValue, Outcome, Trial

FORMAT = 6
"""The version of the format. It changes when older releases cannot read a newer ledger: since 2,
runs know the code of the objective, parameters may be any JSON value, and extras texts; since 3,
the end of a run says how many trials count; since 4, runs know the engine of their trials; since 5,
trials know their memory, there are preflights, and the best trials may be evaluated anew; since 6,
trials know how long their suggestion took, the start of their process, and its end."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    may_be_left_out: ClassVar[frozenset[str]] = frozenset()
    """Members that are not written where they say nothing."""

    at: str = Field(description="When it was written, ISO 8601, UTC.")

    def to_json(self) -> dict[str, Any]:
        """The record as plain JSON data."""
        # By hand, since an exception that comes in the middle, such as that of a time limit, would
        # not come out of pydantic as what it is.
        record = self.model_dump(mode="json")
        for name in self.may_be_left_out:
            if record[name] in (None, "", {}):
                del record[name]
        return record


class InitialTrial(BaseModel):
    """A trial to start from: a result where it has a metric, otherwise a candidate to try first.

    Attributes:
        params: The values of all parameters.
        metric: What came of it, if that is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    params: dict[str, HyperValue]
    metric: float | None = None


class StudyDefinition(BaseModel):
    """What makes a study the study that it is; all else may change from run to run.

    Attributes:
        objective: Its path, or the name that it has in its program.
        space: The parameters, as `SearchSpace.to_json` gives them.
        strategy: The strategy's name, and its options.
        direction: Whether a larger or a smaller metric is better.
        seed: What everything random follows from.
        lag: In a reproducible study, how many trials before it a suggestion does not depend on.
        initial_trials: What it starts from.
        initial_sources: The studies and files with more of that. What they held when the study
            began is recorded as known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    objective: str
    space: dict[str, dict[str, Any]]
    strategy: dict[str, Any]
    direction: Direction
    seed: int
    lag: int | None = None
    initial_trials: list[InitialTrial] = []
    initial_sources: list[str] = []

    @property
    def goal(self) -> Goal:
        """Which of two metrics is better."""
        return Goal(self.direction)


class StudyRecord(_Record):
    """What is searched. A second one adopts the study: trials of before that fit are kept."""

    type: Literal["study"] = "study"
    format: int = FORMAT
    study: str
    definition: StudyDefinition


class RunRecord(_Record):
    """A run has claimed the study.

    `taken_over` tells whose claim it took over, `observers` which were given by path, `code` what
    the code of the objective is; it is left out where that cannot be told. `engine` and
    `engine_options` tell where its trials run; they are left out for the local engine. `confirm` is
    how many of the best trials are evaluated anew; it is left out for none.
    """

    type: Literal["run"] = "run"
    flow_run: str
    flow_run_id: str
    host: str
    pid: int
    version: str
    config: dict[str, Any]
    observers: list[str]
    taken_over: str = ""
    elapsed: float
    code: dict[str, str] = {}
    engine: str = ""
    engine_options: dict[str, Any] = {}
    confirm: int | None = None

    may_be_left_out: ClassVar[frozenset[str]] = frozenset(
        {"code", "engine", "engine_options", "confirm"}
    )


class KnownRecord(_Record):
    """A result from elsewhere."""

    type: Literal["known"] = "known"
    number: int
    params: dict[str, HyperValue]
    metric: float


class PreflightPoint(BaseModel):
    """A candidate by which a study is judged before its budget is spent.

    Attributes:
        place: Where in the space it lies.
        params: The values of the active parameters.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    place: PreflightPlace
    params: dict[str, HyperValue]


class PreflightRecord(_Record):
    """The next trials are those of a preflight: the candidates at `points`, in this order.

    `first` is the number of the first of them.
    """

    type: Literal["preflight"] = "preflight"
    first: int
    points: list[PreflightPoint]

    @property
    def numbers(self) -> range:
        """The numbers of its trials."""
        return range(self.first, self.first + len(self.points))


class AskedRecord(_Record):
    """A trial is about to run; `proposer` is left out where the strategy consists of one.

    `suggestion` is how many seconds it took to tell the strategy what had ended since the one
    before, and to ask it; it is left out where that is not known.
    """

    type: Literal["asked"] = "asked"
    number: int
    params: dict[str, HyperValue]
    seed: int
    proposer: str = ""
    suggestion: float | None = None

    may_be_left_out: ClassVar[frozenset[str]] = frozenset({"proposer", "suggestion"})

    @classmethod
    def of(cls, trial: Trial, suggestion: float | None = None) -> Self:
        """The record of a trial that is about to run, with the seconds of its suggestion."""
        return cls(
            at=utc_now(),
            number=trial.number,
            params=trial.params,
            seed=trial.seed,
            proposer=trial.proposer,
            suggestion=suggestion,
        )


class AttemptRecord(_Record):
    """The objective is about to be called, for the `attempt`-th time.

    The number of the last attempt again: it was begun in an earlier run and goes on in this one.
    """

    type: Literal["attempt"] = "attempt"
    number: int
    attempt: int

    @classmethod
    def of(cls, number: int, attempt: int) -> Self:
        """The record of an attempt that is about to begin."""
        return cls(at=utc_now(), number=number, attempt=attempt)


class RetriedRecord(_Record):
    """An attempt failed, and another follows."""

    type: Literal["retried"] = "retried"
    number: int
    attempt: int
    outcome: Outcome
    duration: float | None = None
    message: str = ""

    @classmethod
    def of(cls, number: int, attempt: int, ending: Ending) -> Self:
        """The record of an attempt that has failed, with its number over all runs."""
        return cls(
            at=utc_now(),
            number=number,
            attempt=attempt,
            outcome=ending.outcome,
            duration=ending.duration,
            message=ending.message,
        )


class FinishedRecord(_Record):
    """What came of a trial. The numbers in `extra` are floats.

    `memory` is the most that its processes had at a time, in bytes beyond what was there before the
    objective was called; `startup` and `teardown` are seconds from the start of its last process to
    the call of the objective, and from the objective's return to the end of its program. What is
    not known of these is left out.
    """

    type: Literal["finished"] = "finished"
    number: int
    outcome: Outcome
    metric: float | None = None
    extra: dict[str, ExtraValue] = {}
    duration: float | None = None
    attempts: int
    message: str = ""
    host: str
    elapsed: float
    memory: int | None = None
    startup: float | None = None
    teardown: float | None = None

    may_be_left_out: ClassVar[frozenset[str]] = frozenset({"memory", "startup", "teardown"})

    @classmethod
    def of(cls, number: int, ending: Ending, host: str, elapsed: float) -> Self:
        """The record of a trial's end, written now."""
        return cls(
            at=utc_now(),
            number=number,
            outcome=ending.outcome,
            metric=ending.metric,
            extra=dict(ending.extra),
            duration=ending.duration,
            attempts=ending.attempts,
            message=ending.message,
            host=host,
            elapsed=elapsed,
            memory=ending.memory,
            startup=ending.startup,
            teardown=ending.teardown,
        )

    @property
    def ending(self) -> Ending:
        """The trial's end, without the traceback."""
        return Ending(
            outcome=self.outcome,
            message=self.message,
            metric=self.metric,
            extra=self.extra,
            duration=self.duration,
            attempts=self.attempts,
            memory=self.memory,
            startup=self.startup,
            teardown=self.teardown,
        )


class BestRecord(_Record):
    """A trial is better than all before."""

    type: Literal["best"] = "best"
    number: int
    metric: float


class InterruptedRecord(_Record):
    """A trial was stopped with its run. It has no result, and will be run again."""

    type: Literal["interrupted"] = "interrupted"
    number: int
    message: str
    duration: float | None = None
    attempts: int

    @classmethod
    def of(cls, number: int, ending: Ending) -> Self:
        """The record of a trial that is stopped now."""
        return cls(
            at=utc_now(),
            number=number,
            message=ending.message,
            duration=ending.duration,
            attempts=ending.attempts,
        )

    @property
    def ending(self) -> Ending:
        """How it was stopped."""
        return Ending(
            Outcome.CANCELLED, self.message, duration=self.duration, attempts=self.attempts
        )


class StoppedRecord(_Record):
    """The run has ended: `completed` for a reason, `failed`, or `cancelled` from outside.

    Where the best trials are confirmed, that follows when the search is completed; the end of the
    search stands also where the run is ended meanwhile.
    One that was to make the preflight alone has ended with that: the study goes on by another.

    `best` is the number of the trial that the strategy expects to be best; it is left out where
    that is the one with the best metric. `counted` is how many trials count, the first ones: in a
    reproducible study, not those that ran ahead of the trial that stopped it.
    """

    type: Literal["stopped"] = "stopped"
    ending: Literal["completed", "failed", "cancelled", "preflight"]
    reason: str
    trials: int
    digest: str
    elapsed: float
    best: int | None = None
    counted: int | None = None

    may_be_left_out: ClassVar[frozenset[str]] = frozenset({"best", "counted"})


class ReevaluationRecord(_Record):
    """The objective is about to be called once more for a trial that has a metric.

    `repetition` counts from 1 for each trial, `attempt` for each repetition. The number of the last
    attempt again: it was begun in an earlier run and goes on in this one.
    """

    type: Literal["reevaluation"] = "reevaluation"
    number: int
    repetition: int
    seed: int
    attempt: int


class ReevaluatedRecord(_Record):
    """What came of evaluating a trial once more."""

    type: Literal["reevaluated"] = "reevaluated"
    number: int
    repetition: int
    outcome: Outcome
    metric: float | None = None
    duration: float | None = None
    attempts: int
    message: str = ""
    host: str
    elapsed: float

    @classmethod
    def of(cls, number: int, repetition: int, ending: Ending, host: str, elapsed: float) -> Self:
        """The record of the end of an evaluation, written now."""
        return cls(
            at=utc_now(),
            number=number,
            repetition=repetition,
            outcome=ending.outcome,
            metric=ending.metric,
            duration=ending.duration,
            attempts=ending.attempts,
            message=ending.message,
            host=host,
            elapsed=elapsed,
        )

    @property
    def evaluation(self) -> Evaluation:
        """What a race is told of it."""
        return Evaluation(self.metric, self.duration)


class ConfirmedRecord(_Record):
    """What the evaluations of the best trials say together, so many of which were to be confirmed.

    A later one counts in its place; none does any more when the search goes on.
    """

    type: Literal["confirmed"] = "confirmed"
    confirm: int
    confirmation: Confirmation
    elapsed: float


Record: TypeAlias = Annotated[
    StudyRecord
    | RunRecord
    | KnownRecord
    | PreflightRecord
    | AskedRecord
    | AttemptRecord
    | RetriedRecord
    | FinishedRecord
    | BestRecord
    | InterruptedRecord
    | StoppedRecord
    | ReevaluationRecord
    | ReevaluatedRecord
    | ConfirmedRecord,
    Field(discriminator="type"),
]
"""Any record."""

RECORDS: TypeAdapter[Record] = TypeAdapter(Record)
"""Validates what stands in a line."""
