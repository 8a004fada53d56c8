"""The tuning loop: asks the study, runs trials as task runs, tells the study."""

from __future__ import annotations

import threading
from collections.abc import Callable

from prefect_tuner.ending import Ending, TrialRun
from prefect_tuner.errors import (
    StudyConflict,
    TrainingError,
    TrialTimeout,
    TuningCancelled,
)
from prefect_tuner.flows.ledger.recorded_study import RecordedStudy, Told
from prefect_tuner.flows.preflight.preflight_run import PreflightRun
from prefect_tuner.flows.run.cancellation import describe_error
from prefect_tuner.flows.study.stop_rules import stop_reason
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.flows.study.tuning_events import (
    BestImproved,
    Progress,
    TrialCompleted,
    TrialFailed,
    TrialStarted,
    TuningEvent,
    describe_failure,
)
from prefect_tuner.flows.study.tuning_result import StopReason
from prefect_tuner.strategies.strategy import Budget
from prefect_tuner.tasks.attempts_in_flight import FLOW_RUN_CANCELLED, AttemptsInFlight, adopted
from prefect_tuner.tasks.engine import Arrival, Engine
from prefect_tuner.tasks.workers.trial_request import TrialRequest
from prefect_tuner.trial import Outcome, Trial

ARRIVAL_WAIT = 0.5
"""Seconds until the loop looks up from waiting for a trial's end."""


