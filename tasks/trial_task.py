"""The Prefect task that is one trial: it supervises the process that runs the objective."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateDetails, StateType
from prefect.runtime import task_run
from prefect.utilities.annotations import quote

from prefect_tuner.errors import EngineError, ObjectiveNotFound
from prefect_tuner.tasks.supervised_attempt import describe_ending, run_log, supervise_attempt
from prefect_tuner.tasks.workers.trial_host import TrialHost, current_host
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
    log = run_log()
    host = current_host() or worker_host()
    try:
        asked = TrialRequest.from_message(request)
        asked = replace(asked, attempt=asked.attempt + (task_run.run_count or 1) - 1)
        ending = supervise_attempt(asked, host, log, f"{asked.title} started")
    except (EngineError, ObjectiveNotFound) as error:
        return refused_state(host, error)
    message = describe_ending(ending)
    # What came of it is not logged here: Prefect does so, from the exception or the state.
    if asked.retry.tries_again(ending) and host.goes_on(asked, ending):
        raise TrialAttemptFailed(message)
    kind, name = state_of(ending.outcome)
    described = describe_params(asked.params)
    answer = TrialAnswer(ending).to_message()
    return ended_state(kind, name, f"{message} with {described}", answer)


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


def refused_state(host: TrialHost, error: EngineError | ObjectiveNotFound) -> State[dict[str, Any]]:
    """The state of a task run whose host cannot run trials of the study."""
    answer = TrialAnswer.refused(error)
    host.refused(answer)
    message = f"not run: {answer.refusal}"
    return ended_state(StateType.FAILED, "Failed", message, answer.to_message())


def state_of(outcome: Outcome) -> tuple[StateType, str]:
    """The type and the name of the state of a task run whose trial has ended so."""
    return _STATES.get(outcome, (StateType.FAILED, "Failed"))


def quoted(request: TrialRequest) -> dict[str, Any]:
    """A request as a task takes it.

    Prefect looks for futures and states in all that a task is given, however deep. There are none
    here, and a trial is not to pay for it.
    """
    return cast("dict[str, Any]", quote(request.to_message()))


def ended_state(
    kind: StateType, name: str, message: str, data: dict[str, Any]
) -> State[dict[str, Any]]:
    """The state of a task run that has ended.

    Args:
        kind: Its type.
        name: As the UI and automations have it.
        message: What has come of it.
        data: What it has for the study.
    """
    return State(
        type=kind,
        name=name,
        message=message,
        data=data,
        state_details=StateDetails(),
        timestamp=datetime.now(UTC),
    )
