"""Who a trial's task run asks for what its request cannot carry: processes, and leave to begin."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeAlias

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.processes.launcher import Launcher
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest

Log: TypeAlias = Callable[[int, str], None]
"""Takes a level of Python's logging, and a line."""


class TrialHost(ABC):
    """What a task run has around it, in the study's own process or on a worker."""

    @abstractmethod
    def admit(self, request: TrialRequest, log: Log) -> Launcher | Ending:
        """Wait until an attempt may begin.

        Args:
            request: The attempt.
            log: Is told what it waits for.

        Returns:
            What starts its process; or its end, where it is not to begin.

        Raises:
            EngineError: This worker cannot run trials of the study.
            ObjectiveNotFound: The objective cannot be loaded here.
        """

    def ended(self, request: TrialRequest, ending: Ending) -> None:  # noqa: B027 - for some
        """Hear of the end of an attempt, before its task run ends."""

    def refused(self, answer: TrialAnswer) -> None:  # noqa: B027 - for some
        """Hear that no trial of the study can be run here."""

    def goes_on(self, request: TrialRequest, ending: Ending) -> bool:  # noqa: ARG002 - for some
        """Whether the same task run makes the next attempt, after one that is to be followed.

        Where it does, the study hears of the end by this call.
        """
        return False


_host: ContextVar[TrialHost | None] = ContextVar("prefect_tuner_trial_host", default=None)


@contextmanager
def hosted_by(host: TrialHost) -> Iterator[None]:
    """Have the tasks that are submitted inside of the `with` block find their host.

    Threads that a task runner starts for them have it; other processes do not.
    """
    token = _host.set(host)
    try:
        yield
    finally:
        _host.reset(token)


def current_host() -> TrialHost | None:
    """The host of the task run that asks; None in another process than that of the study."""
    return _host.get()
