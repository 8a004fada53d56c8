"""Calls that run to their end, whatever interrupts the thread that waits for them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Self, final


@final
class UninterruptedCalls:
    """Calls functions one by one in a thread of its own.

    Ctrl-C, a signal that raises or Prefect's cancellation of the calling thread comes up after the
    function's end, and not in the midst of it. A second one comes up at once: the function may
    hang, and whoever insists is heard.

    Example:
        ```python
        from prefect_tuner.flows.ledger.uninterrupted import UninterruptedCalls

        lines = []
        with UninterruptedCalls("writer") as calls:
            calls.run(lambda: lines.append("done"))
        assert lines == ["done"]
        ```
    """

    # Python's own locks and threads do not survive an exception in the midst of their methods, so
    # that the calling thread uses none but those that are a single step: a raw lock and this queue.
    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._is_closed = False
        # A daemon: a function that hangs must not keep the process alive.
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, function: Callable[[], None]) -> None:
        """Call a function and wait until it has ended.

        Raises:
            BaseException: What the function raised, or what interrupted this thread.
        """
        if self._is_closed:
            function()
            return
        call = _Call(function)
        interruption: BaseException | None = None
        while not call.has_ended:
            try:
                # After an interruption once more: nobody knows whether the first one was there yet.
                self._calls.put(call)
                call.ended.acquire()
            except BaseException as error:
                if interruption is not None:
                    raise
                interruption = error
        if interruption is not None:
            raise interruption from call.failure
        if call.failure is not None:
            raise call.failure

    def close(self) -> None:
        """End the thread when it has called what it was given; later calls need none."""
        self._is_closed = True
        self._calls.put(None)

    def _serve(self) -> None:
        while (call := self._calls.get()) is not None:
            if not call.has_ended:
                call.make()


@final
class _Call:
    """One call of a function."""

    def __init__(self, function: Callable[[], None]) -> None:
        self._function = function
        self.failure: BaseException | None = None
        self.has_ended = False
        self.ended = threading.Lock()
        self.ended.acquire()

    def make(self) -> None:
        try:
            self._function()
        except BaseException as error:  # noqa: BLE001 - it is raised where it was called
            self.failure = error
        finally:
            self.has_ended = True
            self.ended.release()
