"""A proxy between Prefect's client and its server that has bad times on demand."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

_ANSWER = (
    b"HTTP/1.1 %d In Trouble\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
    b"Connection: close\r\n\r\n{}"
)


class TroubledProxy:
    """Hands bytes on in both directions, or answers every request with an error.

    Args:
        port: The server's, on this machine.

    Attributes:
        refused: How many requests were answered with an error.
    """

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._trouble: int | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.refused = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._hang_up()

    def begin_trouble(self, status: int) -> None:
        """Answer everything with this status, such as 503, and cut what is connected."""
        self._trouble = status
        self._hang_up()

    def end_trouble(self) -> None:
        """Hand everything on again."""
        self._trouble = None

    def _hang_up(self) -> None:
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        trouble = self._trouble
        with client:
            if trouble is not None:
                with suppress(OSError):
                    client.settimeout(5.0)
                    if client.recv(1 << 16):
                        self.refused += 1
                        client.sendall(_ANSWER % trouble)
                        client.shutdown(socket.SHUT_WR)
                        while client.recv(1 << 16):  # Unread bytes would reset the connection.
                            pass
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._upstream))
            except OSError:
                return
            with server:
                with self._lock:
                    self._open |= {client, server}
                back = threading.Thread(target=_pump, args=[server, client], daemon=True)
                back.start()
                _pump(client, server)
                back.join()
                with self._lock:
                    self._open -= {client, server}


def _pump(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
