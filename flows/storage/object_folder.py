"""The objects below an address of an object store: listed, read, written whole, made once."""

from __future__ import annotations

import builtins
import errno
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TypeVar

from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from prefect_tuner.errors import LedgerError
from prefect_tuner.flows.storage.object_filesystem import open_filesystem

PATIENCE = 30.0
"""Seconds for which a request is repeated."""

_PAUSES = (0.1, 5.0)
_BATCH = 500

_MAKES_ONCE = frozenset({"abfs", "abfss", "az", "gcs", "gs", "s3", "s3a"})
"""Protocols whose servers make an object only where there is none, in one step."""

_FINAL_KINDS = (
    AttributeError,
    FileExistsError,
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    NotImplementedError,
    PermissionError,
    TypeError,
    ValueError,
)
_FINAL_NUMBERS = frozenset(
    {errno.EDQUOT, errno.EINVAL, errno.EMSGSIZE, errno.ENAMETOOLONG, errno.ENOSPC, errno.ENOSYS}
    | {errno.EPERM, errno.EROFS}
)
_FINAL_NAMES = frozenset(
    {"NoCredentialsError", "ParamValidationError", "PartialCredentialsError", "ProfileNotFound"}
)

_in_memory = threading.RLock()  # The dictionary behind `memory://` is not made for threads.
_Answer = TypeVar("_Answer")


