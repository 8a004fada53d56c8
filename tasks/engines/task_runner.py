"""Trials in other processes, where a Prefect task runner puts them."""

from __future__ import annotations

import contextvars
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from prefect.task_runners import TaskRunner

from prefect_tuner.ending import Ending
from prefect_tuner.errors import EngineError, TuningCancelled
from prefect_tuner.printable_text import shortened
from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.engine import Arrival, Engine, EngineStudy
from prefect_tuner.tasks.engines.flow_context import light_flow_context, study_flow_run
from prefect_tuner.tasks.engines.study_beat import StudyBeat
from prefect_tuner.tasks.task_runs.attempt_records import AttemptRecords, tell_crashed
from prefect_tuner.tasks.task_runs.task_futures import TrialFuture, arrival_of, refusal_in
from prefect_tuner.tasks.task_runs.trial_batch import label_of, run_batch
from prefect_tuner.tasks.task_runs.trials_underway import Batch, TrialsUnderway
from prefect_tuner.tasks.trial_task import trial_task
from prefect_tuner.tasks.workers.study_mailbox import StudyMailbox
from prefect_tuner.tasks.workers.trial_request import RetryPolicy, TrialAnswer, TrialRequest
from prefect_tuner.tasks.workers.worker_host import THE_STUDY, lost
from prefect_tuner.tasks.workers.worker_paths import travelling
from prefect_tuner.trial import Outcome

GONE = 15.0
"""Seconds for which a worker, or what hands trials on, is missing before it counts as gone."""

LOOK = 5.0
"""Seconds between two looks whether workers are gone."""

HEAR = 0.5
"""Seconds between two looks which attempts have ended whose task runs go on with others."""

HEARD_PER_SECOND = 20.0
"""How many task runs are asked after in a second, by about as many requests to the server."""

_RESULT_TIMEOUT = 30.0
"""Seconds for an answer to travel. Where its worker dies meanwhile, it is found at the API."""


