"""The engine `dask`: trials on the workers of a Dask cluster, by Prefect's own `prefect-dask`."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from types import FunctionType
from typing import Any, Self, final

import distributed
from dask.base import annotate
from distributed.scheduler import KilledWorker
from prefect_dask.task_runners import DaskTaskRunner
from pydantic import Field, field_validator, model_validator

from prefect_tuner import __version__
from prefect_tuner.errors import EngineError
from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.engine import EngineOptions, EngineStudy
from prefect_tuner.tasks.engines.network_address import ANSWER_TIMEOUT, check_answers, within
from prefect_tuner.tasks.engines.task_runner import GONE, TaskRunnerEngine
from prefect_tuner.tasks.task_runs.task_futures import TrialFuture
from prefect_tuner.tasks.workers.trial_request import TrialRequest

_CLUSTER_START = 600.0
_WORKERS_ANSWER = 60.0


class DaskOptions(EngineOptions):
    """What the engine `dask` takes.

    Example:
        ```python
        from prefect_tuner.tasks.engines.dask import DaskOptions

        options = DaskOptions(address="tcp://scheduler:8786", resources={"GPU": 1})
        assert options.cluster_class == ""
        ```
    """

    harmless = frozenset({"resources"})

    address: str = Field(
        default="", description="Address of a running scheduler, such as tcp://scheduler:8786."
    )
    cluster_class: str = Field(
        default="",
        description="Class of a cluster to start for the study, such as "
        "dask_jobqueue.SLURMCluster or dask_kubernetes.operator.KubeCluster. Without it and an "
        "address: a cluster of processes of this machine, one for each trial at a time.",
    )
    cluster_kwargs: dict[str, Any] = Field(
        default={}, description="What that class is called with, such as {n_workers: 10}."
    )
    resources: dict[str, float] = Field(
        default={},
        description="What a trial takes of the resources that the workers were started with, "
        "such as {GPU: 1}.",
    )

    @field_validator("cluster_class")
    @classmethod
    def _check_class(cls, name: str) -> str:
        parts = name.split(".")
        if name and (len(parts) == 1 or not all(part.isidentifier() for part in parts)):
            raise ValueError("must be the full name of a class, such as package.module.Cluster")
        return name

    @model_validator(mode="after")
    def _check_one_cluster(self) -> Self:
        if self.address and (self.cluster_class or self.cluster_kwargs):
            raise ValueError("take address or cluster_class and cluster_kwargs, not both")
        return self


@final
class DaskEngine(TaskRunnerEngine):
    """Runs trials on the workers of a Dask cluster.

    Args:
        study: What it needs to know of the study.
        runner: Prefect's task runner for Dask.
        resources: What a trial takes of the resources of its worker.
    """

    Options = DaskOptions

    def __init__(
        self, study: EngineStudy, runner: DaskTaskRunner, resources: Mapping[str, float] = {}
    ) -> None:
        super().__init__(study, runner)
        self._dask = runner
        self._resources = dict(resources)
        self._claims: dict[str, str] = {}
        self._missed: dict[str, float] = {}

    @classmethod
    @contextmanager
    def opened(cls, study: EngineStudy, options: DaskOptions) -> Iterator[Self]:
        """See `Engine`."""
        with (
            _runner(study, options) as runner,
            closing(cls(study, runner, options.resources)) as engine,
        ):
            yield engine

    @classmethod
    def on_runner(cls, study: EngineStudy, runner: object) -> Self | None:
        """See `Engine`."""
        return cls(study, runner) if isinstance(runner, DaskTaskRunner) else None

    def prepare(self) -> list[tuple[int, str]]:
        """See `Engine`."""
        if self._dask.address:
            check_answers("a Dask scheduler", self._dask.address)
        where = self._dask.address or "that the study starts"
        try:
            # What takes connections may be something else, and say nothing.
            client = within(
                ANSWER_TIMEOUT if self._dask.address else _CLUSTER_START,
                f"the Dask scheduler, {where},",
                lambda: self._dask.client,
            )
        except EngineError:
            raise
        except Exception as error:
            raise EngineError(
                f"the Dask cluster, {where}, cannot be used: {shown_error(error)}"
            ) from error
        described = within(
            _WORKERS_ANSWER,
            f"some worker of the Dask cluster, {where},",
            lambda: client.run(_by_value(_describe_worker), on_error="return"),
        )
        self._check_workers(described)
        notes = super().prepare()
        threads = sum(worker["nthreads"] for worker in self._workers().values())
        most = self.study.launch.concurrency
        if threads == 0:
            notes.append((logging.WARNING, "The Dask cluster has no worker yet: trials wait"))
        elif threads < most:
            note = (
                f"max_concurrency is {most}, and the workers of the Dask cluster run {threads} at "
                "a time: the others wait for a place there, which is not counted as their time"
            )
            notes.append((logging.INFO, note))
        return notes

    def _check_workers(self, described: Mapping[str, Any]) -> None:
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        wrong = []
        for address, worker in described.items():
            if not isinstance(worker, Mapping):
                wrong.append(f"{address} does not answer ({worker!r})")
            elif worker["package"] is None:
                wrong.append(f"{address} has no prefect-tuner ({worker['error']})")
            elif worker["package"] != __version__:
                wrong.append(f"{address} has prefect-tuner {worker['package']}")
            elif worker["python"] != python:
                wrong.append(f"{address} has Python {worker['python']}")
        if wrong:
            raise EngineError(
                f"Dask workers cannot run trials of this study, which runs with prefect-tuner "
                f"{__version__} on Python {python}: {'; '.join(wrong)}"
            )

    def _submit(self, requests: Sequence[TrialRequest]) -> TrialFuture:
        # What Dask would run again is refused: it need not try.
        wanted: dict[str, Any] = {"resources": self._resources} if self._resources else {}
        with annotate(retries=0, **wanted):
            return super()._submit(requests)

    def _workers(self) -> dict[str, Any]:
        workers: dict[str, Any] = self._dask.client.scheduler_info()["workers"]
        return workers

    def _look(self) -> None:
        if not self._is_there(self._dask.client.status == "running", self._scheduler_is_gone()):
            return
        now = time.monotonic()
        workers = self._workers()
        for request, batch in self._trials.firsts():
            address = self._worker_of(request)
            if address is None or address in workers:
                self._missed.pop(request.name, None)
            elif now - self._missed.setdefault(request.name, now) > GONE:
                self._give_up(request, batch)

    def _worker_of(self, request: TrialRequest) -> str | None:
        """The address of the worker that has begun an attempt, once one has."""
        if request.name not in self._claims:
            claimed = None if self._records is None else self._records.claimed_by(request)
            address = None if claimed is None else re.search(r"Dask worker (\S+) ", claimed)
            if address is None:
                return None
            self._claims[request.name] = address[1]
        return self._claims[request.name]

    def _is_out(self, request: TrialRequest) -> bool:
        self._claims.pop(request.name, None)
        self._missed.pop(request.name, None)
        return super()._is_out(request)

    def _refusal_in(self, failure: object) -> str:
        if isinstance(failure, distributed.CancelledError) and not self._stopped:
            return self._scheduler_is_gone()
        return super()._refusal_in(failure)

    def _tells_of_a_loss(self, failure: object) -> bool:
        return isinstance(failure, KilledWorker)

    def _scheduler_is_gone(self) -> str:
        where = self._dask.address or "that the study has started"
        return f"the Dask scheduler, {where}, is gone; when it is back, the study can be resumed"


def _runner(study: EngineStudy, options: DaskOptions) -> DaskTaskRunner:
    if options.address:
        return DaskTaskRunner(
            address=options.address, client_kwargs={"timeout": f"{ANSWER_TIMEOUT:g}s"}
        )
    if options.cluster_class:
        try:
            return DaskTaskRunner(
                cluster_class=options.cluster_class, cluster_kwargs=options.cluster_kwargs
            )
        except Exception as error:
            raise EngineError(
                f"engine_options.cluster_class: {options.cluster_class} cannot be loaded: "
                f"{shown_error(error)}"
            ) from error
    own = {
        "n_workers": study.launch.concurrency,
        "threads_per_worker": 1,
        "dashboard_address": ":0",
        # Workers that end with the study may find their scheduler gone, and say so at length. What
        # matters of them, the study tells.
        "silence_logs": logging.CRITICAL,
    }
    return DaskTaskRunner(cluster_kwargs={**own, **options.cluster_kwargs})


def _describe_worker() -> dict[str, Any]:
    """What a worker has. It runs there by value: it needs no package."""
    import sys

    described: dict[str, Any] = {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "package": None,
        "error": "",
    }
    try:
        import prefect_tuner

        described["package"] = prefect_tuner.__version__
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        described["error"] = repr(error)
    return described


def _by_value(function: Any) -> FunctionType:
    """A function that travels with its code, though its module could be imported."""
    copied = FunctionType(function.__code__, {"__builtins__": __builtins__}, function.__name__)
    copied.__module__ = "__main__"
    return copied
