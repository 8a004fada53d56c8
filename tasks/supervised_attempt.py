"""One attempt at a trial, as the task run that supervises it sees it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging import get_logger, get_run_logger

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.messages.attempt_request import AttemptRequest
from prefect_tuner.tasks.processes.attempt import run_attempt
from prefect_tuner.tasks.trial_process.run_context import describe_run_context
from prefect_tuner.tasks.workers.trial_host import Log, TrialHost
from prefect_tuner.tasks.workers.trial_request import TrialRequest
from prefect_tuner.trial import describe_params


def supervise_attempt(asked: TrialRequest, host: TrialHost, log: Log, opening: str) -> Ending:
    """Run the objective once, when its host lets it begin, and if it does.

    Args:
        asked: The attempt.
        host: Has the processes.
        log: Takes what the trial logs and prints.
        opening: Goes before that, followed by the parameters; see `run_attempt`.

    Raises:
        EngineError: This worker cannot run trials of the study.
        ObjectiveNotFound: The objective cannot be loaded here.
    """
    admitted = host.admit(asked, log)
    if isinstance(admitted, Ending):
        ending = admitted
    else:
        ending = run_attempt(
            admitted,
            AttemptRequest(
                asked.study,
                asked.number,
                asked.params,
                asked.seed,
                asked.attempt,
                asked.more,
                asked.reevaluates,
            ),
            asked.limits,
            log,
            opening=f"{opening} with {describe_params(asked.params)}",
            run_context=describe_run_context,
        )
        host.ended(asked, ending)
    if ending.traceback:
        log(logging.ERROR, ending.traceback.rstrip().replace("\n", "\n  "))
    return ending


def describe_ending(ending: Ending) -> str:
    """An attempt's outcome in half a sentence."""
    parts = [ending.outcome.value.replace("_", " ")]
    if ending.metric is not None:
        parts.append(f"metric={ending.metric!r}")
    if ending.message:
        parts.append(ending.message)
    text = ": ".join(parts)
    if ending.duration is not None:
        text += f" ({ending.duration:.3g} s)"
    return text + (f", attempt {ending.attempts}" if ending.attempts > 1 else "")


def run_log() -> Callable[[int, str], None]:
    """Where lines of a trial go: to the run that asks, or outside of one to Python's logging."""
    in_a_run = TaskRunContext.get() is not None or FlowRunContext.get() is not None
    logger: Any = get_run_logger() if in_a_run else get_logger("trial")
    return lambda level, text: logger.log(level, "%s", text)
