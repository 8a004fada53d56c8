"""A ledger in a local file: appended to, synchronised with the disk, claimed by a lock."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import final

from prefect_tuner.errors import InternalTunerError, LedgerError, StudyConflict
from prefect_tuner.flows.storage.holder import LEASE, RENEWAL, Holder
from prefect_tuner.flows.storage.ledger_line import unseal
from prefect_tuner.flows.storage.ledger_store import STORAGE_VARIABLE, LedgerLine, LedgerStore

_BEGINNING = b'{"type": "study", '
_OWNER_ONLY = 0o600
_OWNERS_FOLDER = 0o700
_MOMENT = 0.5


@final
class LedgerFile(LedgerStore):
    """A ledger in a file `<key>.jsonl`, beside which `<key>.claim` tells who writes to it.

    The claim is a lock of the kernel's, which ends with its process, however that ends. The file
    behind it holds who has it, and with that a lease for machines that share the folder by a
    network file system without locks.

    Args:
        folder: Where ledgers are kept. It is made, for its owner alone, where it is missing.
        key: The study's, see `study_key`.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._path = folder / f"{key}.jsonl"
        self._claim_path = folder / f"{key}.claim"
        self.location = str(self._path)
        self._turn = threading.Lock()  # Renewals come from a thread of their own.
        self._claim: int | None = None
        self._file: int | None = None
        self._end = 0
        self._me: Holder | None = None

    def exists(self) -> bool:
        """Whether there is a file with something in it."""
        try:
            return self._path.stat().st_size > 0
        except FileNotFoundError:
            return False
        except OSError as error:
            raise _unreadable(self._path, error) from error

    def read(self) -> Iterator[LedgerLine]:
        """Yield the lines, up to what a write that was cut short has left at the end."""
        text = self._text()
        lines = text[: _whole(text)].split(b"\n")[:-1]
        for number, line in enumerate(lines, start=1):
            yield LedgerLine(line, self.location, number)

    def holder(self) -> Holder | None:
        """Who holds the lock, or has a lease from a machine whose locks are not seen here."""
        try:
            claim = os.open(self._claim_path, os.O_RDONLY)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unreadable(self._claim_path, error) from error
        try:
            recorded = _recorded_holder(claim)
            try:
                fcntl.flock(claim, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return recorded
            return recorded if recorded is not None and _may_live(recorded) else None
        finally:
            os.close(claim)

    def claim(self, holder: Holder) -> Holder | None:
        """Take the lock and write down who has it."""
        claim = self._open_claim()
        with ExitStack() as undo:
            undo.callback(os.close, claim)
            try:
                _lock(claim)
                if os.fstat(claim).st_nlink == 0:
                    # Removed with the ledger in the meantime: its lock keeps nobody out.
                    return self.claim(holder)
                previous = _recorded_holder(claim)
                if previous is not None and _may_live(previous):
                    _watch(claim, previous)
                file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, _OWNER_ONLY)
                undo.callback(os.close, file)
                _write_holder(claim, holder)
                end = os.fstat(file).st_size
                _synchronise_folder(self._path.parent)
            except BlockingIOError:
                other = _recorded_holder(claim)
                raise StudyConflict(f"held by {other or 'another run'}") from None
            except OSError as error:
                raise _unwritable(self._path, error) from error
            undo.pop_all()
        with self._turn:
            self._claim, self._me = claim, holder
        self._file, self._end = file, end
        return previous

    def mend(self) -> str:
        """Cut off what comes behind the last whole line."""
        file = self._own_file()
        text = self._text()
        whole = _whole(text)
        if whole == len(text):
            return ""
        try:
            os.ftruncate(file, whole)
            os.fsync(file)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self._end = whole
        torn = text[whole:]
        return (
            f"{self.location} ended in {len(torn)} bytes of a record that was not written to its "
            f"end, as a loss of power leaves them; they were removed: {torn[:60]!r}"
        )

    def renew(self, elapsed: float) -> None:
        """Write down that the holder lives."""
        with self._turn:
            if self._claim is None or self._me is None:
                return
            self._me = self._me.renew(elapsed)
            # Nobody can take a lock over that is held: a failure costs others patience, no more.
            with suppress(OSError):
                _write_holder(self._claim, self._me)

    def append(self, text: bytes) -> None:
        """Write at the end of the file and wait for the disk."""
        file = self._own_file()
        try:
            _write_all(file, text)
            os.fdatasync(file)
        except OSError as error:
            with suppress(OSError):  # What is there is cut off by the next run, at the latest.
                os.ftruncate(file, self._end)
            raise _unwritable(self._path, error) from error
        self._end += len(text)

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        with self._turn:
            if self._claim is not None:
                with suppress(OSError):
                    os.ftruncate(self._claim, 0)
                os.close(self._claim)
                self._claim = None

    def delete(self) -> None:
        """Remove both files."""
        self._own_file()
        try:
            self._path.unlink(missing_ok=True)
            self._claim_path.unlink(missing_ok=True)
            _synchronise_folder(self._path.parent)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        self.release()

    def _open_claim(self) -> int:
        try:
            self._make_folder()
            return os.open(self._claim_path, os.O_RDWR | os.O_CREAT, _OWNER_ONLY)
        except OSError as error:
            raise LedgerError(
                f"{self._claim_path} cannot be written: {error.strerror or error}. The parameter "
                f"storage, or {STORAGE_VARIABLE} in the environment, names another place for the "
                "study's ledger"
            ) from error

    def _make_folder(self) -> None:
        folder = self._path.parent
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir(mode=_OWNERS_FOLDER, exist_ok=True)

    def _text(self) -> bytes:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise _unreadable(self._path, error) from error
        if b"\n" not in text and not _may_begin_a_ledger(text):
            raise LedgerError(f"{self._path} is no ledger; nothing was written to it")
        return text

    def _own_file(self) -> int:
        """The file, to which nobody else has written since it was claimed."""
        if self._file is None:
            raise InternalTunerError(f"{self.location} was not claimed")
        try:
            status = os.fstat(self._file)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        if status.st_size != self._end or status.st_nlink == 0:
            raise LedgerError(
                f"{self.location} was changed or removed by somebody else while the study ran"
            )
        return self._file


