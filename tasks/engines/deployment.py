"""The engine `deployment`: each trial is a flow run of its own, on any of Prefect's work pools."""

from __future__ import annotations

import contextvars
import logging
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Self, final

from prefect.client.orchestration import get_client

from prefect_tuner.ending import Ending
from prefect_tuner.errors import TuningCancelled
from prefect_tuner.redaction import shown_error
from prefect_tuner.tasks.engine import Arrival, Engine, EngineStudy
from prefect_tuner.tasks.engines.flow_context import study_flow_run
from prefect_tuner.tasks.flow_runs.deployment_options import DeploymentOptions, check_options
from prefect_tuner.tasks.flow_runs.flow_run_ends import FlowRunEnds
from prefect_tuner.tasks.flow_runs.job_variables import filled, template_values
from prefect_tuner.tasks.flow_runs.signs_of_life import SignsOfLife
from prefect_tuner.tasks.flow_runs.trial_deployment import TrialDeployment
from prefect_tuner.tasks.flow_runs.trial_flow_runs import TrialFlowRun, TrialFlowRuns
from prefect_tuner.tasks.workers.flow_run_notes import is_away, with_patience, without_retries
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest
from prefect_tuner.tasks.workers.worker_host import OUTAGE
from prefect_tuner.tasks.workers.worker_paths import travelling
from prefect_tuner.trial import Outcome

LOOK = 1.0
"""Seconds between two looks which trials have ended."""

LOOK_CLOSELY = 8.0
"""Seconds between two looks at all of them: whether they have begun, and whether they live."""

STOP_GRACE = 12.0
"""Seconds after which a trial counts as stopped that was told to stop; it sees that as well."""

_LAST_WORDS = 15.0
_AGAIN = 0.3


@dataclass
class _Attempt:
    """An attempt whose end is not known."""

    request: TrialRequest
    run: TrialFlowRun
    told_at: float | None = None


