"""What has come of an attempt whose flow run has ended, or is not heard of any more."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import final

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.flow_runs.trial_flow_runs import TrialFlowRun, TrialFlowRuns
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest
from prefect_tuner.tasks.workers.worker_host import lost
from prefect_tuner.trial import Outcome

NEVER_BEGUN = 3
"""Flow runs that end before their trials begin, with none between that does, after which the study
fails."""


@final
class FlowRunEnds:
    """Tells the ends of attempts from their flow runs.

    Args:
        runs: The flow runs at the Prefect API.
        deployment: The name of what they are made from, for messages.
        log: Takes a level of Python's logging, and a line.
    """

    def __init__(
        self, runs: TrialFlowRuns, deployment: str, log: Callable[[int, str], None]
    ) -> None:
        self._runs = runs
        self._log = log
        self._deployment = deployment
        self._any_has_begun = False
        self._never_begun = 0

    def one_has_begun(self) -> None:
        """Take note that a trial has begun."""
        self._any_has_begun = True
        self._never_begun = 0

    def of_ended(
        self, request: TrialRequest, run: TrialFlowRun, why_stopped: Callable[[bool], str]
    ) -> TrialAnswer | None:
        """What has come of an attempt whose flow run has a final state.

        Args:
            request: The attempt.
            run: Its flow run.
            why_stopped: Tells why a trial was stopped, a sentence, by whether it had begun.

        Returns:
            None where it has not begun, and is to get another flow run.
        """
        if answer := self._left(request, run):
            return answer
        worker = self._runs.bar(run)
        if run.state.is_cancelled():
            message = why_stopped(worker is not None)
            attempts = request.attempt if worker else request.attempt - 1
            return TrialAnswer(Ending(Outcome.CANCELLED, message, attempts=attempts))
        if worker is not None:
            return _crashed(request, lost(worker))
        state = run.state
        told = f"{state.name or state.type.value}: {state.message or 'without a message'}"
        return self._of_never_begun(request, run, told)

    def of_silent(self, request: TrialRequest, run: TrialFlowRun) -> TrialAnswer | None:
        """What has come of an attempt of which nothing is heard any more; it may not go on.

        Returns:
            None where it has not begun, and is to get another flow run.
        """
        if answer := self._left(request, run):
            return answer
        worker = self._runs.bar(run)
        if worker is None and run.may_not_have_begun:
            told = f"it was {(run.state.name or '').lower()} for too long"
            self._runs.tell_crashed(run, f"not begun: {told}")
            return self._of_never_begun(request, run, told)
        message = lost(worker or "")
        self._runs.tell_crashed(run, f"{Outcome.CRASHED.value}: {message}")
        return _crashed(request, message)

    def of_deleted(self, request: TrialRequest) -> TrialAnswer:
        """What has come of an attempt whose flow run is gone."""
        return _crashed(request, "the trial's flow run was deleted")

    def _left(self, request: TrialRequest, run: TrialFlowRun) -> TrialAnswer | None:
        """The answer that the trial has left."""
        message = self._runs.answer(run)
        if message is None:
            return None
        self.one_has_begun()
        answer = TrialAnswer.from_message(message)
        if answer.ending is None:
            return answer
        # It may have been counted otherwise, in the run of the study that had asked for it.
        return replace(answer, ending=replace(answer.ending, attempts=request.attempt))

    def _of_never_begun(
        self, request: TrialRequest, run: TrialFlowRun, told: str
    ) -> TrialAnswer | None:
        """What comes of a flow run that has ended before it could begin with its trial.

        A machine may be taken away while it starts. But the first flow run may well be as all
        others would be: the image or the package is missing.
        """
        self._never_begun += 1
        told = (
            f"Flow run {request.label!r} of deployment {self._deployment!r} ended before its trial "
            f"began: {told}. Its log may say more (flow run {run.id})"
        )
        if self._any_has_begun and self._never_begun < NEVER_BEGUN:
            self._log(logging.WARNING, f"{told}. It is made again")
            return None
        return TrialAnswer(None, told)


def _crashed(request: TrialRequest, message: str) -> TrialAnswer:
    return TrialAnswer(Ending(Outcome.CRASHED, message, attempts=request.attempt))
