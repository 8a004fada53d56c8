"""How the flow's process and the fork server talk: JSON in frames, over a local socket.

A frame is eight bytes of length, big-endian, then the JSON text in UTF-8. File descriptors may
travel with a frame's first bytes.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

_LENGTH = 8
_SMALL = 1 << 16


class ConnectionClosed(Exception):
    """The other side is gone."""


def send_frame(connection: socket.socket, data: Any, descriptors: Sequence[int] = ()) -> None:
    """Send one frame, and with it open file descriptors.

    Raises:
        ConnectionClosed: The other side is gone.
    """
    send_bytes(connection, json.dumps(data).encode(), descriptors)


def send_bytes(
    connection: socket.socket, payload: bytes | bytearray, descriptors: Sequence[int] = ()
) -> None:
    """Send one frame of raw bytes, and with it open file descriptors.

    Raises:
        ConnectionClosed: The other side is gone.
        TimeoutError: The connection's own time limit passed.
    """
    length = len(payload).to_bytes(_LENGTH, "big")
    # One call where it can be: other threads may take the interpreter at each. But an objective
    # with its data bound to it is not copied for that.
    small = len(payload) <= _SMALL
    frame = length + payload if small else length
    try:
        sent = socket.send_fds(connection, [frame], list(descriptors)) if descriptors else 0
        if sent < len(frame):
            connection.sendall(memoryview(frame)[sent:])
        if not small:
            connection.sendall(payload)
    except TimeoutError:
        raise
    except OSError as error:
        raise ConnectionClosed(str(error)) from error


def receive_frame(connection: socket.socket, descriptors: int = 0) -> tuple[Any, list[int]]:
    """Receive one frame and up to `descriptors` file descriptors.

    Raises:
        ConnectionClosed: The other side is gone.
        TimeoutError: The connection's own time limit passed.
    """
    payload, received = receive_bytes(connection, descriptors)
    return json.loads(payload), received


def receive_bytes(connection: socket.socket, descriptors: int = 0) -> tuple[bytearray, list[int]]:
    """Receive one frame of raw bytes and up to `descriptors` file descriptors.

    Raises:
        ConnectionClosed: The other side is gone.
        TimeoutError: The connection's own time limit passed.
    """
    try:
        header, received, _, _ = socket.recv_fds(connection, _LENGTH, descriptors)
        header += _receive_exactly(connection, _LENGTH - len(header)) if header else b""
        if not header:
            raise ConnectionClosed("closed by the other side")
        return _receive_exactly(connection, int.from_bytes(header, "big")), list(received)
    except TimeoutError:
        raise
    except OSError as error:
        raise ConnectionClosed(str(error)) from error


def _receive_exactly(connection: socket.socket, count: int) -> bytearray:
    received = bytearray(count)
    left = memoryview(received)
    while left:
        size = connection.recv_into(left)
        if not size:
            raise ConnectionClosed("closed by the other side in the middle of a frame")
        left = left[size:]
    return received


def write_frame(descriptor: int, payload: bytes) -> None:
    """Write one frame of raw bytes to a file descriptor; one that nobody reads is no error."""
    frame = memoryview(len(payload).to_bytes(_LENGTH, "big") + payload)
    with suppress(OSError):
        while frame:
            frame = frame[os.write(descriptor, frame) :]


def read_frame(descriptor: int) -> bytes:
    """Read one frame of raw bytes from a file descriptor.

    Raises:
        ConnectionClosed: The other side is gone.
    """
    length = int.from_bytes(_read_exactly(descriptor, _LENGTH), "big")
    return _read_exactly(descriptor, length)


def _read_exactly(descriptor: int, count: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < count:
        chunk = os.read(descriptor, count - len(chunks))
        if not chunk:
            raise ConnectionClosed("closed by the other side")
        chunks += chunk
    return bytes(chunks)
