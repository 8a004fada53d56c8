"""Reading several pipes at once, none of which may hold up the others."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Callable, Mapping
from typing import Any

_READ_SIZE = 1 << 16
_PIPE_SIZE = 1 << 20  # By default, Linux allows no larger ones.


class PipeReader:
    """Reads what comes out of pipes and passes it on.

    Each is read once it has something, so that it need not be made non-blocking: calls of the
    system are few here, as other threads may take the interpreter at each.

    Args:
        handlers: What takes the bytes, by the pipe's file descriptor.
    """

    def __init__(self, handlers: Mapping[int, Callable[[bytes], None]]) -> None:
        self._handlers = dict(handlers)
        self._poll = select.poll()
        for descriptor in self._handlers:
            self._poll.register(descriptor, select.POLLIN)

    def is_open(self, descriptor: int) -> bool:
        """Whether somebody still holds the other end of a pipe, as far as it was read."""
        return descriptor in self._handlers

    def read(self, timeout: float) -> int:
        """Wait until there is something to read, and read it.

        Args:
            timeout: Seconds to wait at the most.

        Returns:
            How many bytes there were.
        """
        return sum(self._read(descriptor) for descriptor, _ in self._poll.poll(timeout * 1000))

    def drain(self) -> None:
        """Read what is there now; a process left behind may hold the other ends and write on."""
        most = _PIPE_SIZE
        while most > 0 and (count := self.read(0)):
            most -= count

    def _read(self, descriptor: int) -> int:
        try:
            chunk = os.read(descriptor, _READ_SIZE)
        except ConnectionResetError:  # The other side has not read all that it was sent.
            chunk = b""
        if chunk:
            self._handlers[descriptor](chunk)
        else:
            self._poll.unregister(descriptor)
            del self._handlers[descriptor]
        return len(chunk)


class JsonLines:
    """Splits a stream of bytes into lines of JSON.

    Args:
        handle: Takes each line's object.
    """

    def __init__(self, handle: Callable[[dict[str, Any]], None]) -> None:
        self._handle = handle
        self._rest = b""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:  # Its writer was interrupted in the middle of it.
                continue
            self._handle(message)
