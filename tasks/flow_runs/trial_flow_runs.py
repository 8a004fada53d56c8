"""The flow runs of a study's trials at the Prefect API, as the study sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect import Task
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterIdempotencyKey,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import TERMINAL_STATES, FlowRun, State, StateType
from prefect.states import Cancelled, Cancelling, Crashed, Pending, Scheduled

from prefect_tuner.errors import EngineError
from prefect_tuner.tasks.workers.flow_run_notes import FlowRunNotes, as_labels, own_labels
from prefect_tuner.tasks.workers.study_mailbox import ENDED, STARTED
from prefect_tuner.tasks.workers.trial_mailbox import BEAT, GOES_ON
from prefect_tuner.tasks.workers.trial_request import TrialRequest
from prefect_tuner.tasks.workers.worker_host import THE_STUDY

PAGE = 200
"""Flow runs that Prefect's server gives at a time."""

MOST_STARTS = 20
"""Flow runs made for one attempt; those before the last were cancelled before it began."""

_STUDY_ID = "study-id"
_STUDY = "study"
_NEVER_BEGUN = frozenset({StateType.SCHEDULED, StateType.PENDING})


@dataclass(frozen=True)
class TrialFlowRun:
    """The flow run of an attempt, as the server has it.

    Attributes:
        id: Its id.
        state: Its state.
        beat: Another text each time that the trial says that it lives.
        study: The id of the study's flow run that has asked for it.
    """

    id: UUID
    state: State[Any] = field(repr=False)
    beat: str = ""
    study: str = ""

    @classmethod
    def of(cls, run: FlowRun) -> TrialFlowRun:
        """What matters of a flow run."""
        labels = own_labels(run)
        state = run.state or Scheduled()
        return cls(run.id, state, labels.get(BEAT, ""), labels.get(_STUDY, ""))

    @property
    def has_ended(self) -> bool:
        """Whether its state is final."""
        return self.state.is_final()

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has taken it."""
        return self.state.type is StateType.SCHEDULED

    @property
    def may_not_have_begun(self) -> bool:
        """Whether it waits for somebody to take it, or for its process."""
        return self.state.type in _NEVER_BEGUN


class TrialFlowRuns:
    """Makes the flow runs of trials, looks what has become of them, and stops them.

    Args:
        client: Connected; used by one thread at a time.
        deployment: The id of what they are made from.
        study: The id of the study's flow run, under which they are shown.
        study_id: What no other study has.
    """

    def __init__(
        self, client: SyncPrefectClient, deployment: UUID, study: str, study_id: str
    ) -> None:
        self._client = client
        self._deployment = deployment
        self._study = study
        self._study_id = study_id
        self._task: Task[[], None] = Task(_trial, name="trial")

    def make(
        self,
        request: TrialRequest,
        job_variables: Mapping[str, Any],
        tags: Sequence[str],
        delay: float = 0.0,
    ) -> TrialFlowRun:
        """Make the flow run of an attempt; it is the same one where that was made before.

        Args:
            request: The attempt.
            job_variables: What its infrastructure gets beside what the deployment says.
            tags: Of the flow run, beside the study's name.
            delay: Seconds until it may begin.
        """
        name = request.lasting_name(self._study_id)
        # As a subflow: this task run stands for it among those of the study's flow run.
        task_run = self._client.create_task_run(
            task=self._task,
            flow_run_id=UUID(self._study),
            dynamic_key=f"{name}-{request.run}",
            name=request.label,
            state=Pending(),
        )
        for key in _keys(name):
            at = datetime.now(UTC) + timedelta(seconds=delay)
            made = self._client.create_flow_run_from_deployment(
                self._deployment,
                parameters={"request": request.to_text()},
                state=Scheduled(scheduled_time=at),
                name=request.label,
                tags=[*tags, self._tag(request.study)],
                idempotency_key=key,
                parent_task_run_id=task_run.id,
                job_variables=dict(job_variables),
                labels=as_labels({_STUDY_ID: self._study_id, _STUDY: self._study}),
            )
            run = TrialFlowRun.of(made)
            if not self.leads_nowhere(run):
                return run
        raise EngineError(
            f"trial {request.number} was stopped {MOST_STARTS} times before it began: cancel the "
            "study's flow runs, and give it another name"
        )

    def find(self, request: TrialRequest) -> TrialFlowRun | None:
        """The flow run of an attempt that an earlier run of the study has made, the last."""
        keys = list(_keys(request.lasting_name(self._study_id)))
        wanted = FlowRunFilter(idempotency_key=FlowRunFilterIdempotencyKey(any_=keys))
        found = self._client.read_flow_runs(flow_run_filter=wanted)
        runs = sorted(found, key=lambda run: keys.index(run.idempotency_key or keys[0]))
        return TrialFlowRun.of(runs[-1]) if runs else None

    def leads_nowhere(self, run: TrialFlowRun) -> bool:
        """Whether a flow run was stopped, or has ended, without an end of its attempt.

        Then nobody can begin it any more. A refusal is no end: the worker may have by now what it
        lacked.
        """
        if not (run.has_ended or run.state.is_cancelling()):
            return False
        if (self.answer(run) or {}).get("ending") is not None:
            return False
        self.bar(run)
        return True

    def begin(self) -> None:
        """Have trials look at this flow run of the study, also those made before it was retried."""
        FlowRunNotes(self._study, self._client).label({GOES_ON: self._study})

    def take_over(self, run: TrialFlowRun) -> None:
        """Have a trial look at this flow run of its study rather than at the one that asked."""
        if run.has_ended or not run.study or run.study == self._study:
            return
        before = FlowRunNotes(run.study, self._client)
        if before.flow_run() is not None:  # It may have been deleted since.
            before.label({GOES_ON: self._study})

    def read(self, ids: Sequence[UUID]) -> dict[UUID, TrialFlowRun]:
        """The flow runs, without those that are gone."""
        return dict(self._read(ids))

    def ended(self, ids: Sequence[UUID]) -> dict[UUID, TrialFlowRun]:
        """Those of the flow runs that have ended."""
        return dict(self._read(ids, state=_in(TERMINAL_STATES)))

    def left(self, study: str) -> list[TrialFlowRun]:
        """Those of the study, from whichever run of it, that have not ended.

        Args:
            study: Its name.
        """
        wanted = FlowRunFilter(
            tags=FlowRunFilterTags(all_=[self._tag(study)]),
            state=_in(frozenset(StateType) - TERMINAL_STATES),
        )
        found: list[FlowRun] = []
        while len(page := self._page(wanted, len(found))) > 0:
            found += page
        return [
            TrialFlowRun.of(run)
            for run in found
            if own_labels(run).get(_STUDY_ID) == self._study_id
        ]

    def stop(self, run: TrialFlowRun, reason: str, *, at_once: bool = False) -> None:
        """Have a trial stopped: by its worker, and by the trial itself, whichever comes first.

        Args:
            run: As it was seen last.
            reason: Why, in half a sentence.
            at_once: Whether nobody is to be waited for.
        """
        state = Cancelled if at_once or run.may_not_have_begun else Cancelling
        self._client.set_flow_run_state(run.id, state(message=reason), force=at_once)
        # Prefect lets a process that is being started go on from Cancelled to Running.
        if run.may_not_have_begun and self.bar(run) is not None:
            self._client.set_flow_run_state(run.id, Cancelling(message=reason))

    def tell_crashed(self, run: TrialFlowRun, message: str) -> None:
        """Have Prefect, and the trial if it lives after all, know that it counts as crashed."""
        self._client.set_flow_run_state(run.id, Crashed(message=message), force=True)

    def answer(self, run: TrialFlowRun) -> dict[str, Any] | None:
        """What a trial has left as its answer."""
        return FlowRunNotes(run.id, self._client).read(ENDED)

    def bar(self, run: TrialFlowRun) -> str | None:
        """Have a trial not begin any more: whoever starts it later is refused.

        Returns:
            Which worker has begun it before; None where none has.
        """
        before = FlowRunNotes(run.id, self._client).claim(STARTED, THE_STUDY)
        return None if before == THE_STUDY else before

    def _page(self, wanted: FlowRunFilter, offset: int) -> list[FlowRun]:
        return self._client.read_flow_runs(flow_run_filter=wanted, limit=PAGE, offset=offset)

    def _read(
        self, ids: Sequence[UUID], state: FlowRunFilterState | None = None
    ) -> Iterator[tuple[UUID, TrialFlowRun]]:
        for some in (ids[i : i + PAGE] for i in range(0, len(ids), PAGE)):
            wanted = FlowRunFilter(id=FlowRunFilterId(any_=list(some)), state=state)
            for run in self._client.read_flow_runs(flow_run_filter=wanted, limit=PAGE):
                yield run.id, TrialFlowRun.of(run)

    def _tag(self, study: str) -> str:
        return f"study: {study}"


def _trial() -> None:
    """Stands for the trial among the task runs of the study's flow run."""


def _keys(name: str) -> Iterator[str]:
    yield name
    for count in range(2, MOST_STARTS + 1):
        yield f"{name}-{count}"


def _in(types: frozenset[StateType] | set[StateType]) -> FlowRunFilterState:
    return FlowRunFilterState(type=FlowRunFilterStateType(any_=sorted(types)))
