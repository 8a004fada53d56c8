"""How long Prefect's server stood still while tests ran.

On SQLite it may, for a minute at a time, whatever its clients do (docs/scale.md): until then no
cancellation is heard.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.request import urlopen

_EVERY_SECONDS = 0.5
_LONGEST_ANSWER = 120.0


class ServerSilence:
    """Asks a server for its health again and again, in a thread.

    Attributes:
        longest: The seconds that the slowest answer took so far.
    """

    def __init__(self, api_url: str) -> None:
        self.longest = 0.0
        self._api_url = api_url
        self._is_over = threading.Event()

    @classmethod
    @contextmanager
    def of(cls, api_url: str) -> Iterator[ServerSilence]:
        """Watch a server until the block ends."""
        silence = cls(api_url)
        thread = threading.Thread(target=silence._watch, daemon=True)
        thread.start()
        try:
            yield silence
        finally:
            silence._is_over.set()
            thread.join()

    def _watch(self) -> None:
        while not self._is_over.wait(_EVERY_SECONDS):
            since = time.monotonic()
            with (
                suppress(OSError),
                urlopen(f"{self._api_url}/health", timeout=_LONGEST_ANSWER) as answer,
            ):
                answer.read()
            self.longest = max(self.longest, time.monotonic() - since)
