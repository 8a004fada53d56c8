"""The Prefect task that is several trials, which it takes along to where it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from prefect import Task
from prefect.client.schemas.objects import State

from prefect_tuner.errors import EngineError, ObjectiveNotFound
from prefect_tuner.tasks.supervised_attempt import run_log, supervise_attempt
from prefect_tuner.tasks.task_runs.shared_task_run import (
    SharedTaskRun,
    log_of_trial,
    task_of_several,
)
from prefect_tuner.tasks.trial_task import refused_state
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest
from prefect_tuner.tasks.workers.worker_host import worker_host

BatchTask: TypeAlias = Task[[str, Sequence[Mapping[str, Any]]], State[dict[str, Any]]]
"""Takes what its run is called, and the messages of requests."""


def supervise_batch(
    label: str,  # noqa: ARG001 - for the name of the task run
    requests: Sequence[Mapping[str, Any]],
) -> State[dict[str, Any]]:
    """Run one attempt at each of several trials, one after the other.

    Each has what it has in a task run of its own: a process, limits, and its lines in the log. Its
    end is kept where the study finds it before the others have ended.

    Args:
        label: What the task run is called.
        requests: The messages of `TrialRequest`s.

    Returns:
        The state of `SharedTaskRun`, with the messages of `TrialAnswer`s by the trials' numbers.
        Where this worker cannot run trials of the study, that of a trial which was refused.
    """
    host, log = worker_host(), run_log()
    shared = SharedTaskRun(log)
    answers: dict[int, dict[str, Any]] = {}
    try:
        for asked in [TrialRequest.from_message(message) for message in requests]:
            ending = host.stopped(asked) if answers else None
            ending = ending or supervise_attempt(asked, host, log_of_trial(asked, log), "started")
            shared.add(asked, ending)
            answers[asked.number] = TrialAnswer(ending).to_message()
    except (EngineError, ObjectiveNotFound) as error:
        return refused_state(host, error)
    return shared.state({"answers": answers})


run_batch: BatchTask = task_of_several(supervise_batch)
"""Several trials as a task. Its function has another name, by which other processes find it."""


def label_of(requests: Sequence[TrialRequest]) -> str:
    """What the task run of some trials is called."""
    more = f" and {len(requests) - 1} more" if len(requests) > 1 else ""
    return f"{requests[0].label}{more}"
