"""What has come of an attempt whose flow run has ended, or is not heard of any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import final

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.flow_runs.trial_flow_runs import TrialFlowRun, TrialFlowRuns
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest
from prefect_tuner.tasks.workers.worker_host import lost
from prefect_tuner.trial import Outcome

NEVER_BEGUN = 3
"""Flow runs in a row that end before their trials begin, after which the study fails."""


@final
class FlowRunEnds:
    """Tells the ends of attempts from their flow runs.

    Args:
        runs: The flow runs at the Prefect API.
        deployment: The name of what they are made from, for messages.
    """

    def __init__(self, runs: TrialFlowRuns, deployment: str) -> None:
        self._runs = runs
        self._deployment = deployment
        self._any_has_begun = False
        self._never_begun = 0

    def heard_of_one(self) -> None:
        """Take note that a trial has begun somewhere."""
        self._any_has_begun = True
        self._never_begun = 0

    def of_ended(
        self, request: TrialRequest, run: TrialFlowRun, why_stopped: Callable[[bool], str]
    ) -> TrialAnswer:
        """What has come of an attempt whose flow run has a final state.

        Args:
            request: The attempt.
            run: Its flow run.
            why_stopped: Tells why a trial was stopped, a sentence, by whether it had begun.
        """
        if answer := self._left(request, run):
            return answer
        worker = self._runs.claimed_by(run)
        if run.state.is_cancelled():
            message = why_stopped(worker is not None)
            attempts = request.attempt if worker else request.attempt - 1
            return TrialAnswer(Ending(Outcome.CANCELLED, message, attempts=attempts))
        if worker is not None:
            return _crashed(request, lost(worker))
        return self._of_never_begun(request, run)

    def of_silent(self, request: TrialRequest, run: TrialFlowRun) -> TrialAnswer:
        """What has come of an attempt of which nothing is heard any more; it may not go on."""
        if answer := self._left(request, run):
            return answer
        message = lost(self._runs.claimed_by(run) or "")
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
        self.heard_of_one()
        answer = TrialAnswer.from_message(message)
        if answer.ending is None:
            return answer
        # It may have been counted otherwise, in the run of the study that had asked for it.
        return replace(answer, ending=replace(answer.ending, attempts=request.attempt))

    def _of_never_begun(self, request: TrialRequest, run: TrialFlowRun) -> TrialAnswer:
        """What comes of a flow run that has ended before it could begin with its trial.

        The first may well be as all others would be: the image or the package is missing.
        """
        self._never_begun += 1
        state = run.state
        told = (
            f"flow run {request.label!r} of deployment {self._deployment!r} ended before its trial "
            f"began: {state.name or state.type.value}: {state.message or 'without a message'}"
        )
        if self._any_has_begun and self._never_begun < NEVER_BEGUN:
            return _crashed(request, told)
        return TrialAnswer(None, f"{told}. Its log may say more (flow run {run.id})")


def _crashed(request: TrialRequest, message: str) -> TrialAnswer:
    return TrialAnswer(Ending(Outcome.CRASHED, message, attempts=request.attempt))
