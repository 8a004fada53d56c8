"""The port through which a study's trials reach whatever runs them."""

from __future__ import annotations

import queue
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from prefect.exceptions import Pause
from pydantic import BaseModel, ConfigDict

from prefect_tuner.ending import TrialRun, describe_stop
from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.workers.trial_request import RetryPolicy, TrialAnswer, TrialRequest
from prefect_tuner.trial import Outcome, TrialLimits

TrialsPerTask: TypeAlias = int | Literal["auto"]
"""How many trials share a task run."""


class EngineOptions(BaseModel):
    """The options of an engine that has none; those of others are fields of a subclass.

    They come from the form of a deployment, from YAML or from code, as plain JSON data. Types are
    strict, as those of strategies are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    harmless: ClassVar[frozenset[str]] = frozenset()
    """Those by which nothing else is run, and nowhere else: they may be given where
    `PREFECT_TUNER_ALLOWED_OBJECTIVES` limits what is."""


@dataclass(frozen=True)
class EngineStudy:
    """What an engine is told of the study whose trials it runs.

    Attributes:
        name: The study's name.
        objective: What the trials call.
        launch: How their processes are started, and how many run at the same time.
        retry: Which trials are tried again.
        log: Takes a level of Python's logging, and a line for the log of the study.
        limits: What each trial may take.
        id: The same in all runs of the study, and no other study's; empty where it has but one.
        trials_per_task: How many trials share a task run; "auto" leaves that to the engine.
    """

    name: str
    objective: ObjectiveSpec
    launch: LaunchSettings
    retry: RetryPolicy
    log: Callable[[int, str], None]
    limits: TrialLimits = field(default_factory=TrialLimits)
    id: str = ""
    trials_per_task: TrialsPerTask = 1

    def check_no_devices(self) -> None:
        """Check that trials get no devices of this machine, for engines that run them elsewhere.

        Raises:
            InvalidConfiguration: They do.
        """
        if self.launch.devices:
            raise InvalidConfiguration(
                f"config.devices: are those of this machine, got {list(self.launch.devices)} for "
                "trials that run elsewhere; there a trial gets its device from its worker, by the "
                "engine's options, such as resources, num_gpus or job_variables"
            )

    def check_task_run_each(self) -> None:
        """Check that trials need not share task runs, for engines on which they do not.

        Raises:
            InvalidConfiguration: They are to.
        """
        if self.trials_per_task not in (1, "auto"):
            raise InvalidConfiguration(
                "config.trials_per_task: this engine has a run of Prefect for each trial; it must "
                f'be 1 or "auto", got {self.trials_per_task}'
            )


@dataclass(frozen=True)
class Arrival:
    """An attempt has ended.

    Attributes:
        number: The trial's place in the study.
        answer: What came of it.
        attempt: Which attempt it was; None for whichever was asked for last.
        pause: What Prefect has raised since the flow run is to be suspended.
        failure: What there was in the place of an answer, where the task run gave none.
        task_run_id: Of its task run, where that is its own and known.
        flow_run_id: Of its flow run, where it has one of its own.
    """

    number: int
    answer: TrialAnswer
    attempt: int | None = None
    pause: Pause | None = None
    failure: object | None = None
    task_run_id: str = ""
    flow_run_id: str = ""

    @property
    def is_cancelled(self) -> bool:
        """Whether the attempt was stopped before its end."""
        ending = self.answer.ending
        return ending is not None and ending.outcome is Outcome.CANCELLED

    @property
    def run(self) -> TrialRun:
        """Where Prefect has it, and what its log ended with."""
        ending = self.answer.ending
        told = [] if ending is None else [ending.log_tail, ending.traceback.rstrip()]
        return TrialRun(self.task_run_id, self.flow_run_id, "\n".join(filter(None, told)))


class Engine(ABC):
    """Runs attempts at the trials of one run of a study.

    Contract:
    - `prepare` comes first and once, `close` last, whatever happened. No attempt runs after it.
    - Each `start` is followed by one arrival, also after `stop`: then it is cancelled.
    - An attempt is run once at the most: what the engine underneath runs again is refused, and has
      crashed.
    - Whether another attempt follows is for the study to say, by another `start`.
    - What was started may be held back until `next_arrival` is called.
    - `wake` and `stop` may come from any thread, and at any time after `prepare` has begun; all
      else from the study's own.

    Args:
        study: What it needs to know of the study.
    """

    Options: ClassVar[type[EngineOptions]] = EngineOptions
    """What the engine takes."""

    outlives_the_study: ClassVar[bool] = False
    """Whether trials go on when the process of their study is killed."""

    stop_timeout: float = 4.0
    """Seconds that stopped trials may take to end."""

    def __init__(self, study: EngineStudy) -> None:
        self.study = study
        self.stop_reason = ""
        self._arrivals: queue.SimpleQueue[Callable[[], Arrival | None] | None]
        self._arrivals = queue.SimpleQueue()

    @classmethod
    @abstractmethod
    def opened(cls, study: EngineStudy, options: Any) -> AbstractContextManager[Engine]:
        """An engine with whatever it needs, for a `with` block; the end of that closes both.

        Args:
            study: What it needs to know of the study.
            options: Validated, an instance of `Options`.

        Raises:
            EngineError: What runs the trials cannot be reached or started.
        """

    @classmethod
    def on_runner(cls, study: EngineStudy, runner: object) -> Engine | None:  # noqa: ARG003
        """An engine on a task runner of Prefect that the flow has brought along.

        Args:
            study: What it needs to know of the study.
            runner: Started, and exited by the flow.

        Returns:
            None where that is no task runner of this engine's kind.
        """
        return None

    @abstractmethod
    def prepare(self) -> list[tuple[int, str]]:
        """Make ready to run trials.

        Returns:
            What the user should know: a level of Python's logging, and a sentence.

        Raises:
            ObjectiveNotFound: The objective cannot be loaded where trials run.
            EngineError: What runs the trials cannot be reached, or cannot run them.
            TuningCancelled: `stop` was called meanwhile.
        """

    @property
    def memory(self) -> int | None:
        """Bytes of memory that trials have together where they run; None where that is not known.

        Asked for after `prepare`.
        """
        return None

    @property
    def most_in_flight(self) -> int:
        """How many attempts the study may start before one of them has arrived."""
        return self.study.launch.concurrency

    @abstractmethod
    def start(self, request: TrialRequest) -> None:
        """Have an attempt run, now or as soon as there is a place."""

    def adopt(self, request: TrialRequest) -> bool:  # noqa: ARG002 - for some
        """Go on with an attempt that an earlier run of the study has started, if it lives on.

        Args:
            request: As that run has made it, apart from what differs from run to run.

        Returns:
            Whether an arrival follows, as after `start`.
        """
        return False

    @abstractmethod
    def stop_trial(self, number: int, reason: str) -> None:
        """Stop one trial.

        Args:
            number: Its place in the study.
            reason: Why, in half a sentence.
        """

    def stop(self, reason: str = "") -> None:
        """Stop all trials, and start no more.

        Args:
            reason: Why, in half a sentence. The first one counts.
        """
        self.stop_reason = self.stop_reason or reason
        self._stop_all()

    def let_go(self) -> None:  # noqa: B027 - for some
        """Hear that another run has taken the study over: what it may have adopted is its own.

        `stop` follows.
        """

    def next_arrival(self, timeout: float) -> Arrival | None:
        """Wait for an attempt to end.

        Args:
            timeout: Seconds.

        Returns:
            The next one that has ended; None where none has in time, or `wake` was called.
        """
        deadline = time.monotonic() + timeout
        while True:
            if self._arrivals.empty():
                self._begin_waiting()
            try:
                arrived = self._arrivals.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return None
            if arrived is None:
                return None
            if (arrival := arrived()) is not None:
                return arrival

    def wake(self) -> None:
        """Have `next_arrival` return at once."""
        self._arrivals.put(None)

    def close(self) -> None:
        """Let go of everything. Trials that still run are stopped."""
        self.stop()

    def describe_stop(self, when: str = "") -> str:
        """That the study was stopped, and why.

        Args:
            when: Seen from a trial, such as `"while the trial ran"`.
        """
        return describe_stop(self.stop_reason, when)

    @abstractmethod
    def _stop_all(self) -> None:
        """Stop what runs, for `stop_reason`; may be called more than once."""

    def _begin_waiting(self) -> None:  # noqa: B027 - for some
        """Do what was put off until the study has started all that it does for now."""

    def _arrive(self, arrived: Callable[[], Arrival | None]) -> None:
        """Hand an arrival over, which is read by the thread that asks for it, if it is one yet."""
        self._arrivals.put(arrived)