class ObjectFolder:
    """The objects whose names begin with one path.

    Every request is repeated for a while where it fails for a reason that may pass: a connection
    that was reset, a server that is overloaded.

    Args:
        url: An address that fsspec knows.
        inside: What follows in the path; may be empty.
        shown: The address as it is shown to people.
    """

    def __init__(self, url: str, inside: str, shown: str) -> None:
        self._fs, path = open_filesystem(url)
        self._path = f"{path}/{inside}" if inside else path
        self._shown = shown
        self._local = isinstance(self._fs, LocalFileSystem)
        memory = isinstance(self._fs, MemoryFileSystem)
        self._turn = _in_memory if memory else nullcontext()
        protocols = (
            (self._fs.protocol,) if isinstance(self._fs.protocol, str) else self._fs.protocol
        )
        self._is_safe = memory or self._local
        self._may_make_once = bool(_MAKES_ONCE.intersection(protocols))
        self._knows_create = True

    def list(self) -> dict[str, int]:
        """The objects' names, in order, and their sizes in bytes."""

        def attempt() -> dict[str, int]:
            found = self._fs.find(self._path, detail=True)
            start = len(self._path) + 1
            return {name[start:]: int(each.get("size") or 0) for name, each in found.items()}

        return dict(sorted(self._persist("read", attempt).items()))

    def folders(self) -> builtins.list[str]:
        """The names of the folders in it."""

        def attempt() -> builtins.list[str]:
            try:
                found = self._fs.ls(self._path, detail=True)
            except FileNotFoundError:
                self._fs.find(self._path)  # Fails where the bucket is missing, too.
                return []
            paths = (str(each["name"]).rstrip("/") for each in found if each["type"] != "file")
            return [path.rpartition("/")[2] for path in paths]

        return self._persist("read", attempt)

    def read(self, names: Sequence[str], patience: float = PATIENCE) -> dict[str, bytes]:
        """The content of objects, without those that are not there."""
        there: dict[str, bytes] = {}
        left = list(names)

        def attempt() -> None:
            found = self._fs.cat([self._at(name) for name in left], on_error="return")
            for name in tuple(left):
                content = found[self._at(name)]
                if isinstance(content, bytes):
                    there[name] = content
                elif not isinstance(content, FileNotFoundError):
                    continue
                left.remove(name)
            for content in found.values():
                if isinstance(content, Exception) and not isinstance(content, FileNotFoundError):
                    raise content

        if left:
            self._persist("read", attempt, patience)
        return there

    def write(self, name: str, content: bytes, patience: float = PATIENCE) -> None:
        """Write an object whole, in the place of what was there."""
        self._persist("written", lambda: self._put(name, content), patience)

    def make(self, name: str, content: bytes) -> bool:
        """Write an object whole where there is none.

        Returns:
            Whether it is there with this content: false when somebody else made it.
        """

        def attempt() -> bool:
            try:
                self._make(name, content)
            except OSError as error:
                if not isinstance(error, FileExistsError) and error.errno != errno.EINVAL:
                    raise
                # An attempt before may have made it, and its answer was lost.
                present = self._present(name)
                if present is None and not _says_that_it_exists(error):
                    raise
                return present == content
            return True

        return self._persist("written", attempt)

    def makes_once(self, name: str, content: bytes) -> bool:
        """Whether the store made an object only because there was none, in one step.

        It is tried, as servers that only resemble S3 take the condition and do not keep it.

        Args:
            name: An object that this process has just made.
            content: What is in it.
        """
        if self._is_safe:
            return True

        def attempt() -> bool:
            try:
                self._fs.pipe_file(self._at(name), content, mode="create")
            except OSError as error:
                if isinstance(error, FileExistsError) or error.errno == errno.EINVAL:
                    return True
                raise
            return False

        return self._may_make_once and self._knows_create and self._persist("written", attempt)

    def delete(self, names: Iterable[str], patience: float = PATIENCE) -> None:
        """Delete objects in their order; those that are not there do not matter."""
        left = [self._at(name) for name in names]

        def attempt() -> None:
            while left:
                batch = left[:_BATCH]
                try:
                    self._fs.rm(batch)
                except FileNotFoundError:
                    for path in batch:
                        with suppress(FileNotFoundError):
                            self._fs.rm_file(path)
                del left[:_BATCH]

        self._persist("written", attempt, patience)

    def _persist(
        self, done: str, attempt: Callable[[], _Answer], patience: float = PATIENCE
    ) -> _Answer:
        deadline = time.monotonic() + patience
        pause, longest = _PAUSES
        while True:
            try:
                with self._turn:
                    return attempt()
            # Each filesystem has errors of its own, of which no list is kept.
            except Exception as error:
                if _is_final(error) or time.monotonic() + pause > deadline:
                    reason = str(error) or type(error).__name__
                    raise LedgerError(f"{self._shown} cannot be {done}: {reason}") from error
            time.sleep(pause)
            pause = min(2 * pause, longest)

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    def _present(self, name: str) -> bytes | None:
        try:
            return bytes(self._fs.cat_file(self._at(name)))
        except FileNotFoundError:
            return None

    def _put(self, name: str, content: bytes) -> None:
        if self._local:
            _write_file(Path(self._at(name)), content, once=False)
        else:
            self._fs.pipe_file(self._at(name), content)

    def _make(self, name: str, content: bytes) -> None:
        if self._local:
            _write_file(Path(self._at(name)), content, once=True)
            return
        if self._knows_create:
            try:
                self._fs.pipe_file(self._at(name), content, mode="create")
                return
            except (NotImplementedError, TypeError):
                self._knows_create = False
            except OSError as error:
                if error.errno != errno.ENOSYS:
                    raise
                self._knows_create = False
        if self._present(name) is not None:
            raise FileExistsError(errno.EEXIST, "there is such an object", name)
        self._fs.pipe_file(self._at(name), content)


def _says_that_it_exists(error: OSError) -> bool:
    """Whether there was an object in the place of one to be made, though it may be gone by now."""
    return isinstance(error, FileExistsError) or "pre-condition" in str(error)


def _is_final(error: Exception) -> bool:
    """Whether trying again would be of no use."""
    if isinstance(error, _FINAL_KINDS) or type(error).__name__ in _FINAL_NAMES:
        return True
    code = str(getattr(error, "code", ""))  # Of an answer by HTTP, in gcsfs.
    if code.startswith("4") and code not in {"408", "429"}:
        return True
    return isinstance(error, OSError) and error.errno in _FINAL_NUMBERS


def _write_file(path: Path, content: bytes, once: bool) -> None:
    """A file that is there whole or not at all, for its owner alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{uuid.uuid4().hex}")
    try:
        draft.touch(mode=0o600, exist_ok=False)
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if once:
            path.hardlink_to(draft)
        else:
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
