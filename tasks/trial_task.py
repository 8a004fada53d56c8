"""The Prefect task that is one trial: it supervises the process that runs the objective."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateDetails, StateType
from prefect.context import TaskRunContext
from prefect.futures import PrefectFuture
from prefect.logging import get_logger, get_run_logger
from prefect.runtime import task_run
from prefect.utilities.annotations import quote

from prefect_tuner.ending import Ending
from prefect_tuner.hyper_value import Params
from prefect_tuner.tasks.messages.attempt_request import AttemptRequest
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec
from prefect_tuner.tasks.processes.attempt import run_attempt
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.processes.launcher import open_launcher
from prefect_tuner.tasks.trial_process.run_context import describe_run_context
from prefect_tuner.trial import Outcome, TrialLimits, describe_params

_STATES = {
    Outcome.COMPLETED: (StateType.COMPLETED, "Completed"),
    Outcome.TIMED_OUT: (StateType.FAILED, "TimedOut"),
    Outcome.CRASHED: (StateType.CRASHED, "Crashed"),
    Outcome.CANCELLED: (StateType.CANCELLED, "Cancelled"),
}
"""The state of the task run by outcome; `Failed` for the rest, so that the usual automations see
them, with the outcome in the message."""


@dataclass(frozen=True)
class RetryPolicy:
    """Which trials are tried again.

    Attributes:
        retries: How many times at the most.
        delay: Seconds to wait before each further attempt.
        outcomes: The outcomes after which a trial is tried again.
    """

    retries: int = 0
    delay: float = 0.0
    outcomes: frozenset[Outcome] = frozenset({Outcome.CRASHED, Outcome.FAILED})


@dataclass(frozen=True)
class TrialRequest:
    """All that a task run needs to run one trial.

    Attributes:
        study: The study's name.
        number: The trial's place in the study.
        params: The values to try.
        seed: The trial's own seed.
        objective: What to call.
        limits: What the trial may take.
        retry: Whether to try again.
        launch: How its process is started.
        more: How many further trials may follow in this run of the study; None where that is not
            known.
        on_retry: Told of an attempt that failed before the next one begins.
    """

    study: str
    number: int
    params: Params
    seed: int
    objective: ObjectiveSpec
    limits: TrialLimits
    retry: RetryPolicy = RetryPolicy()
    launch: LaunchSettings = field(default_factory=LaunchSettings)
    more: int | None = None
    on_retry: Callable[[Ending], None] | None = field(default=None, repr=False)


class TrialAttemptFailed(Exception):
    """An attempt at a trial failed, and another follows."""


def _another_attempt_follows(_task: object, _run: object, state: State[Any]) -> bool:
    return isinstance(state.data, TrialAttemptFailed)


@task(
    name="trial",
    task_run_name="{request.study}-{request.number}",
    cache_policy=NO_CACHE,
    persist_result=False,
    retry_condition_fn=_another_attempt_follows,
)
def run_trial(request: TrialRequest) -> State[Ending]:
    """Run one attempt at a trial and turn its outcome into the state of the task run.

    Retries are Prefect's own, set by `trial_task`: an attempt that is to be followed by another
    raises, the last one returns its state.

    Args:
        request: The trial.

    Returns:
        A state of a type and name that go with the outcome, a message with the reason, and the
        ending as data.

    Raises:
        TrialAttemptFailed: The attempt failed and is to be retried.
    """
    log = _trial_log()
    attempt = task_run.run_count or 1
    launcher = open_launcher(request.objective, request.launch)
    described = describe_params(request.params)
    if attempt > 1:
        log(logging.INFO, f"Attempt {attempt} follows in {request.retry.delay:g} s")
        # Waited here rather than in Prefect's engine, which no cancellation can wake.
        launcher.stopped.wait(request.retry.delay)
    ending = run_attempt(
        launcher,
        AttemptRequest(
            request.study, request.number, request.params, request.seed, attempt, request.more
        ),
        request.limits,
        log,
        opening=f"Trial {request.number} started with {described}",
        run_context=describe_run_context,
    )
    message = describe_ending(ending)
    if ending.traceback:
        log(logging.ERROR, ending.traceback.rstrip().replace("\n", "\n  "))
    # What came of it is not logged here: Prefect does so, from the exception or the state.
    if attempt <= request.retry.retries and ending.outcome in request.retry.outcomes:
        if request.on_retry is not None:
            request.on_retry(ending)
        raise TrialAttemptFailed(message)
    kind, name = _STATES.get(ending.outcome, (StateType.FAILED, "Failed"))
    return _state(kind, name, f"{message} with {described}", ending)


def trial_task(retry: RetryPolicy) -> Task[[TrialRequest], State[Ending]]:
    """The task `run_trial` with as many retries as the policy asks for."""
    # One more than ever happens: Prefect logs a state returned after the last one at length, with
    # the whole ending in it, and the trial has told its reason already.
    # The delay is waited for above; Prefect's setting for all tasks is none of a trial's.
    return run_trial.with_options(retries=retry.retries + 1, retry_delay_seconds=0)


def submit_trial(
    task: Task[[TrialRequest], State[Ending]], request: TrialRequest
) -> PrefectFuture[State[Ending]]:
    """Submit a trial to the flow's task runner.

    Args:
        task: What `trial_task` gave.
        request: The trial.
    """
    # Prefect looks for futures and states in all that a task is given, however deep. There are none
    # here, and a trial is not to pay for it.
    untraversed = cast("TrialRequest", quote(request))
    return task.submit(untraversed)


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


def _state(kind: StateType, name: str, message: str, ending: Ending) -> State[Ending]:
    return State(
        type=kind,
        name=name,
        message=message,
        data=ending,
        state_details=StateDetails(),
        timestamp=datetime.now(UTC),
    )


def _trial_log() -> Callable[[int, str], None]:
    """Where the trial's lines go: to its task run, or outside of one to Python's logging."""
    logger: Any = get_logger("trial") if TaskRunContext.get() is None else get_run_logger()
    return lambda level, text: logger.log(level, "%s", text)