def _whole(text: bytes) -> int:
    """Where the last whole line ends: only what is behind it can be a write that was cut short."""
    end = text.rfind(b"\n") + 1
    if end < len(text):
        return end
    # A disk may have kept a line's length and end without what is between them.
    start = text.rfind(b"\n", 0, max(0, end - 1)) + 1
    if start == 0:  # It may be no ledger at all: for the reader to say.
        return end
    return end if unseal(text[start : end - 1]) is not None else start


def _may_begin_a_ledger(text: bytes) -> bool:
    """Whether a text without a whole line is what a first record left that was cut short."""
    return text.rstrip(b"\0").startswith(_BEGINNING[: len(text.rstrip(b"\0"))])


def _write_all(file: int, text: bytes) -> None:
    view = memoryview(text)
    while view:
        view = view[os.write(file, view) :]


def _write_holder(claim: int, holder: Holder) -> None:
    text = holder.to_json().encode()
    os.pwrite(claim, text, 0)
    os.ftruncate(claim, len(text))


def _recorded_holder(claim: int) -> Holder | None:
    text = os.pread(claim, 1 << 16, 0)
    return Holder.from_json(text.decode("utf-8", "replace"))


def _may_live(holder: Holder) -> bool:
    """Whether a holder may be alive whose lock is not seen."""
    is_here = holder.host == Holder.of_this_process().host  # The kernel would show its lock.
    return not is_here and holder.age < LEASE


def _lock(claim: int) -> None:
    """Take the lock; whoever looks who has it holds it for a moment."""
    deadline = time.monotonic() + _MOMENT
    while True:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_MOMENT / 50)


def _watch(claim: int, previous: Holder) -> None:
    """Wait until a holder on another machine shows that it lives, or its lease has ended."""
    deadline = time.monotonic() + LEASE
    while time.monotonic() < deadline and _may_live(previous):
        time.sleep(RENEWAL / 20)
        current = _recorded_holder(claim)
        if current is not None and current.renewed != previous.renewed:
            raise StudyConflict(f"held by {current}")


def _synchronise_folder(folder: Path) -> None:
    """Have the disk know the names in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unreadable(path: Path, error: OSError) -> LedgerError:
    return LedgerError(f"{path} cannot be read: {error.strerror or error}")


def _unwritable(path: Path, error: OSError) -> LedgerError:
    return LedgerError(
        f"{path} cannot be written: {error.strerror or error}; what was recorded before is there "
        "and can be read"
    )
