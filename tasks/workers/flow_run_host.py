"""The host of a trial that has a flow run of its own."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import final

from prefect_tuner.ending import Ending
from prefect_tuner.tasks.objectives.allowed_objectives import is_limited
from prefect_tuner.tasks.processes.launcher import Launcher
from prefect_tuner.tasks.workers.trial_host import Log
from prefect_tuner.tasks.workers.trial_mailbox import TrialMailbox
from prefect_tuner.tasks.workers.trial_request import TrialAnswer, TrialRequest
from prefect_tuner.tasks.workers.watch import Watch
from prefect_tuner.tasks.workers.worker_host import OUTAGE, FarHost

LOOK = 4.0
"""Seconds between two looks at the flow runs of the trial and of its study."""

BEAT = 8.0
"""Seconds between two signs of life of the trial; each is a write to Prefect's database."""

_LOGGER = logging.getLogger(__name__)


@final
class TrialWatch(Watch):
    """Stops the trial of this process when it is to stop, and says meanwhile that it lives.

    Args:
        mailbox: Of the trial's flow run.
    """

    # It was there a moment ago: Prefect has begun the flow run by it.
    first_contact = OUTAGE

    def __init__(self, mailbox: TrialMailbox) -> None:
        super().__init__(mailbox)
        self._own = mailbox
        self._closed = threading.Event()

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _look_time_and_again(self) -> None:
        count, said = 0, time.monotonic() - BEAT
        while not self.is_over and not self._closed.is_set():
            try:
                if time.monotonic() - said >= BEAT:
                    count, said = count + 1, time.monotonic()
                    self._own.beat(count)
                self._heed(self._own.signals())
            except Exception as error:  # noqa: BLE001 - the server may be away for a while
                _LOGGER.debug("The trial's flow run cannot be read: %r", error)
            self._closed.wait(LOOK)


@final
class FlowRunHost(FarHost):
    """Admits the one attempt that its flow run is for.

    Args:
        flow_run: The id of the flow run, which is this process's own.
        study: The id of the flow run that the study had when it asked for the attempt.
    """

    last_words = OUTAGE

    def __init__(self, flow_run: str, study: str) -> None:
        self._mailbox = TrialMailbox(flow_run, study)
        self._trial_watch = TrialWatch(self._mailbox)
        self._is_open = False

    def admit(self, request: TrialRequest, log: Log) -> Launcher | Ending:
        """See `TrialHost`.

        Who starts the flow run need not be a study. Where this machine limits what is imported,
        nothing is looked for where a request says, and no variable is set as it says: the limit
        itself is one, and so is the path of Python.
        """
        if is_limited():
            here = replace(request.objective, sys_path=(), directory=str(Path.cwd()))
            launch = replace(request.launch, devices=())
            request = replace(request, objective=here, launch=launch)
        return super().admit(request, log)

    def refused(self, answer: TrialAnswer) -> None:
        """See `TrialHost`."""
        with suppress(Exception):  # The state of the flow run says it as well.
            self._open()
            self._mailbox.record_answer("", answer.to_message(), OUTAGE)

    def close(self) -> None:
        """Let go of the watch and of the connection."""
        self._trial_watch.close()
        if self._is_open:
            with suppress(Exception):
                self._mailbox.close()

    def _watch(self, request: TrialRequest) -> Watch:  # noqa: ARG002 - there is one
        self._open()
        return self._trial_watch

    def _open(self) -> None:
        if not self._is_open:
            self._is_open = True
            self._trial_watch.open()
