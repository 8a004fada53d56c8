"""The thread of a study whose trials are flow runs: makes them, looks after them, stops them."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final
from uuid import UUID

from prefect_tuner.ending import Ending, describe_stop
from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.flow_runs.flow_run_ends import FlowRunEnds
from prefect_tuner.tasks.flow_runs.signs_of_life import SignsOfLife
from prefect_tuner.tasks.flow_runs.trial_flow_runs import TrialFlowRun, TrialFlowRuns
from prefect_tuner.tasks.workers.flow_run_notes import is_away, with_patience, without_retries
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest
from prefect_tuner.tasks.workers.worker_host import OUTAGE
from prefect_tuner.trial import Outcome

LOOK = 1.0
"""Seconds between two looks which trials have ended."""

LOOK_CLOSELY = 8.0
"""Seconds between two looks at all of them: whether they have begun, and whether they live."""

STOP_GRACE = 12.0
"""Seconds after which a trial counts as stopped that was told to stop; it sees that as well."""

LAST_WORDS = 15.0
"""Seconds for what is still to be stopped when the study ends."""

_AGAIN = 0.3

Answered: TypeAlias = Callable[[TrialRequest, TrialAnswer, UUID | None], None]
"""Takes what has come of an attempt."""


@dataclass
class _Attempt:
    """An attempt whose end is not known."""

    request: TrialRequest
    run: TrialFlowRun
    has_begun: bool = False
    told_at: float | None = None


@final
class TrialDesk:
    """Sees to the flow runs of a study's trials, from a thread of its own.

    Args:
        study: The study's name.
        runs: The flow runs at the Prefect API.
        ends: Tells what has come of them.
        life: Tells which live.
        job_variables: What the infrastructure of an attempt gets.
        tags: Of the flow runs.
        answered: Hears of each attempt's end, from whatever thread.
    """

    def __init__(
        self,
        study: str,
        *,
        runs: TrialFlowRuns,
        ends: FlowRunEnds,
        life: SignsOfLife,
        job_variables: Callable[[TrialRequest], dict[str, Any]],
        tags: Sequence[str],
        answered: Answered,
    ) -> None:
        self._study = study
        self._runs = runs
        self._ends = ends
        self._life = life
        self._job_variables = job_variables
        self._tags = tags
        self._answer = answered
        self._calls = threading.Lock()  # Of the API's client.
        self._lock = threading.Lock()  # Of what both threads change.
        self._waiting: list[TrialRequest] = []
        self._out: dict[str, _Attempt] = {}
        self._stopped: str | None = None
        self._stop_reasons: dict[int, str] = {}
        self._is_anothers = False
        self._closing = threading.Event()
        self._woken = threading.Event()
        self._away_since: float | None = None
        self._looked_closely = 0.0
        context = contextvars.copy_context()  # Prefect's settings and the flow run are in there.
        self._thread = threading.Thread(
            target=lambda: context.run(self._work), name="trial-flow-runs", daemon=True
        )

    def open(self) -> None:
        """Begin to look after flow runs."""
        self._thread.start()

    def close(self) -> None:
        """Stop what is left of the study, from whichever run of it, and end."""
        self._closing.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(LAST_WORDS)

    @property
    def is_busy(self) -> bool:
        """Whether an attempt is to be made, or its end is not known."""
        return bool(self._waiting or self._out)

    def start(self, request: TrialRequest) -> None:
        """Have a flow run made for an attempt."""
        with self._lock:
            if self._stopped is None:
                self._waiting.append(request)
                self._woken.set()
                return
        self._never_made(request)

    def adopt(self, request: TrialRequest) -> TrialFlowRun | None:
        """Look after the flow run that an earlier run of the study has made for an attempt.

        Returns:
            The flow run; None where there is none from which an end of the attempt comes.
        """
        run = with_patience(lambda: self._found(request), OUTAGE)
        if run is not None:
            self._add(request, run)
            self._woken.set()
        return run

    def stop_trial(self, number: int, reason: str) -> None:
        """Have one trial stopped, for a reason in half a sentence."""
        self._stop_reasons[number] = reason
        self._woken.set()

    def stop(self, reason: str) -> None:
        """Have all stopped, and make no more."""
        with self._lock:
            self._stopped = reason if self._stopped is None else self._stopped
        self._woken.set()

    def let_go(self) -> None:
        """Have nothing stopped: another run of the study has it all."""
        self._is_anothers = True

    def _found(self, request: TrialRequest) -> TrialFlowRun | None:
        with self._calls:
            run = self._runs.find(request)
            if run is None or self._runs.leads_nowhere(run):
                return None
            self._runs.take_over(run)
            return run

    def _work(self) -> None:
        try:
            with without_retries():
                self._make_and_look()
                deadline = time.monotonic() + LAST_WORDS
                while not self._has_stopped_what_is_left() and time.monotonic() < deadline:
                    time.sleep(_AGAIN)
        except BaseException as error:
            self._refuse_all(f"trials cannot be run as flow runs: {shown_error(error)}")
            raise

    def _make_and_look(self) -> None:
        while not self._closing.is_set():
            self._woken.wait(LOOK)
            self._woken.clear()
            try:
                with self._calls:
                    self._step()
                self._away_since = None
            except Exception as error:  # noqa: BLE001 - the server may be away for a while
                self._was_not_heard(error)
                self._woken.set()  # To try again soon: SQLite is often busy for a moment.
                self._closing.wait(_AGAIN)

    def _has_stopped_what_is_left(self) -> bool:
        with suppress(Exception), self._calls:
            self._stop_what_is_to()
            for run in [] if self._is_anothers else self._runs.left(self._study):
                self._runs.stop(run, describe_stop(self._stopped or ""))
            return True
        return False

    def _was_not_heard(self, error: Exception) -> None:
        """Wait for a server that is away; end the study for anything else, or after a while."""
        now = time.monotonic()
        self._away_since = self._away_since or now
        self._life.nothing_is_heard()
        if not is_away(error):
            self._refuse_all(f"trials cannot be run as flow runs: {shown_error(error)}")
        elif now - self._away_since > OUTAGE:
            self._refuse_all(
                f"the Prefect API has not answered for {OUTAGE:g} s: {shown_error(error)}"
            )

    def _step(self) -> None:
        self._stop_what_is_to()
        self._make()
        attempts = {attempt.run.id: attempt for attempt in self._attempts()}
        ended = self._runs.ended(list(attempts))
        # What has become of one that has not begun depends on whether others have.
        not_begun = any(not run.beat for run in ended.values())
        if not_begun or time.monotonic() - self._looked_closely >= LOOK_CLOSELY:
            self._look_closely()
            self._looked_closely = time.monotonic()
        for run in ended.values():
            self._take(attempts[run.id], run)

    def _make(self) -> None:
        while self._waiting and self._stopped is None:
            request = self._waiting[0]
            delay = request.retry.delay if request.attempt > 1 else 0.0
            at_once = replace(request, retry=replace(request.retry, delay=0.0))
            run = self._runs.make(at_once, self._job_variables(request), self._tags, delay)
            self._add(request, run)
            with self._lock:
                self._waiting.remove(request)

    def _stop_what_is_to(self) -> None:
        if self._stopped is not None:
            with self._lock:
                never_made, self._waiting = self._waiting, []
            for request in never_made:
                self._never_made(request)
        for attempt in self._attempts():
            if self._is_anothers:
                self._answered(attempt, self._left_to_another(attempt.request))
                continue
            reason = self._stop_reasons.get(attempt.request.number)
            reason = reason if self._stopped is None else describe_stop(self._stopped)
            now = time.monotonic()
            if reason is None or (attempt.told_at and now - attempt.told_at < STOP_GRACE):
                continue
            seen = self._runs.read([attempt.run.id]).get(attempt.run.id)
            if seen is not None and not seen.has_ended:
                # A worker that dies, or that misses it, leaves the run Cancelling.
                self._runs.stop(seen, reason, at_once=attempt.told_at is not None)
            attempt.told_at = now

    def _take(self, attempt: _Attempt, run: TrialFlowRun) -> None:
        """Take note that a flow run has ended."""
        request = attempt.request

        def why_stopped(begun: bool) -> str:
            if self._stopped is not None:
                when = "while the trial ran" if begun else "before the trial started"
                return describe_stop(self._stopped, when)
            if request.number in self._stop_reasons:
                return f"the trial was stopped: {self._stop_reasons[request.number]}"
            return "the trial's flow run was cancelled"

        self._answered(attempt, self._ends.of_ended(request, run, why_stopped))

    def _look_closely(self) -> None:
        """Look which trials live, and which have not been heard of for too long."""
        if time.monotonic() - self._looked_closely > 2 * LOOK_CLOSELY:
            self._life.nothing_is_heard()  # By this process, which may have been stopped.
        attempts = self._attempts()
        runs = self._runs.read([attempt.run.id for attempt in attempts])
        for attempt in attempts:  # First: what becomes of the others may depend on it.
            if not attempt.has_begun and attempt.run.id in runs and runs[attempt.run.id].beat:
                attempt.has_begun = True
                self._ends.one_has_begun()
        for attempt in attempts:
            run = runs.get(attempt.run.id)
            if run is None:
                self._answered(attempt, self._ends.of_deleted(attempt.request))
            elif not self._life.is_lost(run):
                continue
            elif run.state.is_cancelling():  # By a user; whoever was to end it is gone.
                self._runs.stop(run, run.state.message or "", at_once=True)
            else:
                self._answered(attempt, self._ends.of_silent(attempt.request, run))
        self._life.warn_of_a_long_wait()

    def _add(self, request: TrialRequest, run: TrialFlowRun) -> None:
        self._life.add(run)
        with self._lock:
            self._out[request.name] = _Attempt(request, run)

    def _answered(self, attempt: _Attempt, answer: TrialAnswer | None) -> None:
        """Hand over what came of an attempt, or have it begin where it has not."""
        self._life.forget(attempt.run.id)
        with self._lock:
            is_out = self._out.pop(attempt.request.name, None) is not None
            if is_out and answer is None:
                self._waiting.append(attempt.request)
        if is_out and answer is not None:
            self._answer(attempt.request, answer, attempt.run.id)

    def _never_made(self, request: TrialRequest) -> None:
        when = "started" if request.attempt == 1 else "was tried again"
        message = describe_stop(self._stopped or "", f"before the trial {when}")
        ending = Ending(Outcome.CANCELLED, message, attempts=request.attempt - 1)
        self._answer(request, TrialAnswer(ending), None)

    def _left_to_another(self, request: TrialRequest) -> TrialAnswer:
        message = describe_stop(self._stopped or "", "and another run of it goes on with the trial")
        return TrialAnswer(Ending(Outcome.CANCELLED, message, attempts=request.attempt))

    def _refuse_all(self, reason: str) -> None:
        with self._lock:
            requests = [*self._waiting, *(attempt.request for attempt in self._out.values())]
            self._waiting.clear()
            self._out.clear()
        for request in requests:
            self._answer(request, TrialAnswer(None, reason), None)

    def _attempts(self) -> list[_Attempt]:
        with self._lock:
            return list(self._out.values())
