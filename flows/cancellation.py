"""Cancelling a study from another thread of the same process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Cancellation:
    """A switch that stops the study run in its scope, whether it has begun or not.

    Example:
        ```python
        from prefect_tuner.flows.cancellation import Cancellation

        heard = []
        cancellation = Cancellation()
        cancellation.cancel("enough")
        cancellation.tell(heard.append)
        assert heard == ["enough"]
        ```
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason: str | None = None
        self._listener: Callable[[str], None] | None = None

    def cancel(self, reason: str) -> None:
        """Cancel, with a reason in half a sentence. Only the first time counts."""
        with self._lock:
            if self._reason is not None:
                return
            self._reason = reason
            listener = self._listener
        if listener is not None:
            listener(reason)

    def tell(self, listener: Callable[[str], None]) -> None:
        """Have a function called with the reason, at once if it was cancelled before."""
        with self._lock:
            self._listener = listener
            reason = self._reason
        if reason is not None:
            listener(reason)


_current: ContextVar[Cancellation | None] = ContextVar("prefect_tuner_cancellation", default=None)


@contextmanager
def cancellation_scope(cancellation: Cancellation) -> Iterator[None]:
    """Let `cancellation` stop a study that is run inside of the `with` block."""
    token = _current.set(cancellation)
    try:
        yield
    finally:
        _current.reset(token)


def current_cancellation() -> Cancellation:
    """The switch of the scope around the caller, or one that nobody holds."""
    return _current.get() or Cancellation()
