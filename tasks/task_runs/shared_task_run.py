"""What a task run of several trials says of them: lines in its log, and its state."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, final

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, StateType

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.supervised_attempt import describe_ending
from prefect_tuner.tasks.trial_task import ended_state, state_of
from prefect_tuner.tasks.workers.trial_host import Log
from prefect_tuner.tasks.workers.trial_request import TrialRequest
from prefect_tuner.trial import Outcome, describe_params

P = ParamSpec("P")
R = TypeVar("R")


def log_of_trial(asked: TrialRequest, log: Log) -> Log:
    """The log of one trial in that of its task run: its lines begin with its title."""
    return lambda level, text: log(level, f"{asked.title}: {text}")


@final
class SharedTaskRun:
    """The ends of the trials of one task run.

    Args:
        log: Of the task run.
    """

    def __init__(self, log: Log) -> None:
        self._log = log
        self._counts: Counter[Outcome] = Counter()
        self._last = ""

    def add(self, asked: TrialRequest, ending: Ending) -> None:
        """Log the end of a trial, and count it."""
        self._counts[ending.outcome] += 1
        self._last = f"{describe_ending(ending)} with {describe_params(asked.params)}"
        level = logging.WARNING if ending.outcome.is_failure else logging.INFO
        self._log(level, f"{asked.title} {self._last}")

    def state(self, data: dict[str, Any]) -> State[dict[str, Any]]:
        """The state of the task run, which says how many trials ended how.

        Args:
            data: What it has for the study.

        Returns:
            Completed, where any trial is; the name tells whether others failed. Else the state that
            a task run of one trial has by its outcome.
        """
        kind, name = self._kind_and_name()
        message = self._last if self._counts.total() == 1 else self._told()
        return ended_state(kind, name, message, data)

    def _kind_and_name(self) -> tuple[StateType, str]:
        ends = [outcome for outcome, count in self._counts.items() if count]
        if Outcome.COMPLETED in ends:
            failed = any(outcome.is_failure for outcome in ends)
            return StateType.COMPLETED, "SomeFailed" if failed else "Completed"
        own = [outcome for outcome in ends if outcome is not Outcome.CANCELLED]
        if not own:
            return state_of(Outcome.CANCELLED)
        return state_of(own[0] if len(own) == 1 else Outcome.FAILED)

    def _told(self) -> str:
        listed = (f"{count} {end.value.replace('_', ' ')}" for end, count in self._counts.items())
        return f"{self._counts.total()} trials: {', '.join(listed)}"


def task_of_several(function: Callable[P, R]) -> Task[P, R]:
    """A function that runs several trials as a task; its parameter `label` names the task run."""
    return task(
        name="trials",
        task_run_name="{label}",
        cache_policy=NO_CACHE,
        persist_result=False,
        # Further attempts are the study's. With retries that never happen, Prefect says little of a
        # state that is no success.
        retries=1,
        retry_condition_fn=_never,
    )(function)


def _never(*_: object) -> bool:
    return False
