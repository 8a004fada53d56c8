"""A study as a stream of events, for callers that live longer than it."""

from __future__ import annotations

import asyncio
import functools
import inspect
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from contextvars import copy_context
from typing import Any, ParamSpec, TypeVar, final

from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.flows.run.cancellation import Cancellation, cancellation_scope
from prefect_tuner.flows.study.tuning_events import TuningEvent
from prefect_tuner.flows.study.tuning_result import TuningResult
from prefect_tuner.flows.tune import tune
from prefect_tuner.flows.tune_flow import bound_parameters

P = ParamSpec("P")
R = TypeVar("R")


def _with_parameters_of(flow: Callable[P, Any]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Give a function the parameters of a flow, all of which it gets by name."""

    def decorated(function: Callable[..., R]) -> Callable[P, R]:
        @functools.wraps(function)
        def called(*args: P.args, **kwargs: P.kwargs) -> R:
            return function(**bound_parameters(flow, function.__name__, args, kwargs))

        returned = inspect.signature(function).return_annotation
        signature = inspect.signature(flow).replace(return_annotation=returned)
        called.__signature__ = signature  # type: ignore[attr-defined]
        return called

    return decorated


@_with_parameters_of(tune.fn)
def stream(**parameters: Any) -> TuningStream:
    """Run `tune` in the background and hand over its events as they happen.

    The parameters are those of `tune`. The study starts when the iteration does, and is stopped,
    its trials with it, when the iterator is closed: by leaving the loop, by an error in its body,
    or by `close`.

    Returns:
        An iterable for `for` and for `async for`, whose `result` is there at the end.

    Raises:
        TunerError: Whatever `tune` raises is raised by the iteration.

    Example:
        ```python
        from prefect_tuner import BestImproved, TunerConfig, stream

        if __name__ == "__main__":
            events = stream(config=TunerConfig(max_trials=5))
            for event in events:
                if isinstance(event, BestImproved):
                    print(event.trial.metric, event.trial.params)
            assert len(events.result.trials) == 5
        ```
    """

    def run(observer: TuningObserver) -> TuningResult:
        observers = parameters["observers"]
        if isinstance(observers, list | tuple):  # If not, `tune` says what is wrong with it.
            observers = [*observers, observer]
        result: TuningResult = tune(**{**parameters, "observers": observers})
        return result

    return TuningStream(run)


class _Forwarder(TuningObserver):
    """Hands every event on."""

    def __init__(self, take: Callable[[TuningEvent], object]) -> None:
        self._take = take

    def notify(self, event: TuningEvent) -> None:
        """Hand the event on."""
        self._take(event)


@final
class TuningStream:
    """The events of one study; iterate once.

    Args:
        run: Runs the study, with an observer that is to be told of its events.
    """

    def __init__(self, run: Callable[[TuningObserver], TuningResult]) -> None:
        self._run = run
        self._cancellation = Cancellation()
        self._thread: threading.Thread | None = None
        self._result: TuningResult | None = None
        self._error: BaseException | None = None

    @property
    def result(self) -> TuningResult:
        """The study's result.

        Raises:
            RuntimeError: The iteration has not come to the end.
        """
        if self._result is None:
            raise RuntimeError("there is no result before the last event")
        return self._result

    def close(self) -> None:
        """Stop the study, if it runs, and wait until none of its trials does."""
        self._cancellation.cancel("the stream of its events was closed")
        if self._thread is not None:
            self._thread.join()

    def __iter__(self) -> Iterator[TuningEvent]:
        """Yield the events; leaving the loop stops the study."""
        events: queue.SimpleQueue[TuningEvent | None] = queue.SimpleQueue()
        self._start(events.put)
        try:
            while (event := events.get()) is not None:
                yield event
        finally:
            self.close()
        self._raise_error()

    async def __aiter__(self) -> AsyncIterator[TuningEvent]:
        """Yield the events without blocking the event loop; leaving the loop stops the study."""
        events: asyncio.Queue[TuningEvent | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def put(event: TuningEvent | None) -> None:
            with suppress(RuntimeError):  # The event loop was closed: nobody reads any more.
                loop.call_soon_threadsafe(events.put_nowait, event)

        self._start(put)
        try:
            while (event := await events.get()) is not None:
                yield event
        finally:
            self._cancellation.cancel("the stream of its events was closed")
            await asyncio.shield(asyncio.to_thread(self.close))
        self._raise_error()

    def _start(self, put: Callable[[TuningEvent | None], object]) -> None:
        if self._thread is not None:
            raise RuntimeError("a stream of events can be iterated once; make another one")
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._work, put), name="tuning-stream", daemon=True
        )
        self._thread.start()

    def _work(self, put: Callable[[TuningEvent | None], object]) -> None:
        try:
            with cancellation_scope(self._cancellation):
                self._result = self._run(_Forwarder(put))
        except BaseException as error:  # noqa: BLE001 - raised where the events are read
            self._error = error
        finally:
            put(None)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
