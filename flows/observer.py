"""Observers: how a study is watched without being touched."""

from __future__ import annotations

import contextvars
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

from prefect_tuner.flows.tuning_events import (
    BestImproved,
    StudyCompleted,
    StudyFailed,
    StudyStarted,
    TrialCompleted,
    TrialFailed,
    TrialStarted,
    TuningEvent,
)


class TuningObserver:
    """Is told what happens in a study; override what is of interest.

    Observers are called one after the other, in the order of events, in a thread of their own
    with the flow run's context: Prefect's artifacts, events and `get_run_logger` work in them. The
    study never waits for one, and one that raises is logged and goes on being told.

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
            case StudyCompleted():
                self.on_completed(event)
            case StudyFailed():
                self.on_failed(event)


class ObserverThread:
    """Tells observers of events, each guarded from the others and the study from all.

    Args:
        observers: Whom to tell, in this order.
        logger: Where an observer that raises is reported.
    """

    def __init__(
        self,
        observers: Sequence[TuningObserver],
        logger: logging.Logger | logging.LoggerAdapter[Any],
    ) -> None:
        self._observers = observers
        self._logger = logger
        self._events: queue.SimpleQueue[TuningEvent | None] = queue.SimpleQueue()
        run: Callable[..., None] = contextvars.copy_context().run
        # A daemon: an observer that hangs must not keep the process alive.
        self._thread = threading.Thread(
            target=run, args=(self._tell,), name="tuning-observers", daemon=True
        )
        self._thread.start()

    def notify(self, event: TuningEvent) -> None:
        """Have the observers told, soon; returns at once."""
        self._events.put(event)

    def close(self, timeout: float) -> None:
        """Wait until all has been told.

        Args:
            timeout: Seconds after which an observer that hangs is given up.
        """
        self._events.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._logger.warning("Observers took longer than %g s; going on without them", timeout)

    def _tell(self) -> None:
        while (event := self._events.get()) is not None:
            for observer in self._observers:
                try:
                    observer.notify(event)
                except Exception:
                    self._logger.warning(
                        "Observer %s failed on %s",
                        type(observer).__name__,
                        type(event).__name__,
                        exc_info=True,
                    )
