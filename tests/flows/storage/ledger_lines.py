"""Lines of ledgers, who writes them and who reads them, for the tests of stores."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from prefect_tuner.errors import StudyConflict
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_line import seal
from prefect_tuner.flows.storage.ledger_store import LedgerStore
from tests.flows.storage.other_run import StoreMaker


def line(number: int, text: str = "") -> bytes:
    return seal({"type": "attempt", "number": number, "text": text})


def lines(*numbers: int) -> list[bytes]:
    """What is read where the lines with these numbers were written."""
    return [line(number).removesuffix(b"\n") for number in numbers]


def texts(make: StoreMaker, key: str = "study") -> list[bytes]:
    return [each.text for each in make(key).read()]


def claimed(make: StoreMaker, name: str = "", key: str = "study") -> LedgerStore:
    store = make(key)
    store.claim(Holder.of_this_process(name))
    return store


def written(make: StoreMaker, *numbers: int, key: str = "study") -> None:
    """A run writes lines, one by one, and ends."""
    store = claimed(make, key=key)
    for number in numbers:
        store.append(line(number))
    store.release()


def run_together(*threads: threading.Thread) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def winners_among(stores: Sequence[LedgerStore], *meanwhile: threading.Thread) -> list[LedgerStore]:
    """Those that get the claim where all of them try at once."""
    together = threading.Barrier(len(stores))
    winners: list[LedgerStore] = []

    def contend(store: LedgerStore) -> None:
        together.wait()
        with suppress(StudyConflict):
            store.claim(Holder.of_this_process())
            winners.append(store)

    run_together(*(threading.Thread(target=contend, args=(s,)) for s in stores), *meanwhile)
    return winners


def watch(make: StoreMaker, is_written: Callable[[], bool]) -> None:
    """Read a ledger again and again while it is written to."""
    seen = 0
    while is_written():
        found = texts(make)
        assert found == lines(*range(len(found)))
        assert len(found) >= seen
        seen = len(found)
