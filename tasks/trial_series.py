"""The Prefect task that is several trials: it supervises them one after the other."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateDetails, StateType

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.supervised_attempt import describe_ending, run_log, supervise_attempt
from prefect_tuner.tasks.trial_task import state_of
from prefect_tuner.tasks.workers.trial_host import Log, TrialHost, current_host
from prefect_tuner.tasks.workers.trial_request import TrialRequest
from prefect_tuner.trial import Outcome, describe_params

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
    """Run the trials that the host hands out, and turn what came of them into one state.

    Each has what it has in a task run of its own: a process, limits, further attempts, and its
    lines in the log, which begin with its number.

    Args:
        label: What the task run is called.

    Returns:
        A state that says how many trials ended how. Where none has completed, its type is that of
        their outcome.
    """
    host, log = current_host(), run_log()
    assert isinstance(host, SeriesHost), label  # noqa: S101 - nobody else submits it
    counts: Counter[Outcome] = Counter()
    told = ""
    while (asked := host.next_request()) is not None:
        ended, ending = _run(asked, host, _log_of(asked, log))
        counts[ending.outcome] += 1
        told = f"{describe_ending(ending)} with {describe_params(asked.params)}"
        level = logging.WARNING if ending.outcome.is_failure else logging.INFO
        log(level, f"Trial {asked.number} {told}")
        host.trial_ended(ended, ending)
    kind, name = _state_of_all(counts)
    return State(
        type=kind,
        name=name,
        message=told if counts.total() == 1 else _told(counts),
        data={outcome.value: count for outcome, count in counts.items()},
        state_details=StateDetails(),
        timestamp=datetime.now(UTC),
    )


def _never(*_: object) -> bool:
    return False


run_series: SeriesTask = task(
    name="trials",
    task_run_name="{label}",
    cache_policy=NO_CACHE,
    persist_result=False,
    # As for a single trial, Prefect is to say little of a state that is no success.
    retries=1,
    retry_condition_fn=_never,
)(supervise_series)
"""Several trials as a task."""


def _run(asked: TrialRequest, host: SeriesHost, log: Log) -> tuple[TrialRequest, Ending]:
    """All attempts at a trial that there are to be: the last one, and what came of it."""
    while True:
        ending = supervise_attempt(asked, host, log, "started")
        if not (asked.retry.tries_again(ending) and host.goes_on(asked, ending)):
            return asked, ending
        log(logging.WARNING, describe_ending(ending))
        asked = asked.again()


def _log_of(asked: TrialRequest, log: Log) -> Callable[[int, str], None]:
    return lambda level, text: log(level, f"Trial {asked.number}: {text}")


def _state_of_all(counts: Counter[Outcome]) -> tuple[StateType, str]:
    """The type and the name of the state of a task run by the ends of its trials."""
    if counts[Outcome.COMPLETED]:
        failed = any(count and outcome.is_failure for outcome, count in counts.items())
        return StateType.COMPLETED, "SomeFailed" if failed else "Completed"
    outcomes = [outcome for outcome in counts if outcome is not Outcome.CANCELLED]
    if not outcomes:
        return state_of(Outcome.CANCELLED)
    return state_of(outcomes[0] if len(outcomes) == 1 else Outcome.FAILED)


def _told(counts: Counter[Outcome]) -> str:
    listed = (f"{count} {outcome.value.replace('_', ' ')}" for outcome, count in counts.items())
    return f"{counts.total()} trials: {', '.join(listed)}"
