"""A worker's watch over a study: it has the processes of its trials, and stops them in time."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Any, final

from prefect_tuner.tasks.workers.study_mailbox import StudyMailbox
from prefect_tuner.tasks.workers.watch import Watch

LOOK = 3.0
"""Seconds between two looks at what the study says."""

SILENCE = 20.0
"""Seconds without a sign of life after which a study counts as gone. Only looks that the server
has answered count: while it is away, trials go on."""

AFTER_AN_OUTAGE = 30.0
"""Seconds more for a study that may still wait for the server which this worker has reached."""

_LOGGER = logging.getLogger(__name__)


@final
class StudyWatch(Watch):
    """What a worker's process has of one run of a study.

    Args:
        flow_run: The id of the study's flow run.
        run: The name of the run.
    """

    def __init__(self, flow_run: str, run: str) -> None:
        super().__init__(StudyMailbox(flow_run, run))

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
        with suppress(Exception):
            self.mailbox.close()


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
