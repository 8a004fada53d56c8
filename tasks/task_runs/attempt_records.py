"""What workers have left of attempts at the Prefect API, as far as that can be asked."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, final

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.states import Crashed

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.task_runs.task_futures import TrialFuture
from prefect_tuner.tasks.workers.study_mailbox import StudyMailbox
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest


@final
class AttemptRecords:
    """The notes of attempts, where a server that is away says nothing.

    Args:
        mailbox: Of the study.
    """

    def __init__(self, mailbox: StudyMailbox) -> None:
        self._mailbox = mailbox

    def answer(self, request: TrialRequest) -> TrialAnswer | None:
        """The answer that a worker has left for an attempt, if it has."""
        with suppress(Exception):
            answer = self._mailbox.answer(request.name)
            return None if answer is None else TrialAnswer.from_message(answer)
        return None

    def claimed_by(self, request: TrialRequest) -> str | None:
        """Which worker has begun an attempt, if one has."""
        with suppress(Exception):
            return self._mailbox.claimed_by(request.name)
        return None


def tell_crashed(future: TrialFuture, ending: Ending) -> None:
    """Have Prefect know of the end of a task run that its worker could not tell."""
    state: State[Any] = Crashed(message=f"{ending.outcome.value}: {ending.message}")
    with suppress(Exception), get_client(sync_client=True) as client:
        client.set_task_run_state(future.task_run_id, state, force=True)
