"""A filesystem in memory, for the tests, in which things happen in the middle of what one does."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class Died(BaseException):
    """The process is dead: it sends no more requests, and nothing handles this."""


class FaultyFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """Shares its objects with `memory://`; each instance is the connection of one process.

    Attributes:
        countdown: Requests until the accident; negative for none.
        accident: What happens then: "before", "after" and "late" kill the process before the
            request is carried out, after that, or so that it is carried out when `arrive` is
            called; a function is called, and the process goes on after it.
    """

    protocol = "faulty"
    cachable = False
    latest: ClassVar[FaultyFileSystem]
    in_flight: ClassVar[list[Callable[[], Any]]] = []

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.countdown = -1
        self.accident: str | Callable[[], None] = "before"
        self.is_dead = False
        self._inside = False
        FaultyFileSystem.latest = self

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(each) for each in path]
        return MemoryFileSystem._strip_protocol(str(path).replace("faulty://", "memory://"))

    @classmethod
    def arrive(cls) -> None:
        """Carry out the requests of dead processes that were still under way."""
        while cls.in_flight:
            with suppress(OSError):  # Nobody hears the answer.
                cls.in_flight.pop(0)()

    def find(self, path: str, **options: Any) -> Any:
        return self._request(lambda: super(FaultyFileSystem, self).find(path, **options))

    def cat_file(self, path: str, **options: Any) -> Any:
        return self._request(lambda: super(FaultyFileSystem, self).cat_file(path, **options))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite") -> Any:
        return self._request(lambda: super(FaultyFileSystem, self).pipe_file(path, value, mode))

    def rm_file(self, path: str) -> Any:
        return self._request(lambda: super(FaultyFileSystem, self).rm_file(path))

    def rm(self, path: list[str]) -> None:
        for each in path:
            self.rm_file(each)

    def _request(self, act: Callable[[], Any]) -> Any:
        if self.is_dead:
            raise Died
        if self._inside:
            return act()
        self.countdown -= 1
        if self.countdown != -1:
            return self._alone(act)
        if callable(self.accident):
            self.accident()
            return self._alone(act)
        self.is_dead = True
        if self.accident == "after":
            self._alone(act)
        elif self.accident == "late":
            self.in_flight.append(lambda: self._alone(act))
        raise Died

    def _alone(self, act: Callable[[], Any]) -> Any:
        self._inside = True
        try:
            return act()
        finally:
            self._inside = False


def register() -> None:
    fsspec.register_implementation("faulty", FaultyFileSystem, clobber=True)
