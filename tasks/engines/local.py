"""The engine `local`: trials are processes of this machine, watched by threads of the flow."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Self, final

from prefect.task_runners import ThreadPoolTaskRunner

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.engine import Arrival, Engine, EngineOptions, EngineStudy
from prefect_tuner.tasks.process_table.machine_memory import machine_memory
from prefect_tuner.tasks.processes.launcher import Launcher
from prefect_tuner.tasks.processes.thread_limits import with_threads
from prefect_tuner.tasks.task_runs.local_series import OpenSeries, SeriesLength
from prefect_tuner.tasks.task_runs.task_futures import arrival_of
from prefect_tuner.tasks.trial_task import quoted, trial_task
from prefect_tuner.tasks.workers.prefect_environment import prefect_environment
from prefect_tuner.tasks.workers.trial_host import Log, TrialHost, hosted_by
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest

_LOOK = 0.05
"""Seconds between two looks whether the study was stopped, while an attempt waits for the next."""


@final
class LocalEngine(Engine):
    """Runs trials as processes of this machine, watched by threads of the flow's task runner.

    All attempts at a trial are one task run, which Prefect retries. Where the study asks for that,
    several trials are one, after each other.

    Args:
        study: What it needs to know of the study.
    """

    def __init__(self, study: EngineStudy) -> None:
        super().__init__(study)
        self.launcher = Launcher(study.objective, with_threads(study.launch, prefect_environment()))
        self._task = trial_task(study.retry)
        self._host = _LocalHost(self)
        self._retried: dict[int, threading.Event] = {}
        self._series: OpenSeries | None = None
        if study.trials_per_task != 1:
            length = SeriesLength.of(study.trials_per_task, study.launch.concurrency)
            self._series = OpenSeries(length, self._host, self._arrive)

    @classmethod
    @contextmanager
    def opened(cls, study: EngineStudy, options: EngineOptions) -> Iterator[Self]:  # noqa: ARG003
        """See `Engine`."""
        with closing(cls(study)) as engine:
            yield engine

    @classmethod
    def on_runner(cls, study: EngineStudy, runner: object) -> Self | None:
        """See `Engine`."""
        return cls(study) if isinstance(runner, ThreadPoolTaskRunner) else None

    def prepare(self) -> list[tuple[int, str]]:
        """See `Engine`."""
        self.launcher.load()
        return self.launcher.notes

    @property
    def memory(self) -> int:
        """See `Engine`."""
        return machine_memory()

    def start(self, request: TrialRequest) -> None:
        """See `Engine`."""
        waiting = self._retried.get(request.number)
        if waiting is not None:
            waiting.set()
            return
        if self._series is not None:
            self._series.start(request)
            return
        with hosted_by(self._host):
            future = self._task.submit(quoted(request))
        future.add_done_callback(
            lambda ended: self._arrive(partial(arrival_of, request.number, None, ended))
        )

    def stop_trial(self, number: int, reason: str) -> None:
        """See `Engine`."""
        self.launcher.stop_trial(number, reason)

    def close(self) -> None:
        """See `Engine`."""
        super().close()
        if self._series is not None:
            self._series.close(self.stop_timeout)

    def _stop_all(self) -> None:
        self.launcher.stop(self.stop_reason)

    def tell_failed(self, request: TrialRequest, ending: Ending) -> None:
        """Have the study hear of an attempt that is followed by another, which waits for it."""
        self._retried[request.number] = threading.Event()
        arrival = Arrival(request.number, TrialAnswer(ending), request.attempt)
        self._arrive(lambda: arrival)

    def await_retry(self, request: TrialRequest) -> None:
        """Wait until the study has written down that the next attempt begins, and for its delay."""
        asked, stopped = self._retried[request.number], self.launcher.stopped
        while not asked.wait(_LOOK) and not stopped.is_set():
            pass
        del self._retried[request.number]
        # Waited here rather than in Prefect's engine, which no cancellation can wake.
        stopped.wait(request.retry.delay)


@final
class _LocalHost(TrialHost):
    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine

    def admit(self, request: TrialRequest, log: Log) -> Launcher:
        if request.attempt > 1:
            log(logging.INFO, f"Attempt {request.attempt} follows in {request.retry.delay:g} s")
            self._engine.await_retry(request)
        return self._engine.launcher

    def goes_on(self, request: TrialRequest, ending: Ending) -> bool:
        self._engine.tell_failed(request, ending)
        return True
