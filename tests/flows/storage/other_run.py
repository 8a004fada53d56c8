"""A run in a process of its own, which does with ledgers what it is told."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, Self

from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_store import LedgerStore

StoreMaker = Callable[[str], LedgerStore]
"""From a study's key to a store of its ledger, a new one with each call."""


class OtherRun:
    """A process that opens ledgers of its own, one for each key, and calls their methods.

    Args:
        make: What opens them; it is pickled.
        name: What its claims say who holds the study.
    """

    def __init__(self, make: StoreMaker, name: str) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(make, name, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._pipe.close()
        self._process.close()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def begin(self, method: str, *arguments: object, key: str = "study") -> None:
        """Have it call a method of the ledger, without waiting for that."""
        self._pipe.send((key, method, arguments))

    def answer(self) -> Any:
        """What the first of its calls has returned that was not asked for yet, or raised."""
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def do(self, method: str, *arguments: object, key: str = "study") -> Any:
        """Have it call a method of the ledger, and wait for what that returns."""
        self.begin(method, *arguments, key=key)
        return self.answer()

    def answers_left(self) -> int:
        """How many of its calls have returned that were not asked for, once it is dead."""
        count = 0
        try:
            while True:
                self._pipe.recv()
                count += 1
        except (EOFError, ConnectionResetError):  # The latter where calls were left as well.
            return count

    def kill(self) -> None:
        """End it at once, in the middle of whatever it does."""
        self._process.kill()
        self._process.join()


def _serve(make: StoreMaker, name: str, pipe: Connection) -> None:
    stores: dict[str, LedgerStore] = {}
    while True:
        try:
            key, method, arguments = pipe.recv()
        except EOFError:
            return
        store = stores.setdefault(key, make(key))
        if method == "claim":
            arguments = (Holder.of_this_process(name),)
        try:
            answer = getattr(store, method)(*arguments)
        except Exception as error:  # noqa: BLE001 - whoever has called it is told
            answer = error
        pipe.send(answer)
