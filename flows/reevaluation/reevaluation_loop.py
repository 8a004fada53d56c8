"""The loop that evaluates a study's best trials anew: asks the race, runs, writes down."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import final

from prefect_tuner.ending import Ending
from prefect_tuner.errors import (
    StudyConflict,
    TuningCancelled,
)
from prefect_tuner.flows.confirmation.race import Race
from prefect_tuner.flows.confirmation.repetitions import number_of, seed_of
from prefect_tuner.flows.ledger.recorded_confirmation import RecordedConfirmation
from prefect_tuner.flows.study.tuning_events import Progress, TrialReevaluated, TuningEvent
from prefect_tuner.flows.study.tuning_result import StopReason
from prefect_tuner.tasks.attempts_in_flight import FLOW_RUN_CANCELLED, AttemptsInFlight, adopted
from prefect_tuner.tasks.engine import Arrival, Engine
from prefect_tuner.tasks.workers.trial_request import TrialRequest
from prefect_tuner.trial import Outcome, Trial

ARRIVAL_WAIT = 0.5
"""Seconds until the loop looks up from waiting for the end of an evaluation."""


@final
class ReevaluationLoop:
    """Keeps as many evaluations in flight as the engine takes, until the race or the time is over.

    Args:
        recorded: Writes down what happens.
        race: Says what is to be evaluated next.
        candidates: The trials in the race.
        seed: The study's.
        max_duration: Seconds for the study in all; None for no limit.
        progress: How far the study is.
        notify: Is told of every event, and returns at once.
        is_cancelled: Says whether somebody has cancelled the study's flow run; see `TrialLoop`.
    """

    _engine: Engine

    def __init__(
        self,
        *,
        recorded: RecordedConfirmation,
        race: Race,
        candidates: Sequence[Trial],
        seed: int,
        max_duration: float | None,
        progress: Progress,
        notify: Callable[[TuningEvent], None],
        is_cancelled: Callable[[], bool],
    ) -> None:
        self._recorded = recorded
        self._race = race
        self._trials = {trial.number: trial for trial in candidates}
        self._seed = seed
        self._max_duration = max_duration
        self._progress = progress
        self._notify = notify
        self._is_cancelled = is_cancelled
        self._in_flight = AttemptsInFlight()
        self._is_stopped = False
        self._interrupted: str | None = None
        self._wake: Callable[[], None] = lambda: None

    @property
    def progress(self) -> Progress:
        """How far the study is."""
        return replace(self._progress, elapsed=self._recorded.elapsed)

    @property
    def goes_on(self) -> bool:
        """Whether there is anything to evaluate, and time for it."""
        over = self._race.standing(self._recorded.evaluations).end is not None
        return not over and self._seconds_left() > 0.0

    def interrupt(self, reason: str) -> None:
        """Have `run` stop the evaluations and raise `TuningCancelled`; from any thread."""
        self._interrupted = reason
        self._wake()

    def run(self, engine: Engine) -> None:
        """Evaluate until the race is over, or the time; nothing is running afterwards.

        Args:
            engine: Runs the evaluations; made ready.

        Raises:
            TuningCancelled: `interrupt` was called.
            LedgerError: The ledger cannot be written any more.
            StudyConflict: Another run has taken the study over.
        """
        self._engine, self._wake = engine, engine.wake
        try:
            while self.goes_on:
                self._start_what_is_wanted()
                self._take_arrival()
        except BaseException as error:
            try:
                if isinstance(error, StudyConflict):
                    engine.let_go()
                self._stop(str(error) or type(error).__name__)
            except Exception as another:  # noqa: BLE001 - it shall not hide what came first
                error.add_note(f"Stopping the evaluations then failed: {another!r}")
            raise
        self._stop(StopReason.MAX_DURATION.sentence)

    def _seconds_left(self) -> float:
        if self._max_duration is None:
            return threading.TIMEOUT_MAX
        return max(0.0, self._max_duration - self._recorded.elapsed)

    def _start_what_is_wanted(self) -> None:
        wanted = [
            (number, place + 1)
            for number, place in self._race.standing(self._recorded.evaluations).wanted
            if number_of(number, place + 1) not in self._in_flight
        ]
        free = self._engine.most_in_flight - len(self._in_flight)
        for i, (number, repetition) in enumerate(wanted[: max(0, free)], start=1):
            self._start(number, repetition, more=len(wanted) - i)

    def _start(self, number: int, repetition: int, more: int) -> None:
        about = self._engine.study
        request = TrialRequest(
            study=about.name,
            number=number_of(number, repetition),
            params=self._trials[number].params,
            seed=seed_of(self._seed, repetition),
            objective=about.objective,
            limits=about.limits,
            retry=about.retry,
            launch=about.launch,
            more=more,
            before=self._recorded.attempts_before(number, repetition),
            reevaluates=number,
            repetition=repetition,
        )
        if (begun := adopted(self._engine, request)) is not None:
            self._begin(begun)
        else:
            self._begin(request)
            self._engine.start(request)

    def _begin(self, request: TrialRequest) -> None:
        """Write down that an attempt begins, or goes on, and wait for its end."""
        attempt = request.before + request.attempt
        self._recorded.start(_trial(request), request.repetition, request.seed, attempt)
        self._in_flight.add(request)

    def _take_arrival(self) -> None:
        """Wait for the next evaluation to end, but not for long; see `TrialLoop`."""
        arrival = self._engine.next_arrival(min(ARRIVAL_WAIT, self._seconds_left()))
        if arrival is not None:
            if arrival.is_cancelled and self._is_cancelled():
                self.interrupt(FLOW_RUN_CANCELLED)
            self._finish(arrival)
        if self._interrupted is not None:
            self._recorded.check_ledger()
            raise TuningCancelled(self._interrupted)

    def _finish(self, arrival: Arrival) -> None:
        """Write down what came of an attempt, and have it tried again where it is to be."""
        arrived = self._in_flight.ended(arrival)
        if arrived is None:
            return
        request, ending = arrived
        if request.retry.tries_again(ending) and arrival.pause is None:
            self._begin(request.again())
            self._engine.start(request.again())
            return
        self._in_flight.remove(request.number)
        # One that was stopped with the study is run again when that goes on.
        stopped = self._is_stopped or self._interrupted is not None or self._engine.stop_reason
        if not (stopped and ending.outcome is Outcome.CANCELLED):
            self._write_down(request, ending)
        if arrival.pause is not None:
            raise arrival.pause

    def _write_down(self, request: TrialRequest, ending: Ending) -> None:
        """Have the ledger know the end of an evaluation, and then all others."""
        trial = self._trials[_trial(request)]
        ended = replace(ending, attempts=request.before + ending.attempts)
        self._recorded.finish(trial.number, request.repetition, ended)
        again = Trial(trial.number, trial.params, request.seed, proposer=trial.proposer)
        evaluations = self._recorded.evaluations
        evaluated = sum(len(evaluations.get(number, {})) for number in self._trials)
        self._notify(
            TrialReevaluated(ended.of(again), request.repetition, evaluated, self.progress)
        )

    def _stop(self, reason: str) -> None:
        """Stop what still runs, and take in what has ended meanwhile."""
        self._is_stopped = True
        if not self._in_flight:
            return
        self._engine.stop(reason)
        self._in_flight.await_stopped(self._engine, self._finish)


def _trial(request: TrialRequest) -> int:
    """The trial that a request evaluates."""
    assert request.reevaluates is not None  # noqa: S101 - it was made here
    return request.reevaluates