class TaskRunnerEngine(Engine):
    """Submits attempts at trials to a task runner, each as a task run or several as one.

    It needs nothing of the runner but futures. The workers hear of the study through the Prefect
    API (see `StudyMailbox`): whichever has an attempt stops it when it is told to, or when the
    study is gone. Subclasses know how their cluster is reached, and when a worker of it is lost.

    Args:
        study: What it needs to know of the study.
        runner: Started, and exited by whoever has started it.
    """

    stop_timeout = 12.0

    def __init__(self, study: EngineStudy, runner: TaskRunner[Any]) -> None:
        super().__init__(study)
        self.runner = runner
        self._objective = travelling(study.objective)
        self._stopped = False
        self._stopping = threading.Lock()
        self._closed = threading.Event()
        self._run = uuid.uuid4().hex[:12]
        self._task = trial_task(RetryPolicy())
        asked = study.trials_per_task
        self._per_task = 1 if asked == "auto" else asked
        self._trials = TrialsUnderway(self._places(), self._per_task)
        self._flow_run = ""
        self._missing_since: float | None = None
        self._mailbox: StudyMailbox | None = None
        self._records: AttemptRecords | None = None
        self._beat: StudyBeat | None = None

    def prepare(self) -> list[tuple[int, str]]:
        """See `Engine`."""
        self.study.check_no_devices()
        self._flow_run = study_flow_run()
        self._mailbox = StudyMailbox(self._flow_run, self._run)
        self._mailbox.open()
        self._records = AttemptRecords(self._mailbox)
        self._beat = StudyBeat(self._mailbox)
        self._beat.start()
        context_of_looks = contextvars.copy_context()
        threading.Thread(
            target=lambda: context_of_looks.run(self._look_time_and_again),
            name="cluster-look",
            daemon=True,
        ).start()
        if self._stopped:
            raise TuningCancelled(self.describe_stop())
        return []

    @property
    def most_in_flight(self) -> int:
        """See `Engine`."""
        return self.study.launch.concurrency * self._per_task

    def start(self, request: TrialRequest) -> None:
        """See `Engine`."""
        if self._stopped:
            again = "started" if request.attempt == 1 else "was tried again"
            self._arrive_cancelled(request, f"before the trial {again}")
            return
        request = replace(
            request, objective=self._objective, flow_run=self._flow_run, run=self._run
        )
        self._trials.gather(request)
        if self._per_task == 1:
            self._begin_waiting()

    def stop_trial(self, number: int, reason: str) -> None:
        """See `Engine`."""
        self._say(lambda mailbox: mailbox.stop_trial(number, reason))

    def close(self) -> None:
        """See `Engine`."""
        if self._trials.all():
            self.stop()
        self._stopped = True  # Idle workers hear of it by the end of the flow run.
        self._closed.set()
        if self._beat is not None:
            self._beat.close()
        if self._mailbox is not None:
            with suppress(Exception):
                self._mailbox.close()

    def _stop_all(self) -> None:
        with self._stopping:
            if self._stopped:
                return
            self._stopped = True
        self._begin_waiting()
        self._say(lambda mailbox: mailbox.stop(self.stop_reason))
        self._say(self._take_back)

    def _take_back(self, mailbox: StudyMailbox) -> None:
        """Have what still waits for a worker not begin."""
        taken: dict[Batch, int] = {}
        for request, batch in self._trials.all():
            # A worker that finds one of a batch taken begins none of those after it.
            if batch in taken or mailbox.claim(request.name, THE_STUDY) is None:
                taken[batch] = taken.get(batch, 0) + 1
                if self._is_out(request):
                    self._arrive_cancelled(request, "before the trial started")
        for batch, count in taken.items():
            if count == len(batch.requests):
                with suppress(Exception):  # Where it begins nevertheless, it is refused.
                    self._cancel(batch.future)

    def _say(self, message: Callable[[StudyMailbox], None]) -> None:
        mailbox, beat = self._mailbox, self._beat
        if mailbox is not None and beat is not None:
            beat.say(lambda: message(mailbox))

    def _is_out(self, request: TrialRequest) -> bool:
        """Whether an attempt was still underway; it is not any more."""
        return self._trials.end(request)

    def _begin_waiting(self) -> None:
        """Submit what waits, as far as there are places; once it is stopped, nothing begins."""
        for request in self._trials.take_waiting() if self._stopped else ():
            self._arrive_cancelled(request, "before the trial started")
        while requests := self._trials.next_batch():
            try:
                with light_flow_context():
                    batch = Batch(requests, self._submit(requests))
            except Exception as error:
                raise EngineError(
                    f"trial {requests[0].number} cannot be submitted: {shown_error(error)}"
                ) from error
            self._trials.add(batch)
            batch.future.add_done_callback(partial(self._take, batch))

    def _take(self, batch: Batch, _: TrialFuture) -> None:
        """Take note that a future is done, from whatever thread says so."""
        self._arrive(lambda: self._over(batch))
        for request in batch.requests:
            if self._is_out(request):
                self._arrive(partial(self._arrival, request, batch))

    def _over(self, batch: Batch) -> None:
        """Hear that a task run has ended, before what came of its attempts arrives."""

    def _arrival(self, request: TrialRequest, batch: Batch) -> Arrival | None:
        arrival = arrival_of(request.number, request.attempt, batch.future, _RESULT_TIMEOUT)
        if arrival.failure is None:
            return arrival
        answer = self._unreported(request, batch, arrival.failure)
        return None if answer is None else replace(arrival, answer=answer)

    def _unreported(
        self, request: TrialRequest, batch: Batch, failure: object
    ) -> TrialAnswer | None:
        """What is known of an attempt whose task run gives no answer; None where it goes again."""
        records = self._records
        answer = records and records.answer(request)
        if answer is not None:
            return answer
        if refusal := self._refusal_in(failure):
            return TrialAnswer(None, refusal)
        worker = None if records is None else records.claimed_by(request)
        if worker is None and batch.is_shared_after(request) and not self._stopped:
            self._trials.gather(request)  # It had not begun when another one's worker was lost.
            return None
        message = lost(worker or "")
        if failure is not None and not self._tells_of_a_loss(failure):
            message = f"the task run ended without a report: {shortened(repr(failure), 500)}"
        ending = Ending(Outcome.CRASHED, message, attempts=request.attempt)
        tell_crashed(batch.future, ending)
        return TrialAnswer(ending)

    def _refusal_in(self, failure: object) -> str:
        """See `refusal_in`."""
        return refusal_in(failure)

    def _give_up(self, request: TrialRequest, batch: Batch) -> None:
        """End an attempt whose worker is gone for good."""
        if self._is_out(request):
            answer = self._unreported(request, batch, None)
            if answer is not None:
                self._arrive_with(request, answer)

    def _give_up_all(self, reason: str) -> None:
        """End everything, since what runs the trials is gone.

        Args:
            reason: Why, a sentence.
        """
        refused: list[TrialRequest] = []
        for request, _ in self._trials.all():
            if not self._is_out(request):
                continue
            answer = self._records and self._records.answer(request)
            if answer is None:
                refused.append(request)
            else:
                self._arrive_with(request, answer)
        for request in refused:  # After all that is known, since the study ends with the first.
            self._arrive_with(request, TrialAnswer(None, reason))

    def _arrive_with(self, request: TrialRequest, answer: TrialAnswer) -> None:
        arrival = Arrival(request.number, answer, request.attempt)
        self._arrive(lambda: arrival)

    def _arrive_cancelled(self, request: TrialRequest, when: str) -> None:
        message = self.describe_stop(when)
        ending = Ending(Outcome.CANCELLED, message, attempts=request.attempt - 1)
        self._arrive_with(request, TrialAnswer(ending))

    def _tells_of_a_loss(self, failure: object) -> bool:
        """Whether what came in the place of an answer says that the worker is gone."""
        return isinstance(failure, BrokenExecutor)

    def _look_time_and_again(self) -> None:
        looked, pause = time.monotonic(), 0.0
        while not self._closed.wait(pause):
            pause = LOOK
            with suppress(Exception):  # It looks again.
                if self._per_task > 1:
                    self._hear()
                    pause = min(LOOK, HEAR + len(self._trials.firsts()) / HEARD_PER_SECOND)
                if time.monotonic() - looked >= LOOK:
                    looked = time.monotonic()
                    self._look()

    def _hear(self) -> None:
        """Take the ends of attempts whose task runs go on with others."""
        ahead: set[Batch] = set()
        for request, batch in self._trials.all():
            if len(batch.requests) == 1 or batch in ahead:
                continue
            answer = self._records and self._records.answer(request)
            if answer is None:
                ahead.add(batch)  # Those after it have not begun.
            elif self._is_out(request):
                self._arrive_with(request, answer)

    def _look(self) -> None:
        """Look whether workers are gone; called every few seconds."""

    def _is_there(self, seen: bool, gone: str) -> bool:
        """Give everything up when what hands trials on has been missing for a while.

        Args:
            seen: Whether it was there just now.
            gone: That it is gone, a sentence.

        Returns:
            What was seen.
        """
        if seen:
            self._missing_since = None
            return True
        now = time.monotonic()
        self._missing_since = self._missing_since or now
        if now - self._missing_since > GONE:
            self._give_up_all(gone)
        return False

    def _places(self) -> int:
        """How many task runs there are at the same time."""
        return self.study.launch.concurrency

    def _submit(self, requests: Sequence[TrialRequest]) -> TrialFuture:
        """Hand attempts to the task runner, as one task run."""
        return self._submit_to(self.runner, requests)

    def _submit_to(self, runner: TaskRunner[Any], requests: Sequence[TrialRequest]) -> TrialFuture:
        messages = [request.to_message() for request in requests]
        one = {"request": messages[0]}
        several = {"label": label_of(requests), "requests": messages}
        future: TrialFuture = (
            runner.submit(self._task, parameters=one)
            if len(requests) == 1
            else runner.submit(run_batch, parameters=several)
        )
        return future

    def _cancel(self, future: TrialFuture) -> None:
        """Have a task run not begin that waits for a worker."""
        wrapped: Any = future
        wrapped.wrapped_future.cancel()
