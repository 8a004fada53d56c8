"""Which engine runs a study's trials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.context import FlowRunContext

from prefect_tuner.tasks.engine import Engine, EngineStudy
from prefect_tuner.tasks.engines.local import LocalEngine
from prefect_tuner.tasks.engines.process_pool import ProcessPoolEngine
from prefect_tuner.tasks.engines.task_runner import TaskRunnerEngine


@contextmanager
def engine_for(study: EngineStudy) -> Iterator[Engine]:
    """The engine of a study, closed in the end.

    Args:
        study: What it needs to know of the study.
    """
    engine = _of_the_flow(study)
    try:
        yield engine
    finally:
        engine.close()


def _of_the_flow(study: EngineStudy) -> Engine:
    """Whatever runs trials where the flow's own task runner puts them."""
    context = FlowRunContext.get()
    runner = None if context is None else context.task_runner
    for kind in (LocalEngine, ProcessPoolEngine, TaskRunnerEngine):
        engine = kind.on_runner(study, runner)
        if engine is not None:
            return engine
    return LocalEngine(study)
