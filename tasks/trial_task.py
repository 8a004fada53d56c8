"""The Prefect task that is one trial: it supervises the process that runs the objective."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateDetails, StateType
from prefect.context import FlowRunContext, TaskRunContext
from prefect.logging import get_logger, get_run_logger
from prefect.runtime import task_run
from prefect.utilities.annotations import quote

from prefect_tuner.ending import Ending
from prefect_tuner.errors import EngineError, ObjectiveNotFound
from prefect_tuner.tasks.messages.attempt_request import AttemptRequest
from prefect_tuner.tasks.processes.attempt import run_attempt
from prefect_tuner.tasks.trial_process.run_context import describe_run_context
from prefect_tuner.tasks.workers.trial_host import current_host
from prefect_tuner.tasks.workers.trial_request import RetryPolicy, TrialAnswer, TrialRequest
from prefect_tuner.tasks.workers.worker_host import worker_host
from prefect_tuner.trial import Outcome, describe_params

TrialTask: TypeAlias = Task[[Mapping[str, Any]], State[dict[str, Any]]]
"""Takes the message of a request, and gives that of an answer."""

_STATES = {
    Outcome.COMPLETED: (StateType.COMPLETED, "Completed"),
    Outcome.TIMED_OUT: (StateType.FAILED, "TimedOut"),
    Outcome.CRASHED: (StateType.CRASHED, "Crashed"),
    Outcome.CANCELLED: (StateType.CANCELLED, "Cancelled"),
}
"""The state of the task run by outcome; `Failed` for the rest, so that the usual automations see
them, with the outcome in the message."""


class TrialAttemptFailed(Exception):
    """An attempt at a trial failed, and another follows."""


def _another_attempt_follows(_task: object, _run: object, state: State[Any]) -> bool:
    return isinstance(state.data, TrialAttemptFailed)


def supervise_trial(request: Mapping[str, Any]) -> State[dict[str, Any]]:
    """Run one attempt at a trial and turn its outcome into the state of the task run.

    Retries in the same task run are Prefect's own, set by `trial_task`: an attempt that is to be
    followed by another raises, the last one returns its state. The flow `trial` calls it as well.

    Args:
        request: The message of a `TrialRequest`.

    Returns:
        A state of a type and name that go with the outcome, a message with the reason, and the
        message of a `TrialAnswer` as data.

    Raises:
        TrialAttemptFailed: The attempt failed and the same task run makes another.
    """
    log = _trial_log()
    host = current_host() or worker_host()
    try:
        asked = TrialRequest.from_message(request)
        asked = replace(asked, attempt=asked.attempt + (task_run.run_count or 1) - 1)
        admitted = host.admit(asked, log)
    except (EngineError, ObjectiveNotFound) as error:
        answer = TrialAnswer.refused(error)
        host.refused(answer)
        return _state(StateType.FAILED, "Failed", f"not run: {answer.refusal}", answer)
    described = describe_params(asked.params)
    if isinstance(admitted, Ending):
        ending = admitted
    else:
        ending = run_attempt(
            admitted,
            AttemptRequest(
                asked.study, asked.number, asked.params, asked.seed, asked.attempt, asked.more
            ),
            asked.limits,
            log,
            opening=f"Trial {asked.number} started with {described}",
            run_context=describe_run_context,
        )
        host.ended(asked, ending)
    message = describe_ending(ending)
    if ending.traceback:
        log(logging.ERROR, ending.traceback.rstrip().replace("\n", "\n  "))
    # What came of it is not logged here: Prefect does so, from the exception or the state.
    if asked.retry.tries_again(ending) and host.goes_on(asked, ending):
        raise TrialAttemptFailed(message)
    kind, name = _STATES.get(ending.outcome, (StateType.FAILED, "Failed"))
    return _state(kind, name, f"{message} with {described}", TrialAnswer(ending))


run_trial: TrialTask = task(
    name="trial",
    task_run_name="{request[label]}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=_another_attempt_follows,
)(supervise_trial)
"""A trial as a task. Its function has another name, by which other processes find it."""


def trial_task(retry: RetryPolicy) -> TrialTask:
    """The task `run_trial` with as many retries as the policy asks for."""
    # One more than ever happens: Prefect logs a state returned after the last one at length, with
    # the whole ending in it, and the trial has told its reason already.
    # The delay is waited for by the host; Prefect's setting for all tasks is none of a trial's.
    return run_trial.with_options(retries=retry.retries + 1, retry_delay_seconds=0)


def quoted(request: TrialRequest) -> dict[str, Any]:
    """A request as a task takes it.

    Prefect looks for futures and states in all that a task is given, however deep. There are none
    here, and a trial is not to pay for it.
    """
    return cast("dict[str, Any]", quote(request.to_message()))


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


def _state(kind: StateType, name: str, message: str, answer: TrialAnswer) -> State[dict[str, Any]]:
    return State(
        type=kind,
        name=name,
        message=message,
        data=answer.to_message(),
        state_details=StateDetails(),
        timestamp=datetime.now(UTC),
    )


def _trial_log() -> Callable[[int, str], None]:
    """Where the trial's lines go: to its run, or outside of one to Python's logging."""
    in_a_run = TaskRunContext.get() is not None or FlowRunContext.get() is not None
    logger: Any = get_run_logger() if in_a_run else get_logger("trial")
    return lambda level, text: logger.log(level, "%s", text)
