"""A worker's process and what it has of a study: the launcher of its trials, stopped in time."""

from __future__ import annotations

import contextvars
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from prefect_tuner.ending import describe_stop
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.processes.launcher import Launcher
from prefect_tuner.tasks.workers.flow_run_notes import with_patience, without_retries
from prefect_tuner.tasks.workers.study_mailbox import Mailbox, Signals
from prefect_tuner.tasks.workers.worker_paths import found_here

FIRST_CONTACT = 30.0
"""Seconds for the first look; a worker that does not reach the server then never may."""


class Watch(ABC):
    """Looks time and again, in a thread of its own, at what a study says, and heeds it.

    Args:
        mailbox: From the study.

    Attributes:
        mailbox: The same.
    """

    first_contact: ClassVar[float] = FIRST_CONTACT
    """Seconds for which a server that is away is waited for at the first look."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self._lock = threading.Lock()
        self._launcher: Launcher | None = None
        self._stopped: str | None = None
        self._stopped_trials: dict[int, str] = {}

    def open(self) -> None:
        """Look once, and then time and again."""
        self.mailbox.open()
        self._heed(with_patience(self.mailbox.signals, self.first_contact))
        if self.is_over:
            return
        context = contextvars.copy_context()  # Prefect's settings are in there.
        threading.Thread(
            target=lambda: context.run(self._watch), name="study-watch", daemon=True
        ).start()

    @property
    def is_over(self) -> bool:
        """Whether all trials were told to stop, and none may start."""
        return self._stopped is not None

    def look(self) -> None:
        """Look now, where the study has something to say."""
        with suppress(Exception):  # It is looked again soon.
            self._heed(self.mailbox.signals())

    def describe_stop(self, when: str = "") -> str:
        """That the study was stopped, and why; see `Launcher`."""
        return describe_stop(self._stopped or "", when)

    def launcher(
        self, objective: ObjectiveSpec, settings: Callable[[], LaunchSettings]
    ) -> Launcher:
        """What starts the study's trials in this process.

        Args:
            objective: What the trials call.
            settings: How they are started, asked for once: Prefect's take a while to gather.
        """
        with self._lock:
            if self._launcher is None:
                self._launcher = Launcher(found_here(objective), settings())
                if self._stopped is not None:
                    self._launcher.stop(self._stopped)
            return self._launcher

    @abstractmethod
    def _look_time_and_again(self) -> None:
        """Read the mailbox and heed it, until it is over."""

    def _watch(self) -> None:
        with without_retries():
            self._look_time_and_again()

    def _heed(self, signals: Signals) -> None:
        if signals.stop is not None:
            self._stop(signals.stop)
            return
        for number, reason in signals.stopped_trials.items():
            if self._launcher is not None and number not in self._stopped_trials:
                self._stopped_trials[number] = reason
                self._launcher.stop_trial(number, reason)

    def _stop(self, reason: str) -> None:
        with self._lock:
            self._stopped = reason
            launcher = self._launcher
        if launcher is not None:
            launcher.stop(reason)
