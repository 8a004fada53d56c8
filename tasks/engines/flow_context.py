"""The study's flow run, and what a task run on a worker knows of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from prefect import Flow
from prefect.context import FlowRunContext
from prefect.task_runners import ThreadPoolTaskRunner

from prefect_tuner.errors import EngineError

_NEEDED = "trials that run elsewhere need a flow run of Prefect"


def study_context() -> FlowRunContext:
    """The context of the flow run that the caller is in.

    Raises:
        EngineError: It is in none.
    """
    context = FlowRunContext.get()
    if context is None:
        raise EngineError(_NEEDED)
    return context


def study_flow_run() -> str:
    """The id of that flow run.

    Raises:
        EngineError: The caller is in none.
    """
    flow_run = study_context().flow_run
    if flow_run is None:
        raise EngineError(_NEEDED)
    return str(flow_run.id)


def _stand_in() -> None:
    """Stands for the flow, which runs elsewhere."""


@lru_cache(maxsize=8)  # Asked for with each attempt.
def _light_flow(name: str) -> Flow[[], None]:
    runner: Any = ThreadPoolTaskRunner(max_workers=1)
    return Flow(_stand_in, name=name, task_runner=runner)


@contextmanager
def light_flow_context() -> Iterator[None]:
    """Have tasks that are submitted in the `with` block take only the flow run along.

    Prefect sends the flow, its task runner and its parameters with each of them. These may be
    large, and may hold what cannot be pickled: observers, clusters, connections.
    """
    context = FlowRunContext.get()
    if context is None or context.flow is None:
        yield
        return
    flow = _light_flow(context.flow.name)
    with context.model_copy(update={"flow": flow, "parameters": {}}):
        yield
