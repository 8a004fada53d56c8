"""The engine `ray`: trials on the workers of a Ray cluster, by Prefect's own `prefect-ray`."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Self, final

import ray
from prefect_ray import RayTaskRunner
from prefect_ray.context import remote_options
from pydantic import Field
from ray.exceptions import NodeDiedError, RayActorError, RaySystemError, WorkerCrashedError

from prefect_tuner.errors import EngineError
from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.engine import EngineOptions, EngineStudy
from prefect_tuner.tasks.engines.network_address import check_answers, is_open
from prefect_tuner.tasks.engines.task_runner import TaskRunnerEngine
from prefect_tuner.tasks.task_runs.task_futures import TrialFuture
from prefect_tuner.tasks.workers.trial_request import TrialRequest


class RayOptions(EngineOptions):
    """What the engine `ray` takes.

    Example:
        ```python
        from prefect_tuner.tasks.engines.ray import RayOptions

        assert RayOptions(num_cpus=2, num_gpus=0.5).resources == {}
        ```
    """

    harmless = frozenset({"num_cpus", "num_gpus", "resources"})

    address: str = Field(
        default="",
        description="Address of a running cluster: auto, host:port of its head, or "
        "ray://host:10001. Without it, a Ray of this machine is started for the study.",
    )
    num_cpus: float = Field(default=1.0, ge=0, description="CPUs of a trial.")
    num_gpus: float = Field(default=0.0, ge=0, description="GPUs of a trial, or a share of one.")
    resources: dict[str, float] = Field(
        default={}, description="What else a trial takes of its node, such as {licence: 1}."
    )
    runtime_env: dict[str, Any] = Field(
        default={},
        description="Ray's runtime environment for trials, such as {pip: [lightgbm]}.",
    )


@final
class RayEngine(TaskRunnerEngine):
    """Runs trials on the workers of a Ray cluster.

    Args:
        study: What it needs to know of the study.
        runner: Prefect's task runner for Ray.
        options: What a trial takes.
    """

    Options = RayOptions

    def __init__(
        self, study: EngineStudy, runner: RayTaskRunner[Any], options: RayOptions | None = None
    ) -> None:
        super().__init__(study, runner)
        self._options = options or RayOptions()
        self._head = ""

    @classmethod
    @contextmanager
    def opened(cls, study: EngineStudy, options: RayOptions) -> Iterator[Self]:
        """See `Engine`."""
        with (
            _started(study, options) as runner,
            closing(cls(study, runner, options)) as engine,
        ):
            yield engine

    @classmethod
    def on_runner(cls, study: EngineStudy, runner: object) -> Self | None:
        """See `Engine`."""
        return cls(study, runner) if isinstance(runner, RayTaskRunner) else None

    def prepare(self) -> list[tuple[int, str]]:
        """See `Engine`."""
        notes = super().prepare()
        self._head = str(ray.get_runtime_context().gcs_address)
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        cpus, most = resources.get("CPU", 0.0), self.study.launch.concurrency
        wanted = most * self._options.num_cpus
        if wanted > cpus:
            note = (
                f"{most} trials at a time with {self._options.num_cpus:g} CPUs each need "
                f"{wanted:g}, and the Ray cluster has {cpus:g}: the others wait for a place there, "
                "which is not counted as their time"
            )
            notes.append((logging.INFO, note))
        return notes

    def _submit(self, requests: Sequence[TrialRequest]) -> TrialFuture:
        options = self._options
        wanted: dict[str, Any] = {"num_cpus": options.num_cpus, "num_gpus": options.num_gpus}
        if options.resources:
            wanted["resources"] = options.resources
        if options.runtime_env:
            wanted["runtime_env"] = options.runtime_env
        # What Ray would run again is refused: it need not try.
        with remote_options(max_retries=0, **wanted):
            return super()._submit(requests)

    def _tells_of_a_loss(self, failure: object) -> bool:
        lost = (WorkerCrashedError, NodeDiedError, RayActorError, RaySystemError)
        return isinstance(failure, lost)

    def _look(self) -> None:
        """Look for the head: a process that misses it for a minute is ended by Ray."""
        host, _, port = self._head.rpartition(":")
        self._is_there(
            not host or is_open(host.strip("[]"), int(port)),
            f"the head of the Ray cluster, {self._head}, is gone; when it is back, the study can "
            "be resumed",
        )

    def _cancel(self, future: TrialFuture) -> None:
        wrapped: Any = future
        ray.cancel(wrapped.wrapped_future)


@contextmanager
def _started(study: EngineStudy, options: RayOptions) -> Iterator[RayTaskRunner[Any]]:
    if options.address and options.address != "auto":
        check_answers("a Ray cluster", options.address)
        runner: RayTaskRunner[Any] = RayTaskRunner(address=options.address)
    elif options.address:
        runner = RayTaskRunner(init_kwargs={"address": "auto"})
    else:
        cpus = math.ceil(study.launch.concurrency * options.num_cpus)
        own = {"num_cpus": max(cpus, os.cpu_count() or 1), "include_dashboard": False}
        runner = RayTaskRunner(init_kwargs={**own, "log_to_driver": False})
    try:
        runner.__enter__()
    except Exception as error:
        raise EngineError(f"Ray cannot be reached: {shown_error(error)}") from error
    try:
        yield runner
    finally:
        runner.__exit__(None, None, None)
