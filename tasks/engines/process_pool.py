"""Trials in the processes of Prefect's `ProcessPoolTaskRunner`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError
from contextlib import closing, contextmanager, suppress
from typing import Any, Self, final

from prefect.task_runners import ProcessPoolTaskRunner

from prefect_tuner.tasks.engine import EngineOptions, EngineStudy
from prefect_tuner.tasks.engines.task_runner import TaskRunnerEngine
from prefect_tuner.tasks.task_runs.task_futures import TrialFuture
from prefect_tuner.tasks.task_runs.trials_underway import Batch
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
        self._like = runner
        super().__init__(study, runner)
        self._free: list[ProcessPoolTaskRunner] = []
        self._busy: dict[TrialFuture, ProcessPoolTaskRunner] = {}

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

    def close(self) -> None:
        """See `Engine`."""
        super().close()
        for pool in [*self._free, *self._busy.values()]:
            with suppress(Exception):
                pool.__exit__(None, None, None)
        self._free.clear()
        self._busy.clear()

    def _places(self) -> int:
        concurrency = self.study.launch.concurrency
        # Prefect tells it by no other name.
        return min(int(getattr(self._like, "_max_workers", concurrency)), concurrency)

    def _submit(self, requests: Sequence[TrialRequest]) -> TrialFuture:
        pool = self._free.pop() if self._free else self._like.duplicate().__enter__()
        future = self._submit_to(pool, requests)
        self._busy[future] = pool
        return future

    def _over(self, batch: Batch) -> None:
        pool = self._busy.pop(batch.future)
        wrapped: Any = batch.future  # Prefect's own raises where the flow run is to be suspended.
        with suppress(CancelledError):
            if isinstance(wrapped.wrapped_future.exception(), BrokenExecutor):
                with suppress(Exception):
                    pool.__exit__(None, None, None)
                return
        self._free.append(pool)
