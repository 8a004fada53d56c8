"""Prefect inside of a trial: the process is part of the trial's task run, or of its flow run.

`get_run_logger`, `prefect.runtime`, artifacts, tasks and subflows work in an objective as they do
in any task. Prefect is not imported for that: the process asks for its run context once the
objective has imported it.
"""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack, suppress
from types import ModuleType
from typing import Any, final

from prefect_tuner.tasks.messages.report_pipe import ReportPipe
from prefect_tuner.tasks.source_code.after_import import call_after_import
from prefect_tuner.tasks.trial_process.log_records import is_console_handler, report_log_records

_RUN_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


def describe_run_context() -> bytes:
    """The run context that the caller is in, as JSON for the trial's process; or empty."""
    from prefect.context import FlowRunContext, TagsContext, TaskRunContext

    flow, task = FlowRunContext.get(), TaskRunContext.get()
    if flow is None or flow.flow is None or flow.flow_run is None:
        return b""
    described: dict[str, Any] = {
        "flow": flow.flow.name,
        "flow_run": flow.flow_run.model_dump(mode="json", exclude={"state"}),
        "tags": sorted(TagsContext.get().current_tags),
    }
    if task is not None:
        described["task"] = task.task.name
        described["task_run"] = task.task_run.model_dump(mode="json", exclude={"state"})
    return json.dumps(described).encode()


@final
class TrialRunContext:
    """The run context of a trial, in its process.

    Args:
        pipe: Asks the supervisor for it.
    """

    def __init__(self, pipe: ReportPipe) -> None:
        self._pipe = pipe
        self._entered = ExitStack()

    def enter_when_needed(self) -> None:
        """Enter it as soon as Prefect is loaded, which may be now, or never."""
        call_after_import("prefect", self._enter)

    def leave(self) -> None:
        """Leave it, and let what was submitted to it come to its end."""
        with suppress(ValueError):  # An asynchronous objective may have entered it elsewhere.
            self._entered.close()

    def _enter(self, _: ModuleType) -> None:
        answer = self._pipe.ask({"type": "needs_prefect"})
        if not answer:
            return
        from prefect.context import hydrated_context

        described = json.loads(answer)
        self._entered.enter_context(hydrated_context(_contexts(described)))
        if "task_run" in described:
            _route_log_records(self._pipe, "task_run_id", described["task_run"]["id"])
        else:
            _route_log_records(self._pipe, "flow_run_id", described["flow_run"]["id"])


def _contexts(described: dict[str, Any]) -> dict[str, Any]:
    """What Prefect itself sends to the processes that run tasks, without what they do not need."""
    from prefect import Flow, Task
    from prefect.client.schemas.objects import FlowRun, TaskRun
    from prefect.results import ResultStore

    def trial() -> None:
        """Stands for the flow and the task, which run elsewhere."""

    flow_run = FlowRun.model_validate(described["flow_run"])
    contexts: dict[str, Any] = {
        "flow_run_context": {
            "flow": Flow(trial, name=described["flow"]),
            "flow_run": flow_run,
            "parameters": flow_run.parameters,
            "result_store": ResultStore(),
        },
        "tags_context": {"current_tags": described["tags"]},
    }
    if "task_run" in described:
        contexts["task_run_context"] = {
            "task": Task(trial, name=described["task"]),
            "task_run": TaskRun.model_validate(described["task_run"]),
            "parameters": {},
            "result_store": ResultStore(),
        }
    return contexts


def _route_log_records(pipe: ReportPipe, field: str, run: str) -> None:
    """Send what is logged for the trial to the supervisor; nothing is printed as well.

    Prefect's own handler sends what is logged for other runs: tasks and subflows of the objective.
    """
    from prefect.logging.handlers import APILogHandler

    def is_the_trials(record: logging.LogRecord) -> bool:
        # What is logged for a task of the objective names the flow run as well.
        is_another = field == "flow_run_id" and getattr(record, "task_run_id", None) is not None
        return str(getattr(record, field, "")) == run and not is_another

    class ToSupervisor(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if is_the_trials(record):
                pipe.log(record.levelno, self.format(record))

    report_log_records(pipe)  # Prefect has set up the root logger for itself.
    loggers = [name for name in logging.root.manager.loggerDict if name.startswith("prefect")]
    for logger in map(logging.getLogger, loggers):
        logger.handlers = [each for each in logger.handlers if not is_console_handler(each)]
        for handler in logger.handlers:
            if isinstance(handler, APILogHandler):
                handler.addFilter(lambda record: not is_the_trials(record))
        logger.propagate = logger.name not in _RUN_LOGGERS
        if logger.name in _RUN_LOGGERS:
            logger.addHandler(ToSupervisor())
