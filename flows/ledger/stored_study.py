"""Studies as they lie in a storage: what each is, who holds it, how it ended."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from prefect_tuner.errors import InvalidConfiguration, LedgerError
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_line import unseal
from prefect_tuner.flows.storage.ledger_store import LedgerStore
from prefect_tuner.flows.storage.storage_address import list_keys, open_store
from prefect_tuner.flows.study.study_name import study_key
from prefect_tuner.flows.study.tuning_result import StopReason
from prefect_tuner.printable_text import printable_line
from prefect_tuner.validation import unknown_name

_NAMES_SHOWN = 10


class StudyStatus(StrEnum):
    """In what state a study is."""

    RUNNING = "running"
    """A run holds it."""
    COMPLETE = "complete"
    """A stop rule ended it, or there was nothing left to try."""
    FAILED = "failed"
    """Its last run ended in an error."""
    CANCELLED = "cancelled"
    """Its last run was ended from outside."""
    PREFLIGHT = "preflight"
    """Its preflight was made, and nothing else was run since."""
    DIED = "died"
    """Its last run was killed before it could say how it ended, and no run holds it."""
    UNREADABLE = "unreadable"
    """Its ledger is damaged, or of a newer release."""


_ENDINGS = {
    "completed": StudyStatus.COMPLETE,
    "failed": StudyStatus.FAILED,
    "cancelled": StudyStatus.CANCELLED,
    "preflight": StudyStatus.PREFLIGHT,
}


@dataclass(frozen=True)
class StoredStudy:
    """A study in a storage.

    Attributes:
        key: Its name as it stands in names of files, and of artifacts.
        location: Its ledger.
        state: What the ledger says; None when it cannot be read.
        holder: The run that holds it.
        error: Why the ledger cannot be read; or empty.
    """

    key: str
    location: str
    state: StudyState | None
    holder: Holder | None = None
    error: str = ""

    @property
    def name(self) -> str:
        """Its name; its key where the ledger cannot be read."""
        return self.key if self.state is None else self.state.study

    @property
    def readable_state(self) -> StudyState:
        """What the ledger says.

        Raises:
            LedgerError: It cannot be read.
        """
        if self.state is None:
            raise LedgerError(self.error)
        return self.state

    @property
    def status(self) -> StudyStatus:
        """In what state it is."""
        if self.state is None:
            return StudyStatus.UNREADABLE
        if self.holder is not None:
            return StudyStatus.RUNNING
        stopped = self.state.stopped
        return StudyStatus.DIED if stopped is None else _ENDINGS[stopped.ending]

    @property
    def reason(self) -> str:
        """Why it is in that state, in half a sentence on one line."""
        if self.error:
            return printable_line(self.error)
        if self.holder is not None:
            run = f"flow run {self.holder.flow_run!r}" if self.holder.flow_run else "a run"
            return printable_line(f"held by {run} on {self.holder.host}")
        if self.state is None or self.state.stopped is None:
            return "its last run was killed, or its machine went down"
        reason = self.state.stopped.reason
        known = {each.value: each.sentence for each in StopReason}
        return printable_line(known.get(reason, reason))

    @property
    def elapsed(self) -> float:
        """Seconds that it has run, in all its runs."""
        recorded = 0.0 if self.state is None else self.state.elapsed
        return recorded if self.holder is None else max(recorded, self.holder.elapsed)


def read_studies(storage: str) -> Iterator[StoredStudy]:
    """All studies that have a ledger there, by their keys.

    A ledger that cannot be read is one of them, with its error.

    Raises:
        InvalidConfiguration: There is no such storage.
        LedgerError: The storage cannot be read.
    """
    for key in list_keys(storage):
        store = open_store(storage, key)
        try:
            study = _read(store, key)
        except LedgerError as error:
            study = StoredStudy(key, store.location, None, _holder(store), str(error))
        if study is not None:
            yield study


def read_study(storage: str, name: str) -> StoredStudy:
    """One study, by its name or its key.

    Raises:
        InvalidConfiguration: There is no such study, or no such storage.
        LedgerError: The ledger cannot be read, is damaged, or was written by a newer release.
    """
    store, key = find_study(storage, name)
    study = _read(store, key)
    if study is None:
        raise InvalidConfiguration(f"study {name!r} was deleted")
    return study


def find_study(storage: str, name: str) -> tuple[LedgerStore, str]:
    """The ledger of a study and its key, by its name or its key; the ledger is not read.

    Raises:
        InvalidConfiguration: There is no such study, or no such storage.
        LedgerError: The storage cannot be read.
    """
    key = study_key(name)
    store = open_store(storage, key)
    if store.exists():
        return store, key
    keys = list_keys(storage)
    if name in keys:
        return open_store(storage, name), name
    names = [_recorded_name(open_store(storage, each)) or each for each in keys]
    near = difflib.get_close_matches(name, names, n=_NAMES_SHOWN, cutoff=0.0)
    more = f" and {len(names) - len(near)} more" if len(near) < len(names) else ""
    raise InvalidConfiguration(f"study {name!r} {unknown_name(name, near)}{more}")


def _read(store: LedgerStore, key: str) -> StoredStudy | None:
    """What is known of a study; None when there is none (any more)."""
    before = ""
    while True:
        holder = store.holder()
        state = read_state(store)
        if state is None:
            return None
        if holder is not None or state.stopped is not None or state.updated == before:
            return StoredStudy(key, store.location, state, holder)
        before = state.updated  # It is dead if nothing was written between two looks.


def _holder(store: LedgerStore) -> Holder | None:
    try:
        return store.holder()
    except LedgerError:
        return None


def _recorded_name(store: LedgerStore) -> str | None:
    """The name in a ledger's first line; None where it is damaged."""
    try:
        line = next(store.read(), None)
    except LedgerError:
        return None
    record = None if line is None else unseal(line.text)
    name = None if record is None else record.get("study")
    return name if isinstance(name, str) else None