class TrialLoop:
    """Keeps as many trials in flight as the engine takes until a stop rule says otherwise.

    Args:
        study: Gives the trials to run, and is told how they ended.
        config: Budget, limits and stop rules.
        budget: What the strategy plans for.
        notify: Is told of every event, and returns at once.
        preflight: Has other trials wait, and may stop the study; None for none.
        is_cancelled: Says whether somebody has cancelled the study's flow run: trials elsewhere
            may hear of that before its process does, or instead of it.
    """

    _engine: Engine

    def __init__(
        self,
        *,
        study: RecordedStudy,
        config: TunerConfig,
        budget: Budget,
        notify: Callable[[TuningEvent], None],
        preflight: PreflightRun | None = None,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._study = study
        self._config = config
        self._budget = budget
        self._notify = notify
        self._preflight = preflight or PreflightRun(study, "none", notify)
        self._is_cancelled = is_cancelled
        self._in_flight = AttemptsInFlight()
        self._runs: dict[int, TrialRun] = {}
        self._interrupted: str | None = None
        self._wake: Callable[[], None] = lambda: None
        self._exhausted = False

    @property
    def progress(self) -> Progress:
        """How far the study is."""
        return self._study.progress

    def interrupt(self, reason: str) -> None:
        """Have `run` stop the trials and raise `TuningCancelled`; may be called by any thread."""
        self._interrupted = reason
        self._wake()

    def resume(self) -> StopReason | None:
        """Take in what an earlier run has left.

        Returns:
            Why the study is complete; None when there are trials to run.
        """
        ordered = self._study.lag is not None
        while self._study.tell_next() is not None:
            # Time has passed since; what had ended before then counts nevertheless.
            if ordered and self._stop_reason(deadline=False) is not None:
                break
        reason = self._stop_reason()
        if reason is None:
            if (
                self._preflight.is_all_that_was_asked_for
                or self._study.ask(self._config.max_trials, self._budget) is not None
            ):
                return None
            reason = StopReason.EXHAUSTED
        for _ in self._study.tell_rest(counting=self._all_count(reason)):
            pass  # Observers have heard of them in the run that they ended in.
        return reason

    def run(self, engine: Engine) -> StopReason:
        """Run trials until a rule stops the study; none is running afterwards.

        Args:
            engine: Runs the trials; made ready.

        Returns:
            Why the study stopped.

        Raises:
            TuningCancelled: `interrupt` was called.
            TrainingError: A trial failed and `on_failure` is `"raise"`.
            LedgerError: The ledger cannot be written any more.
            StudyConflict: Another run has taken the study over.
        """
        self._engine, self._wake = engine, engine.wake
        try:
            reason = self._run_trials()
        except BaseException as error:
            try:
                if isinstance(error, StudyConflict):
                    engine.let_go()
                self._stop_trials(describe_error(error), counting=True)
            except Exception as another:  # noqa: BLE001 - it shall not hide what came first
                error.add_note(f"Stopping the trials then failed: {another!r}")
            raise
        self._stop_trials(reason.sentence, counting=self._all_count(reason))
        return reason

    def _all_count(self, reason: StopReason) -> bool:
        """Whether the results count that came in ahead of the trial that stopped the study.

        Not in a reproducible study: with fewer trials at a time they would not have been run. But
        a deadline is never reproducible.
        """
        return self._study.lag is None or reason is StopReason.MAX_DURATION

    def _run_trials(self) -> StopReason:
        while (reason := self._preflight.judge() or self._stop_reason()) is None:
            if (told := self._study.tell_next()) is not None:
                self._hear(told)
                continue
            self._start_trials()
            if not self._in_flight:
                return StopReason.EXHAUSTED
            self._take_arrival(self._seconds_left())
        return reason

    def _stop_reason(self, *, deadline: bool = True) -> StopReason | None:
        config = self._config
        if not deadline:
            config = config.model_copy(update={"max_duration": None})
        return stop_reason(config, self._study.study.goal, self.progress)

    def _seconds_left(self) -> float | None:
        if self._config.max_duration is None:
            return None
        left = self._config.max_duration - self.progress.elapsed
        return min(max(0.0, left), threading.TIMEOUT_MAX)

    def _start_trials(self) -> None:
        while (
            not self._exhausted
            and len(self._in_flight) < self._engine.most_in_flight
            and self._study.can_ask(self._preflight.most_trials(self._config.max_trials))
        ):
            trial = self._study.ask(self._config.max_trials, self._budget)
            if trial is None:
                self._exhausted = True
                return
            self._start(trial)

    def _start(self, trial: Trial) -> None:
        about = self._engine.study
        request = TrialRequest(
            study=about.name,
            number=trial.number,
            params=trial.params,
            seed=trial.seed,
            objective=about.objective,
            limits=about.limits,
            retry=about.retry,
            launch=about.launch,
            more=self._study.left_to_ask(self._config.max_trials),
            before=self._study.attempts_before(trial.number),
        )
        if (begun := adopted(self._engine, request)) is not None:
            self._study.adopt(trial)
            self._in_flight.add(begun)
        else:
            self._study.start(trial)
            self._in_flight.add(request)
            self._engine.start(request)
        self._notify(TrialStarted(trial, self.progress))

    def _take_arrival(self, timeout: float | None) -> None:
        """Wait for the next trial to end, but not for long.

        A thread that waits in the interpreter does not hear of the flow's own time limit, which
        Prefect raises in it.
        """
        arrival = self._engine.next_arrival(
            ARRIVAL_WAIT if timeout is None else min(ARRIVAL_WAIT, timeout)
        )
        if arrival is not None:
            if arrival.is_cancelled and self._is_cancelled():
                self.interrupt(FLOW_RUN_CANCELLED)
            self._finish(arrival)
        if self._interrupted is not None:
            self._study.check_ledger()
            raise TuningCancelled(self._interrupted)

    def _hear(self, told: Told) -> None:
        """Have everybody told of a trial, and end the study if it is to end with it."""
        if not told.is_news:
            return
        self._notify_of(told)
        trial = told.trial
        if self._config.on_failure == "raise" and trial.outcome and trial.outcome.is_failure:
            kind = TrialTimeout if trial.outcome is Outcome.TIMED_OUT else TrainingError
            raise kind(f"trial {trial.number} {describe_failure(trial)}")

    def _notify_of(self, told: Told) -> None:
        event = TrialCompleted if told.trial.outcome is Outcome.COMPLETED else TrialFailed
        run = self._runs.pop(told.trial.number, TrialRun())
        self._notify(event(told.trial, self.progress, run))
        if told.improved:
            self._notify(BestImproved(told.trial, told.previous, self.progress))

    def _finish(self, arrival: Arrival) -> None:
        """Write down what came of an attempt, and take the trial out of flight or try it again."""
        ended = self._in_flight.ended(arrival)
        if ended is None:
            return
        request, ending = ended
        if request.retry.tries_again(ending) and arrival.pause is None:
            self._study.retry(request.number, ending)
            self._in_flight.add(request.again())
            self._engine.start(request.again())
            return
        self._in_flight.remove(request.number)
        self._runs[request.number] = arrival.run
        self._study.finish(request.number, ending)
        if arrival.pause is not None:
            raise arrival.pause

    def _stop_trials(self, reason: str, *, counting: bool) -> None:
        """Stop what still runs and tell the study of it.

        Args:
            reason: Why, in a sentence.
            counting: Whether the results count that came in since.
        """
        if self._in_flight or self._study.not_ended():
            self._engine.stop(reason)
        self._in_flight.await_stopped(self._engine, self._finish)
        for number in self._in_flight:  # Their task runs hang.
            message = self._engine.describe_stop("and did not hear of the trial's end")
            self._in_flight.remove(number)
            self._study.finish(number, Ending(Outcome.CANCELLED, message))
        for trial in self._study.not_ended():
            message = self._engine.describe_stop("before the trial started")
            self._study.finish(trial.number, Ending(Outcome.CANCELLED, message, attempts=0))
        for told in self._study.tell_rest(counting=counting):
            self._notify_of(told)
