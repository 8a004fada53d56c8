"""Trials in the processes of Prefect's `ProcessPoolTaskRunner`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Self, final

from prefect.task_runners import ProcessPoolTaskRunner

from prefect_tuner.tasks.engine import Arrival, EngineOptions, EngineStudy
from prefect_tuner.tasks.engines.task_futures import TrialFuture
from prefect_tuner.tasks.engines.task_runner import TaskRunnerEngine
from prefect_tuner.tasks.workers.trial_request import TrialRequest


@final
class ProcessPoolEngine(TaskRunnerEngine):
    """Gives each place for a trial a pool of its own, with one process.

    A pool of Python's in which a process dies is dead with all that it runs. Of these, one dies
    with the trial that it has, and another takes its place.

    Args:
        study: What it needs to know of the study.
        runner: What the pools are made like.
    """

    def __init__(self, study: EngineStudy, runner: ProcessPoolTaskRunner) -> None:
        super().__init__(study, runner)
        self._like = runner
        # Prefect tells it by no other name.
        most = getattr(runner, "_max_workers", study.launch.concurrency)
        self._places = min(int(most), study.launch.concurrency)
        self._free: list[ProcessPoolTaskRunner] = []
        self._busy: dict[str, ProcessPoolTaskRunner] = {}
        self._waiting: list[TrialRequest] = []

    @classmethod
    @contextmanager
    def opened(cls, study: EngineStudy, options: EngineOptions) -> Iterator[Self]:  # noqa: ARG003
        """See `Engine`."""
        with closing(cls(study, ProcessPoolTaskRunner(study.launch.concurrency))) as engine:
            yield engine

    @classmethod
    def on_runner(cls, study: EngineStudy, runner: object) -> Self | None:
        """See `Engine`."""
        return cls(study, runner) if isinstance(runner, ProcessPoolTaskRunner) else None

    def start(self, request: TrialRequest) -> None:
        """See `Engine`."""
        if len(self._busy) < self._places or self._stopped:
            super().start(request)
        else:
            self._waiting.append(request)

    def close(self) -> None:
        """See `Engine`."""
        super().close()
        for pool in [*self._free, *self._busy.values()]:
            with suppress(Exception):
                pool.__exit__(None, None, None)
        self._free.clear()
        self._busy.clear()

    def _submit(self, request: TrialRequest) -> TrialFuture:
        pool = self._free.pop() if self._free else self._like.duplicate().__enter__()
        self._busy[request.name] = pool
        return self._submit_to(pool, request)

    def _arrival(self, request: TrialRequest, future: TrialFuture) -> Arrival:
        arrival = super()._arrival(request, future)
        pool = self._busy.pop(request.name)
        if arrival.failure is None:
            self._free.append(pool)
        else:
            with suppress(Exception):
                pool.__exit__(None, None, None)
        if self._waiting:
            self.start(self._waiting.pop(0))
        return arrival

    def _stop_all(self) -> None:
        super()._stop_all()
        while self._waiting:  # They are answered at once now.
            super().start(self._waiting.pop(0))
