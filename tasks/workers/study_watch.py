"""A worker's watch over a study: it has the processes of its trials, and stops them in time."""

from __future__ import annotations

import contextvars
import logging
import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from prefect_tuner.tasks.objectives.objective import ObjectiveSpec
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.processes.launcher import Launcher
from prefect_tuner.tasks.workers.study_mailbox import (
    Signals,
    StudyMailbox,
    with_patience,
    without_retries,
)
from prefect_tuner.tasks.workers.worker_paths import found_here

LOOK = 3.0
"""Seconds between two looks at what the study says."""

SILENCE = 20.0
"""Seconds without a sign of life after which a study counts as gone. Only looks that the server
has answered count: while it is away, trials go on."""

AFTER_AN_OUTAGE = 30.0
"""Seconds more for a study that may still wait for the server which this worker has reached."""

FIRST_CONTACT = 30.0
"""Seconds for the first look; a worker that does not reach the server then never may."""

_LOGGER = logging.getLogger(__name__)


class StudyWatch:
    """What a worker's process has of one run of a study.

    Args:
        flow_run: The id of the study's flow run.
        run: The name of the run.

    Attributes:
        mailbox: To the study.
    """

    def __init__(self, flow_run: str, run: str) -> None:
        self.mailbox = StudyMailbox(flow_run, run)
        self._lock = threading.Lock()
        self._launcher: Launcher | None = None
        self._stopped: str | None = None
        self._stopped_trials: dict[int, str] = {}
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Look once, and then time and again in a thread of its own."""
        self.mailbox.open()
        self._heed(with_patience(self.mailbox.signals, FIRST_CONTACT))
        if self.is_over:
            return
        context = contextvars.copy_context()  # Prefect's settings are in there.
        self._thread = threading.Thread(
            target=lambda: context.run(self._watch), name="study-watch", daemon=True
        )
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether all trials were told to stop, and none may start."""
        return self._stopped is not None

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

    def _watch(self) -> None:
        with without_retries():
            self._look_time_and_again()
        with suppress(Exception):
            self.mailbox.close()

    def _look_time_and_again(self) -> None:
        heard, silent_from = "", time.monotonic()
        while not self.is_over:
            time.sleep(LOOK)
            try:
                signals = self.mailbox.signals()
            except Exception as error:  # noqa: BLE001 - the server may be away for a while
                _LOGGER.debug("The study's flow run cannot be read: %r", error)
                silent_from = time.monotonic() + AFTER_AN_OUTAGE
                continue
            if signals.beat != heard:
                heard, silent_from = signals.beat, time.monotonic()
            self._heed(signals)
            if time.monotonic() - silent_from > SILENCE:
                self._stop(f"its flow run has not been heard of for {SILENCE:g} s")
                _end_with_parent()

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


def _end_with_parent() -> None:
    """End this process, where the one that has started it to work for it is gone.

    The processes of Python's pools wait for work for ever then.
    """
    processes: Any = sys.modules.get("multiprocessing.process")  # Loaded where it matters.
    parent = None if processes is None else processes.parent_process()
    if parent is not None and not parent.is_alive():
        os._exit(1)


_watches: dict[str, StudyWatch] = {}
_watches_lock = threading.Lock()


def watch_over(flow_run: str, run: str) -> StudyWatch:
    """This process's watch over a run of a study, begun when first asked for.

    One that is over is begun anew: it looks again.
    """
    with _watches_lock:
        for name in [name for name, watch in _watches.items() if watch.is_over]:
            del _watches[name]
        if run not in _watches:
            watch = StudyWatch(flow_run, run)
            watch.open()
            _watches[run] = watch
        return _watches[run]
