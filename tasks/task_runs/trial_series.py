"""The Prefect task that is several trials, which are handed to it one after the other."""

from __future__ import annotations

import logging
from abc import abstractmethod
from typing import Any, TypeAlias

from prefect import Task
from prefect.client.schemas.objects import State

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.supervised_attempt import describe_ending, run_log, supervise_attempt
from prefect_tuner.tasks.task_runs.shared_task_run import (
    SharedTaskRun,
    log_of_trial,
    task_of_several,
)
from prefect_tuner.tasks.workers.trial_host import Log, TrialHost, current_host
from prefect_tuner.tasks.workers.trial_request import TrialRequest

SeriesTask: TypeAlias = Task[[str], State[dict[str, Any]]]
"""Takes what its run is called; the trials come from the host."""


class SeriesHost(TrialHost):
    """What a task run of several trials has around it: who hands it one trial after the other."""

    @abstractmethod
    def next_request(self) -> TrialRequest | None:
        """The next trial, once there is one; None where the series is to end."""

    @abstractmethod
    def trial_ended(self, request: TrialRequest, ending: Ending) -> None:
        """Hear of the end of a trial that is not tried again.

        Args:
            request: The last attempt at it.
            ending: What came of that.
        """


def supervise_series(label: str) -> State[dict[str, Any]]:
    """Run the trials that the host hands out.

    Each has what it has in a task run of its own: a process, limits, further attempts, and its
    lines in the log.

    Args:
        label: What the task run is called.

    Returns:
        The state of `SharedTaskRun`. The study has heard of each trial by the host.
    """
    host, log = current_host(), run_log()
    assert isinstance(host, SeriesHost), label  # noqa: S101 - nobody else submits it
    shared = SharedTaskRun(log)
    while (asked := host.next_request()) is not None:
        asked, ending = _run(asked, host, log_of_trial(asked, log))
        host.trial_ended(asked, ending)  # First, since the study has the next one to find.
        shared.add(asked, ending)
    return shared.state({})


run_series: SeriesTask = task_of_several(supervise_series)
"""Several trials as a task."""


def _run(asked: TrialRequest, host: SeriesHost, log: Log) -> tuple[TrialRequest, Ending]:
    """All attempts at a trial that there are to be: the last one, and what came of it."""
    while True:
        ending = supervise_attempt(asked, host, log, "started")
        if not (asked.retry.tries_again(ending) and host.goes_on(asked, ending)):
            return asked, ending
        log(logging.WARNING, describe_ending(ending))
        asked = asked.again()
