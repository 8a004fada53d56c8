"""The ledger of a study: what happens is written down before anybody hears of it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Self, final

from pydantic import ValidationError

from prefect_tuner.errors import LedgerError, StudyConflict
from prefect_tuner.flows.ledger.ledger_records import FORMAT, RECORDS, Record
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.ledger.uninterrupted import UninterruptedCalls
from prefect_tuner.flows.storage.holder import RENEWAL, Holder
from prefect_tuner.flows.storage.ledger_line import seal, unseal
from prefect_tuner.flows.storage.ledger_store import LedgerLine, LedgerStore


def read_state(store: LedgerStore) -> StudyState | None:
    """What a ledger says about its study, without claiming it; None where there is no ledger.

    Raises:
        LedgerError: The ledger cannot be read, is damaged, or was written by a newer release.
    """
    state: StudyState | None = None
    for line in store.read():
        record = _record(line)
        try:
            state = StudyState.after(state, record)
        except LedgerError as error:
            raise LedgerError(f"{line}: {error}; nothing was written to it") from None
    return state


@final
class Ledger:
    """A ledger that this run has claimed, to write to it.

    Args:
        store: Where it is kept.
        holder: This run.
        on_lost: Called with a sentence, by another thread, when the claim was lost.

    Attributes:
        state: What it holds: the reduction of all records that are written; None where there are
            none. Each is taken in when it has been written.
        taken_over: The dead holder whose claim was taken over, if there was one.
        mended: What had to be mended, in a sentence; or empty.

    Raises:
        StudyConflict: Another run holds the study.
        LedgerError: The ledger cannot be read or written, is damaged, or was written by a newer
            release. Nothing was written to it.
    """

    def __init__(
        self, store: LedgerStore, holder: Holder, on_lost: Callable[[str], None] | None = None
    ) -> None:
        self.store = store
        self.holder = holder
        self._on_lost = on_lost
        self._lock = threading.Lock()
        self._broken: LedgerError | StudyConflict | None = None
        self._closed = threading.Event()
        self.taken_over = store.claim(holder)
        try:
            self.state = read_state(store)
            self.mended = store.mend()
        except BaseException:
            store.release()
            raise
        before = 0.0 if self.state is None else self.state.elapsed
        if self.taken_over is not None:
            before = max(before, self.taken_over.elapsed)
        self._before = before
        self._started: float | None = None
        # A daemon: a store that does not answer must not keep the process alive.
        self._renewing = threading.Thread(target=self._renew, name="ledger-claim", daemon=True)
        self._renewing.start()
        self._writing = UninterruptedCalls("ledger-writer")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def elapsed(self) -> float:
        """Seconds that the study has run, in all its runs."""
        run = 0.0 if self._started is None else time.monotonic() - self._started
        return self._before + run

    def start_clock(self) -> None:
        """Have the time count from now on."""
        self._started = time.monotonic()

    @property
    def is_broken(self) -> bool:
        """Whether it has failed; then it takes no more records."""
        return self._broken is not None

    def check(self) -> None:
        """Raise what the ledger failed by, if it did."""
        if self._broken is not None:
            raise self._broken

    def append(self, *records: Record) -> None:
        """Write records, all or none, and take them in; they are durable on return.

        Once that has failed it fails for good: a ledger has no gaps. Ctrl-C or a signal comes up
        when the records are written and taken in: the state agrees with the ledger at any moment.

        Raises:
            LedgerError: They could not be written.
            StudyConflict: Another run has taken the study over.
        """
        text = b"".join(map(_line, records))
        self._writing.run(partial(self._append, text, records))

    def _append(self, text: bytes, records: Sequence[Record]) -> None:
        with self._lock:
            self.check()
            try:
                self.store.append(text)
            except (LedgerError, StudyConflict) as error:
                self._broken = error
                raise
            for record in records:
                self.state = StudyState.after(self.state, record)

    def close(self) -> None:
        """Give the claim back."""
        self._closed.set()
        self._writing.close()
        self._renewing.join(RENEWAL)
        self.store.release()

    def _renew(self) -> None:
        while not self._closed.wait(RENEWAL):
            try:
                self.store.renew(self.elapsed)
            except (LedgerError, StudyConflict) as error:
                self._broken = error
                if self._on_lost is not None:
                    self._on_lost(str(error))
                return


def _line(record: Record) -> bytes:
    return seal({"type": record.type, **record.to_json()})


def _record(line: LedgerLine) -> Record:
    data = unseal(line.text)
    if data is None:
        _refuse_newer(line)
        raise LedgerError(
            f"{line}: the line is damaged, its checksum does not fit; nothing was written to it. "
            f"Put back a copy from before, or give the study another name. It reads "
            f"{line.text[:80]!r}"
        )
    _refuse_newer(line)
    try:
        return RECORDS.validate_python(data)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        field = ".".join(map(str, problem["loc"]))
        raise LedgerError(
            f"{line}: not a record of a ledger: {field}: {problem['msg']}; nothing was written"
        ) from None


def _refuse_newer(line: LedgerLine) -> None:
    """The first line says which format it is in, whatever else may have changed."""
    if line.number != 1 and b'"format"' not in line.text:
        return
    try:
        version = json.loads(line.text)["format"]
    except (ValueError, TypeError, KeyError):
        return
    if isinstance(version, int) and version > FORMAT:
        raise LedgerError(
            f"{line.where} was written by a newer release of prefect-tuner: it has format "
            f"{version}, this release reads {FORMAT}. Upgrade prefect-tuner, or give the study "
            "another name; nothing was written to it"
        )