@final
class DeploymentEngine(Engine):
    """Has each attempt at a trial run as a flow run, made from a deployment of the flow `trial`.

    A thread makes the flow runs, looks which have ended and which have been silent for too long,
    and stops them. What an earlier run of the study has started goes on, and is adopted.

    Args:
        study: What it needs to know of the study.
        options: Which deployment, and what its infrastructure gets for each trial.
    """

    Options = DeploymentOptions
    outlives_the_study = True
    stop_timeout = 30.0

    _deployment: TrialDeployment
    _runs: TrialFlowRuns
    _ends: FlowRunEnds
    _life: SignsOfLife

    def __init__(self, study: EngineStudy, options: DeploymentOptions) -> None:
        super().__init__(study)
        self._options = options
        self._run = uuid.uuid4().hex[:12]
        self._client = get_client(sync_client=True)
        self._calls = threading.Lock()  # Of the client.
        self._lock = threading.Lock()  # Of what both threads change.
        self._waiting: list[TrialRequest] = []
        self._out: dict[str, _Attempt] = {}
        self._stopped = False
        self._stop_reasons: dict[int, str] = {}
        self._is_anothers = False
        self._closing = threading.Event()
        self._woken = threading.Event()
        self._thread: threading.Thread | None = None
        self._away_since: float | None = None
        self._looked_closely = 0.0

    @classmethod
    @contextmanager
    def opened(cls, study: EngineStudy, options: DeploymentOptions) -> Iterator[Self]:
        """See `Engine`."""
        check_options(study, options)
        with closing(cls(study, options)) as engine:
            yield engine

    def prepare(self) -> list[tuple[int, str]]:
        """See `Engine`."""
        self._flow_run = study_flow_run()
        self._client.__enter__()
        self._deployment = TrialDeployment(self._client, self._options.deployment)
        study_id = self.study.id or self._run
        self._runs = TrialFlowRuns(self._client, self._deployment.id, self._flow_run, study_id)
        self._runs.begin()
        self._life = SignsOfLife(self._deployment, self.study.log, self._options.start_timeout)
        self._ends = FlowRunEnds(self._runs, self._deployment.name, self.study.log)
        self._deployment.check_job_variables(self._options.job_variables)
        notes = self._deployment.notes(self.study.launch.concurrency)
        context = contextvars.copy_context()  # Prefect's settings and the flow run are in there.
        self._thread = threading.Thread(
            target=lambda: context.run(self._work), name="trial-flow-runs", daemon=True
        )
        self._thread.start()
        if self._stopped:
            raise TuningCancelled(self.describe_stop())
        return notes

    def start(self, request: TrialRequest) -> None:
        """See `Engine`."""
        with self._lock:
            if not self._stopped:
                self._waiting.append(self._as_sent(request))
                self._woken.set()
                return
        self._stopped_before(request, "started" if request.attempt == 1 else "was tried again")

    def adopt(self, request: TrialRequest) -> bool:
        """See `Engine`."""
        request = self._as_sent(request)
        run = with_patience(lambda: self._found(request), OUTAGE)
        if run is None:
            return False
        self.study.log(
            logging.INFO,
            f"Trial {request.number} goes on in the flow run that an earlier run of the study has "
            f"started for it, {run.id}",
        )
        self._add(request, run)
        self._woken.set()
        return True

    def stop_trial(self, number: int, reason: str) -> None:
        """See `Engine`."""
        self._stop_reasons[number] = reason
        self._woken.set()

    def let_go(self) -> None:
        """See `Engine`."""
        self._is_anothers = True

    def close(self) -> None:
        """See `Engine`."""
        if self._out or self._waiting:
            self.stop()
        self._closing.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(_LAST_WORDS)
            with suppress(Exception):
                self._client.__exit__(None, None, None)

    def _stop_all(self) -> None:
        with self._lock:
            self._stopped = True
        self._woken.set()

    def _found(self, request: TrialRequest) -> TrialFlowRun | None:
        """The flow run of an attempt that an earlier run has started, if an end comes of it."""
        with self._calls:
            run = self._runs.find(request)
            if run is None or self._runs.leads_nowhere(run):
                return None
            self._runs.take_over(run)
            return run

    def _as_sent(self, request: TrialRequest) -> TrialRequest:
        """A request for a process that has nothing but its flow run, and one trial."""
        objective = replace(
            travelling(self.study.objective),
            path=self.study.objective.importable_path,
            argv=(),  # Of this program, for all to read: there may be secrets among them.
        )
        return replace(
            request,
            objective=objective,
            launch=replace(request.launch, concurrency=1),
            more=0,
            flow_run=self._flow_run,
            run=self._run,
        )

    def _work(self) -> None:
        try:
            self._make_and_look()
        except BaseException as error:
            self._refuse_all(f"trials cannot be run as flow runs: {shown_error(error)}")
            raise

    def _make_and_look(self) -> None:
        with without_retries():
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
            deadline = time.monotonic() + _LAST_WORDS
            while not self._has_stopped_what_is_left() and time.monotonic() < deadline:
                time.sleep(_AGAIN)

    def _has_stopped_what_is_left(self) -> bool:
        with suppress(Exception), self._calls:
            self._stop_what_is_to()
            for run in [] if self._is_anothers else self._runs.left(self.study.name):
                self._runs.stop(run, self.describe_stop())
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
        if ended or time.monotonic() - self._looked_closely >= LOOK_CLOSELY:
            self._look_closely()
            self._looked_closely = time.monotonic()
        for run in ended.values():
            self._take(attempts[run.id], run)

    def _make(self) -> None:
        while self._waiting and not self._stopped:
            request = self._waiting[0]
            values = template_values(
                request.study, request.number, request.before + request.attempt, request.limits
            )
            variables = filled(self._options.job_variables, values)
            delay = request.retry.delay if request.attempt > 1 else 0.0
            at_once = replace(request, retry=replace(request.retry, delay=0.0))
            run = self._runs.make(at_once, variables, self._options.tags, delay)
            self._add(request, run)
            with self._lock:
                self._waiting.remove(request)

    def _stop_what_is_to(self) -> None:
        if self._stopped:
            with self._lock:
                never_made, self._waiting = self._waiting, []
            for request in never_made:
                self._stopped_before(request, "started")
        for attempt in self._attempts():
            if self._is_anothers:
                self._answered(attempt, self._let_go(attempt.request))
                continue
            reason = self._stop_reasons.get(attempt.request.number)
            reason = self.describe_stop() if self._stopped else reason
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

        def why_stopped(begun: bool) -> str:
            if self._stopped:
                when = "while the trial ran" if begun else "before the trial started"
                return self.describe_stop(when)
            if attempt.request.number in self._stop_reasons:
                return f"the trial was stopped: {self._stop_reasons[attempt.request.number]}"
            return "the trial's flow run was cancelled"

        self._answered(attempt, self._ends.of_ended(attempt.request, run, why_stopped))

    def _look_closely(self) -> None:
        """Look which trials live, and which have not been heard of for too long."""
        if time.monotonic() - self._looked_closely > 2 * LOOK_CLOSELY:
            self._life.nothing_is_heard()  # By this process, which may have been stopped.
        attempts = self._attempts()
        runs = self._runs.read([attempt.run.id for attempt in attempts])
        for begun in (each for each in runs.values() if each.beat):
            self._ends.heard_of(begun.id)
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
            self._arrive_with(attempt.request, answer)

    def _let_go(self, request: TrialRequest) -> TrialAnswer:
        message = self.describe_stop("and another run of it goes on with the trial")
        return TrialAnswer(Ending(Outcome.CANCELLED, message, attempts=request.attempt))

    def _stopped_before(self, request: TrialRequest, when: str) -> None:
        message = self.describe_stop(f"before the trial {when}")
        ending = Ending(Outcome.CANCELLED, message, attempts=request.attempt - 1)
        self._arrive_with(request, TrialAnswer(ending))

    def _arrive_with(self, request: TrialRequest, answer: TrialAnswer) -> None:
        arrival = Arrival(request.number, answer, request.attempt)
        self._arrive(lambda: arrival)

    def _refuse_all(self, reason: str) -> None:
        with self._lock:
            requests = [*self._waiting, *(attempt.request for attempt in self._out.values())]
            self._waiting.clear()
            self._out.clear()
        for request in requests:
            self._arrive_with(request, TrialAnswer(None, reason))

    def _attempts(self) -> list[_Attempt]:
        with self._lock:
            return list(self._out.values())
