"""The study's voice to its far workers: that it lives, and what is to stop."""

from __future__ import annotations

import contextvars
import logging
import threading
from collections.abc import Callable

from prefect_tuner.tasks.workers.flow_run_notes import without_retries
from prefect_tuner.tasks.workers.study_mailbox import StudyMailbox

BEAT = 5.0
"""Seconds between two signs of life; a worker takes four that are missing for the study's end."""

_AGAIN = 1.0
_LAST_WORDS = 5.0
_LOGGER = logging.getLogger(__name__)


class StudyBeat:
    """A thread that tells the workers of a study that it goes on, and one day that it does not.

    Args:
        mailbox: From the study to its workers.
    """

    def __init__(self, mailbox: StudyMailbox) -> None:
        self._mailbox = mailbox
        self._woken = threading.Event()
        self._lock = threading.Lock()
        self._to_say: list[Callable[[], None]] = []
        self._closing = False
        self._was_heard = True
        self._count = 0
        context = contextvars.copy_context()  # Prefect's settings and the flow run are in there.
        self._thread = threading.Thread(
            target=lambda: context.run(self._run), name="study-beat", daemon=True
        )

    def start(self) -> None:
        """Say that the study lives, and go on saying so.

        Raises:
            Exception: The Prefect API cannot be reached.
        """
        self._mailbox.beat(self._count)
        self._thread.start()

    def say(self, message: Callable[[], None]) -> None:
        """Have something said as soon as can be, and again until the server has heard it.

        Args:
            message: Says it.
        """
        with self._lock:
            self._to_say.append(message)
        self._woken.set()

    def close(self) -> None:
        """Say what is still to be said, for a while, and end."""
        self._closing = True
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(_LAST_WORDS)
        with self._lock:
            self._to_say.clear()

    def _run(self) -> None:
        with without_retries():
            while self._to_say or not self._closing:
                self._woken.wait(BEAT if self._was_heard else _AGAIN)
                self._woken.clear()
                if self._to_say or not self._closing:
                    self._was_heard = self._speak()

    def _speak(self) -> bool:
        try:
            while self._to_say:
                self._to_say[0]()
                with self._lock:
                    del self._to_say[:1]
            self._count += 1
            self._mailbox.beat(self._count)
        except Exception as error:  # noqa: BLE001 - the server may be away for a while
            _LOGGER.debug("The study's workers cannot be told: %r", error)
            return False
        return True
