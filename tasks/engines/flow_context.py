"""What a task run on a worker knows of its flow run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prefect import Flow
from prefect.context import FlowRunContext
from prefect.task_runners import ThreadPoolTaskRunner


def _stand_in() -> None:
    """Stands for the flow, which runs elsewhere."""


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
    runner: Any = ThreadPoolTaskRunner(max_workers=1)
    flow = Flow(_stand_in, name=context.flow.name, task_runner=runner)
    with context.model_copy(update={"flow": flow, "parameters": {}}):
        yield
