"""Observers: how a study is watched without being touched."""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from prefect_tuner.errors import TunerError
from prefect_tuner.flows.study.tuning_events import (
    BestImproved,
    ConfirmationCompleted,
    ConfirmationStarted,
    PreflightEnded,
    StudyCompleted,
    StudyFailed,
    StudyStarted,
    TrialCompleted,
    TrialFailed,
    TrialReevaluated,
    TrialStarted,
    TuningEvent,
    is_cancellation,
)

TIMEOUT = 30.0
"""Seconds that observers may take to hear the rest when a study has ended."""

HASTY_TIMEOUT = 10.0
"""The same for a study that was stopped from outside: Prefect kills the process after 30 s."""


class TuningObserver:
    """Is told what happens in a study; override what is of interest.

    Each observer is called in a thread of its own, with one event after the other, and with the
    flow run's context: Prefect's artifacts, events and `get_run_logger` work in it. The study
    never waits for one, and one that raises is logged and goes on being told.

    Example:
        ```python
        from prefect_tuner import BestImproved, TuningObserver

        class Announcer(TuningObserver):
            def on_best_improved(self, event: BestImproved) -> None:
                print(f"trial {event.trial.number} leads with {event.trial.metric}")
        ```
    """

    def on_study_started(self, event: StudyStarted) -> None:
        """The study begins."""

    def on_trial_started(self, event: TrialStarted) -> None:
        """A trial was submitted."""

    def on_trial_completed(self, event: TrialCompleted) -> None:
        """A trial has a metric."""

    def on_trial_failed(self, event: TrialFailed) -> None:
        """A trial ended without a metric."""

    def on_best_improved(self, event: BestImproved) -> None:
        """A trial is better than all before."""

    def on_confirmation_started(self, event: ConfirmationStarted) -> None:
        """The best trials are about to be evaluated anew."""

    def on_trial_reevaluated(self, event: TrialReevaluated) -> None:
        """One of the best trials was evaluated once more."""

    def on_confirmation_completed(self, event: ConfirmationCompleted) -> None:
        """It is known what that shows."""

    def on_preflight_ended(self, event: PreflightEnded) -> None:
        """The trials of the preflight have ended."""

    def on_completed(self, event: StudyCompleted) -> None:
        """The study is complete."""

    def on_failed(self, event: StudyFailed) -> None:
        """The study failed or was cancelled."""

    def notify(self, event: TuningEvent) -> None:
        """Call the method that goes with an event."""
        match event:
            case StudyStarted():
                self.on_study_started(event)
            case TrialStarted():
                self.on_trial_started(event)
            case TrialCompleted():
                self.on_trial_completed(event)
            case TrialFailed():
                self.on_trial_failed(event)
            case BestImproved():
                self.on_best_improved(event)
            case PreflightEnded():
                self.on_preflight_ended(event)
            case StudyCompleted():
                self.on_completed(event)
            case StudyFailed():
                self.on_failed(event)
            case _:
                self._notify_of_confirmation(event)

    def _notify_of_confirmation(
        self, event: ConfirmationStarted | TrialReevaluated | ConfirmationCompleted
    ) -> None:
        match event:
            case ConfirmationStarted():
                self.on_confirmation_started(event)
            case TrialReevaluated():
                self.on_trial_reevaluated(event)
            case ConfirmationCompleted():
                self.on_confirmation_completed(event)


class ObserverThreads:
    """Tells observers of events, each in a thread of its own.

    So the study waits for none of them, and none for another: one that raises is reported and goes
    on being told, one that hangs is left behind when the `with` block ends.

    Args:
        observers: Whom to tell.
        logger: Where an observer that raises or hangs is reported.
    """

    def __init__(
        self,
        observers: Sequence[TuningObserver],
        logger: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self._logger = logger
        self._threads = [_ObserverThread(observer, logger) for observer in observers]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        hasty = error is not None and is_cancellation(error)
        self.close(HASTY_TIMEOUT if hasty else TIMEOUT)

    def notify(self, event: TuningEvent) -> None:
        """Have the observers told, soon; returns at once."""
        for thread in self._threads:
            thread.events.put(event)

    def close(self, timeout: float) -> None:
        """Wait until all has been told.

        Args:
            timeout: Seconds after which observers that hang are given up.
        """
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.events.put(None)
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                self._logger.warning(
                    "Observer %s took longer than %g s; going on without it", thread.name, timeout
                )


class _ObserverThread(threading.Thread):
    """Tells one observer, in the flow run's context."""

    def __init__(
        self, observer: TuningObserver, logger: logging.Logger | logging.LoggerAdapter[Any]
    ) -> None:
        # A daemon: an observer that hangs must not keep the process alive.
        super().__init__(name=type(observer).__name__, daemon=True)
        self.events: queue.SimpleQueue[TuningEvent | None] = queue.SimpleQueue()
        self._observer = observer
        self._logger = logger
        self._context = contextvars.copy_context()
        self.start()

    def run(self) -> None:
        self._context.run(self._tell)

    def _tell(self) -> None:
        while (event := self.events.get()) is not None:
            try:
                self._observer.notify(event)
            except TunerError as error:  # It says what is wrong, and where makes no difference.
                self._logger.warning(
                    "Observer %s failed on %s: %s", self.name, type(event).__name__, error
                )
            except BaseException:
                self._logger.warning(
                    "Observer %s failed on %s", self.name, type(event).__name__, exc_info=True
                )
