"""What a trial with a flow run of its own and its study tell each other through the Prefect API.

The trial's flow run has it, so that any run of the study finds it: the labels say that the trial
lives, the notes who has begun it and what came of it. Labels have one writer, the trial: the server
loses one of two that are written at once. That it is to stop, its state says, as for any flow run.
"""

from __future__ import annotations

from typing import final
from uuid import UUID

from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.objects import FlowRun

from prefect_tuner.tasks.workers.flow_run_notes import own_labels
from prefect_tuner.tasks.workers.study_mailbox import Mailbox, Signals

BEAT = "beat"
"""The label of a trial that has another value each time that the trial says that it lives."""

GOES_ON = "goes-on"
"""The label of a study's flow run with the id of that in which the study goes on."""


@final
class TrialMailbox(Mailbox):
    """One attempt at a trial that has a flow run of its own.

    Args:
        flow_run: The id of its flow run.
        study: The id of the flow run that its study had when it was asked for.
    """

    def __init__(self, flow_run: str, study: str) -> None:
        super().__init__(flow_run)
        self._own = UUID(flow_run)
        self._first = self._now = UUID(study)

    def beat(self, count: int) -> None:
        """Say that the trial lives, with another number each time."""
        self._notes.label({BEAT: str(count)})

    def signals(self) -> Signals:
        """What has become of the trial's flow run and of its study's.

        A study whose run has failed or died says nothing: another run of it takes over.
        """
        wanted = FlowRunFilter(id=FlowRunFilterId(any_=[self._own, self._first, self._now]))
        runs = {run.id: run for run in self._client.read_flow_runs(flow_run_filter=wanted)}
        own, first = runs.get(self._own), runs.get(self._first)
        if own is None:
            return Signals(stop="the trial's flow run was deleted")
        if told := _stopped(own):
            return Signals(stop=told)
        if first is not None and GOES_ON in (labels := own_labels(first)):
            self._now = UUID(labels[GOES_ON])
        now = runs.get(self._now)
        state = None if now is None else now.state
        if state is not None and (state.is_cancelled() or state.is_cancelling()):
            return Signals(stop="its flow run was cancelled")
        return Signals()

    def _key(self, note: str, attempt: str) -> str:  # noqa: ARG002 - the flow run is for one
        return note


def _stopped(run: FlowRun) -> str:
    """Why a run is not to go on, half a sentence; empty for others."""
    state = run.state
    if state is None or not (state.is_final() or state.is_cancelling()):
        return ""
    told = f"the trial's flow run is {(state.name or state.type.value).lower()}"
    return state.message or told if state.is_cancelling() else told
