"""Which engine runs a study's trials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Self, final

from prefect.context import FlowRunContext
from prefect.task_runners import TaskRunner

from prefect_tuner.tasks.engine import Engine, EngineOptions, EngineStudy
from prefect_tuner.tasks.engines.engine_registry import engines_in_use
from prefect_tuner.tasks.engines.flow_context import study_context
from prefect_tuner.tasks.engines.local import LocalEngine
from prefect_tuner.tasks.engines.process_pool import ProcessPoolEngine
from prefect_tuner.tasks.engines.task_runner import TaskRunnerEngine


@final
class AnyRunnerEngine(TaskRunnerEngine):
    """Runs trials where a task runner puts them of which nothing else is known."""

    @classmethod
    @contextmanager
    def opened(cls, study: EngineStudy, options: EngineOptions) -> Iterator[Self]:  # noqa: ARG003
        """See `Engine`: on the flow's own task runner."""
        with closing(cls(study, study_context().task_runner)) as engine:
            yield engine

    @classmethod
    def on_runner(cls, study: EngineStudy, runner: object) -> Self | None:
        """See `Engine`: any will do."""
        return cls(study, runner) if isinstance(runner, TaskRunner) else None


@contextmanager
def engine_for(study: EngineStudy, chosen: tuple[type[Engine], EngineOptions]) -> Iterator[Engine]:
    """The engine of a study, closed in the end.

    Args:
        study: What it needs to know of the study.
        chosen: The engine that was asked for, and its options; the local one stands for wherever
            the flow's own task runner puts trials.

    Raises:
        EngineError: What runs the trials cannot be reached or started.
    """
    kind, options = chosen
    if kind is not LocalEngine:
        with kind.opened(study, options) as engine:
            yield engine
        return
    with closing(_of_the_flow(study)) as engine:
        yield engine


def _of_the_flow(study: EngineStudy) -> Engine:
    """Whatever runs trials where the flow's own task runner puts them."""
    context = FlowRunContext.get()
    runner = None if context is None else context.task_runner
    for kind in _kinds():
        engine = kind.on_runner(study, runner)
        if engine is not None:
            return engine
    return LocalEngine(study)


def _kinds() -> Iterator[type[Engine]]:
    """The engines to ask for a task runner, those that know it best first."""
    yield LocalEngine
    yield ProcessPoolEngine
    yield from engines_in_use()
    yield AnyRunnerEngine
