"""The tuning loop: asks the study, runs trials as task runs, tells the study."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeAlias

from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.futures import PrefectFuture

from prefect_tuner.errors import TrainingError, TrialTimeout, TuningCancelled
from prefect_tuner.flows.stop_rules import stop_reason
from prefect_tuner.flows.study import Study
from prefect_tuner.flows.tuner_config import TunerConfig
from prefect_tuner.flows.tuning_events import (
    BestImproved,
    Progress,
    TrialCompleted,
    TrialFailed,
    TrialStarted,
    TuningEvent,
    describe_error,
    describe_failure,
)
from prefect_tuner.flows.tuning_result import StopReason
from prefect_tuner.tasks.attempt import AttemptReport, TrialLimits
from prefect_tuner.tasks.launcher import Launcher
from prefect_tuner.tasks.objective import ObjectiveSpec
from prefect_tuner.tasks.trial_task import RetryPolicy, TrialRequest, trial_task
from prefect_tuner.trial import Outcome, Trial

STOP_TIMEOUT = 4.0
"""Seconds that stopped trials may take to end; their processes are killed well before."""


_TrialFuture: TypeAlias = PrefectFuture[State[AttemptReport]]


@dataclass(frozen=True)
class _Interruption:
    """Somebody asked the loop to stop."""

    reason: str


class TrialLoop:
    """Keeps up to `max_concurrency` trials in flight until a stop rule says otherwise.

    Args:
        name: The study's name.
        study: Whom to ask and to tell.
        objective: What the trials call.
        launcher: Holds the processes of the trials.
        config: Budget, limits and stop rules.
        notify: Is told of every event, and returns at once.
    """

    def __init__(
        self,
        *,
        name: str,
        study: Study,
        objective: ObjectiveSpec,
        launcher: Launcher,
        config: TunerConfig,
        notify: Callable[[TuningEvent], None],
    ) -> None:
        self._name = name
        self._study = study
        self._objective = objective
        self._launcher = launcher
        self._config = config
        self._notify = notify
        self._retry = RetryPolicy(
            config.retries, config.retry_delay, frozenset(map(Outcome, config.retry_outcomes))
        )
        memory = config.trial_memory_mb
        self._limits = TrialLimits(
            config.trial_timeout, None if memory is None else int(memory * 1e6)
        )
        self._task = trial_task(self._retry)
        self._in_flight: dict[int, _TrialFuture] = {}
        self._arrivals: queue.SimpleQueue[int | _Interruption] = queue.SimpleQueue()
        self._exhausted = False
        self._started = time.monotonic()
        self._progress = Progress()

    @property
    def progress(self) -> Progress:
        """How far the study is."""
        return replace(
            self._progress,
            elapsed=self.elapsed(),
            asked=len(self._study.history),
            running=len(self._in_flight),
        )

    def elapsed(self) -> float:
        """Seconds since the loop was made."""
        return time.monotonic() - self._started

    def interrupt(self, reason: str) -> None:
        """Have `run` stop the trials and raise `TuningCancelled`; may be called by any thread."""
        self._arrivals.put(_Interruption(reason))

    def run(self) -> StopReason:
        """Run trials until a rule stops the study; none is running afterwards.

        Returns:
            Why the study stopped.

        Raises:
            TuningCancelled: `interrupt` was called.
            TrainingError: A trial failed and `on_failure` is `"raise"`.
        """
        try:
            reason = self._run_trials()
        except BaseException as error:
            try:
                self._stop_trials(describe_error(error))
            except Exception as another:  # noqa: BLE001 - it shall not hide what came first
                error.add_note(f"Stopping the trials then failed: {another!r}")
            raise
        self._stop_trials(reason.sentence)
        return reason

    def _run_trials(self) -> StopReason:
        while (reason := self._stop_reason()) is None:
            self._start_trials()
            if not self._in_flight:
                return StopReason.EXHAUSTED
            self._take_arrival(self._seconds_left())
        return reason

    def _stop_reason(self) -> StopReason | None:
        return stop_reason(self._config, self._study.direction, self.progress)

    def _seconds_left(self) -> float | None:
        if self._config.max_duration is None:
            return None
        left = self._config.max_duration - self.elapsed()
        return min(max(0.0, left), threading.TIMEOUT_MAX)

    def _start_trials(self) -> None:
        while (
            not self._exhausted
            and len(self._in_flight) < self._config.max_concurrency
            and len(self._study.history) < self._config.max_trials
        ):
            trial = self._study.ask()
            if trial is None:
                self._exhausted = True
                return
            self._start(trial)

    def _start(self, trial: Trial) -> None:
        request = TrialRequest(
            study=self._name,
            number=trial.number,
            params=trial.params,
            seed=trial.seed,
            objective=self._objective,
            limits=self._limits,
            retry=self._retry,
            fresh_import=self._config.fresh_import,
        )
        future = self._task.submit(request)
        self._in_flight[trial.number] = future
        self._notify(TrialStarted(trial, self.progress))
        future.add_done_callback(lambda _: self._arrivals.put(trial.number))

    def _take_arrival(self, timeout: float | None) -> None:
        """Wait for the next trial to end, and tell the study."""
        try:
            arrival = self._arrivals.get(timeout=timeout)
        except queue.Empty:
            return
        if isinstance(arrival, _Interruption):
            raise TuningCancelled(arrival.reason)
        trial = self._finish(arrival)
        if self._config.on_failure == "raise" and trial.outcome and trial.outcome.is_failure:
            kind = TrialTimeout if trial.outcome is Outcome.TIMED_OUT else TrainingError
            raise kind(f"trial {trial.number} {describe_failure(trial)}")

    def _finish(self, number: int) -> Trial:
        try:
            report = _report(self._in_flight[number])
        except Pause:  # The flow run is to be suspended, but the trial has ended.
            self._record(number, _report_of_suspended(self._in_flight[number]))
            raise
        return self._record(number, report)

    def _record(self, number: int, report: AttemptReport) -> Trial:
        """Take a trial out of flight, tell the study, then everybody else."""
        self._in_flight.pop(number, None)
        _release_results()
        previous = self._study.best_trial
        trial = self._study.tell(
            number,
            report.metric,
            outcome=report.outcome,
            extra=report.extra,
            duration=report.duration,
            attempts=report.attempt,
            message=report.message,
        )
        best = self._study.best_trial
        improved = best is not previous
        completed = trial.outcome is Outcome.COMPLETED
        failed = trial.outcome is not None and trial.outcome.is_failure
        self._progress = replace(
            self._progress,
            completed=self._progress.completed + completed,
            failed=self._progress.failed + failed,
            since_best=0 if improved else self._progress.since_best + (completed or failed),
            best_trial=best,
        )
        event = TrialCompleted if completed else TrialFailed
        self._notify(event(trial, self.progress))
        if improved:
            self._notify(BestImproved(trial, previous, self.progress))
        return trial

    def _stop_trials(self, reason: str) -> None:
        """Stop what still runs and tell the study of it."""
        if not self._study.history.running:
            return
        self._launcher.stop(reason)
        deadline = time.monotonic() + STOP_TIMEOUT
        while self._in_flight and (left := deadline - time.monotonic()) > 0:
            try:
                arrival = self._arrivals.get(timeout=left)
            except queue.Empty:
                break
            if not isinstance(arrival, _Interruption):
                with suppress(Pause):
                    self._finish(arrival)
        # Those whose task run hangs, and one that was asked for and could not be submitted.
        for trial in self._study.history.running:
            submitted = trial.number in self._in_flight
            when = (
                "and did not hear of the trial's end" if submitted else "before the trial started"
            )
            message = self._launcher.describe_stop(when)
            report = AttemptReport(Outcome.CANCELLED, message, attempt=int(submitted))
            self._record(trial.number, report)


def _release_results() -> None:
    """Let go of finished trials, which Prefect keeps to link task runs by their results.

    No task run uses a trial's result, and a study's memory should not grow with its trials.
    """
    context = FlowRunContext.get()
    if context is not None:
        context.run_results.clear()


def _report(future: _TrialFuture) -> AttemptReport:
    """What came of a trial whose task run has ended, even where the supervisor itself failed."""
    try:
        result: object = future.result(raise_on_failure=False)
    except Exception as error:  # noqa: BLE001 - a task runner may raise instead of answering
        result = error
    if isinstance(result, AttemptReport):
        return result
    return AttemptReport(Outcome.CRASHED, f"the task run ended without a report: {result!r}")


def _report_of_suspended(future: _TrialFuture) -> AttemptReport:
    """The same, where Prefect's futures raise, since the flow run is to be suspended."""
    with suppress(Exception):  # The task run was suspended itself: it has no final state.
        result: object = future.state.result(raise_on_failure=False)
        if isinstance(result, AttemptReport):
            return result
    return AttemptReport(Outcome.CANCELLED, "the flow run was suspended while the trial ran")
