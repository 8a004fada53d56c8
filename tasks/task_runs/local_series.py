"""Trials of this machine that share task runs: who hands a task run one trial after the other."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, final

from prefect.context import FlowRunContext
from prefect.exceptions import Pause

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.engine import Arrival, TrialsPerTask
from prefect_tuner.tasks.processes.launcher import Launcher
from prefect_tuner.tasks.task_runs.task_futures import TrialFuture, arrival_of, release_results
from prefect_tuner.tasks.task_runs.trial_series import SeriesHost, run_series
from prefect_tuner.tasks.workers.trial_host import Log, TrialHost, hosted_by
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest

TASK_RUNS_PER_SECOND = 2.5
"""How many task runs a study with `"auto"` ends: a server with nothing special records ten."""

SHORTEST = 2.0
"""Seconds for which a task run takes trials then, at the least."""

IDLE = 2.0
"""Seconds for which a task run waits for its next trial; the trial then gets another."""

Arrive: TypeAlias = Callable[[Callable[[], Arrival]], None]
"""Hands an arrival over, which is read by the thread of the study."""


@dataclass(frozen=True)
class SeriesLength:
    """How long a task run takes trials.

    Attributes:
        trials: So many; None for no limit.
        seconds: So long; None for no limit.

    Example:
        ```python
        from prefect_tuner.tasks.task_runs.local_series import SeriesLength

        assert SeriesLength.of(50, concurrency=4).has_room(begun=49, seconds=3600.0)
        assert not SeriesLength.of("auto", concurrency=4).has_room(begun=1, seconds=3600.0)
        ```
    """

    trials: int | None = None
    seconds: float | None = None

    @classmethod
    def of(cls, trials_per_task: TrialsPerTask, concurrency: int) -> SeriesLength:
        """The length that a study asks for.

        Args:
            trials_per_task: As in its configuration.
            concurrency: How many trials run at the same time.
        """
        if trials_per_task == "auto":
            return cls(seconds=max(SHORTEST, concurrency / TASK_RUNS_PER_SECOND))
        return cls(trials=trials_per_task)

    def has_room(self, begun: int, seconds: float) -> bool:
        """Whether there is room for another trial, after so many of them, and so long."""
        enough = self.trials is not None and begun >= self.trials
        late = self.seconds is not None and seconds >= self.seconds
        return not enough and not late


@final
class OpenSeries:
    """The task runs of a study that take trials, and those among them that wait for one.

    Args:
        length: How long each takes them.
        host: Admits the attempts.
        arrive: Hands an arrival over.
    """

    def __init__(self, length: SeriesLength, host: TrialHost, arrive: Arrive) -> None:
        self.length = length
        self.host = host
        self.arrive = arrive
        self._changed = threading.Condition()
        self._waiting: list[_Series] = []
        self._running = 0
        self._closed = False

    def start(self, request: TrialRequest) -> None:
        """Give a trial to a task run that waits for one, or else to a new one."""
        with self._changed:
            if self._waiting:
                self._waiting.pop().give(request)
                return
            self._running += 1
        series = _Series(self, request)
        try:
            with hosted_by(series):
                future = run_series.submit(f"{request.label} and on")
        except BaseException:
            self._one_less()
            raise
        future.add_done_callback(partial(self._over, series))
        release_results()

    def close(self, timeout: float) -> None:
        """Have task runs that wait for a trial end, and take no more of them.

        Args:
            timeout: Seconds until those that run have ended.
        """
        with self._changed:
            self._closed = True
            while self._waiting:
                self._waiting.pop().give(None)
            self._changed.wait_for(lambda: not self._running, timeout)

    def offer(self, series: _Series) -> bool:
        """Have a task run get the next trial; whether it may wait for it."""
        with self._changed:
            if not self._closed:
                self._waiting.append(series)
            return not self._closed

    def withdraw(self, series: _Series) -> bool:
        """Have a task run get no trial any more; False where it was given one meanwhile."""
        with self._changed:
            was_waiting = series in self._waiting
            if was_waiting:
                self._waiting.remove(series)
            return was_waiting

    def _over(self, series: _Series, future: TrialFuture) -> None:
        """Take note that a task run is over; a trial that it has not ended arrives with that."""
        if series.underway is not None:
            self.arrive(partial(arrival_of, series.underway.number, None, future))
        self._one_less()

    def _one_less(self) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify_all()


@final
class _Series(SeriesHost):
    """One task run of several trials.

    Args:
        study: Has the others as well.
        first: Its first trial.

    Attributes:
        underway: The trial that it has, from when it is given it.
    """

    def __init__(self, study: OpenSeries, first: TrialRequest) -> None:
        self.underway: TrialRequest | None = None
        self._study = study
        self._given: queue.SimpleQueue[TrialRequest | None] = queue.SimpleQueue()
        self.give(first)
        self._begun = 0
        self._since = time.monotonic()
        self._is_open = True

    def give(self, request: TrialRequest | None) -> None:
        """Give it the trial that it waits for, or none."""
        self.underway = request
        self._given.put(request)

    def next_request(self) -> TrialRequest | None:
        """See `SeriesHost`."""
        if not self._is_open:
            return None
        try:
            request = self._given.get(timeout=IDLE)
        except queue.Empty:
            request = None if self._study.withdraw(self) else self._given.get()
        self._begun += 1
        return request

    def trial_ended(self, request: TrialRequest, ending: Ending) -> None:
        """See `SeriesHost`."""
        pause = _suspension()
        has_room = self._study.length.has_room(self._begun, time.monotonic() - self._since)
        self.underway = None
        # Before the study hears of it, which is when it has the next one.
        self._is_open = has_room and pause is None and self._study.offer(self)
        arrival = Arrival(request.number, TrialAnswer(ending), pause=pause)
        self._study.arrive(lambda: arrival)

    def admit(self, request: TrialRequest, log: Log) -> Launcher | Ending:
        """See `TrialHost`."""
        return self._study.host.admit(request, log)

    def goes_on(self, request: TrialRequest, ending: Ending) -> bool:
        """See `TrialHost`."""
        return self._study.host.goes_on(request, ending)


def _suspension() -> Pause | None:
    """What Prefect raises where the flow run is to be suspended; between trials, nobody else asks.

    In a task run of one trial, its engine does.
    """
    context = FlowRunContext.get()
    try:
        if context is not None:
            context.flow_run_suspension_request.raise_if_requested()
    except Pause as pause:
        return pause
    return None
