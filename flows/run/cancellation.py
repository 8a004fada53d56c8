"""Cancelling a study from another thread of the same process, and what is said of its end."""

from __future__ import annotations

import threading
from asyncio import CancelledError
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.exceptions import Pause, TerminationSignal
from prefect.logging.handlers import APILogWorker
from prefect.runtime import flow_run

DELIVERY_TIMEOUT = 5.0
"""Seconds for the last log lines and events of a process that is being terminated."""


class Cancellation:
    """A switch that stops the study run in its scope, whether it has begun or not.

    Example:
        ```python
        from prefect_tuner.flows.run.cancellation import Cancellation

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


def describe_error(error: BaseException) -> str:
    """What ended a study, in half a sentence: signals have no words of their own.

    Example:
        ```python
        from prefect_tuner.flows.run.cancellation import describe_error

        assert describe_error(KeyboardInterrupt()) == "interrupted (Ctrl-C)"
        ```
    """
    match error:
        case KeyboardInterrupt():
            return "interrupted (Ctrl-C)"
        case TerminationSignal():
            return "terminated from outside (SIGTERM)"
        case Pause():
            return "the flow run is to be suspended"
        case CancelledError():
            return "cancelled by what runs it, such as the time limit of a flow"
    return str(error) or type(error).__name__


def flow_run_is_cancelled() -> bool:
    """Whether somebody has cancelled the flow run around the caller, as far as the server says.

    Where nothing has started the flow run but a program, nothing tells that program.
    """
    with suppress(Exception), get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(str(flow_run.id))).state
        return state is not None and (state.is_cancelling() or state.is_cancelled())
    return False


@contextmanager
def delivered_when_terminated() -> Iterator[None]:
    """Have the last log lines and events sent: after SIGTERM, Prefect ends the process at once."""
    try:
        yield
    except TerminationSignal:

        def send() -> None:
            APILogWorker.drain_all(timeout=DELIVERY_TIMEOUT)
            EventsWorker.drain_all(timeout=DELIVERY_TIMEOUT)

        # In a thread that has no event loop: in others, Prefect hands back a coroutine.
        thread = threading.Thread(target=send, name="tuning-delivery", daemon=True)
        thread.start()
        thread.join(DELIVERY_TIMEOUT)
        raise
