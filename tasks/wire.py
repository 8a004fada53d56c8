"""How the flow's process and the fork server talk: JSON in frames, over a local socket.

A frame is four bytes of length, big-endian, then the JSON text in UTF-8. File descriptors may
travel with a frame's first bytes.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

_LENGTH = 4


class ConnectionClosed(Exception):
    """The other side is gone."""


def send_frame(connection: socket.socket, data: Any, descriptors: Sequence[int] = ()) -> None:
    """Send one frame, and with it open file descriptors.

    Raises:
        ConnectionClosed: The other side is gone.
    """
    send_bytes(connection, json.dumps(data).encode(), descriptors)


def send_bytes(connection: socket.socket, payload: bytes, descriptors: Sequence[int] = ()) -> None:
    """Send one frame of raw bytes, and with it open file descriptors.

    Raises:
        ConnectionClosed: The other side is gone.
        TimeoutError: The connection's own time limit passed.
    """
    frame = len(payload).to_bytes(_LENGTH, "big") + payload
    try:
        # One call where it can be: other threads may take the interpreter at each.
        sent = socket.send_fds(connection, [frame], list(descriptors)) if descriptors else 0
        if sent < len(frame):
            connection.sendall(memoryview(frame)[sent:])
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


def receive_bytes(connection: socket.socket, descriptors: int = 0) -> tuple[bytes, list[int]]:
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


def _receive_exactly(connection: socket.socket, count: int) -> bytes:
    chunks = bytearray()
    while len(chunks) < count:
        chunk = connection.recv(min(count - len(chunks), 1 << 20))
        if not chunk:
            raise ConnectionClosed("closed by the other side in the middle of a frame")
        chunks += chunk
    return bytes(chunks)
