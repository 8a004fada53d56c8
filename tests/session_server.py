"""One Prefect server for a whole test session, whichever of its processes ask for it.

The process that was started by the user keeps it. With pytest-xdist that is the controller, which
runs no tests: its workers ask it through a socket, and the first that asks has the server started.
"""

from __future__ import annotations

import os
import socket
import tempfile
import threading
from collections.abc import MutableMapping
from pathlib import Path

from tests.prefect_server import PrefectServer

_ADDRESS = "TESTS_PREFECT_SERVER"
"""In the environment of workers: where to ask, and the port of the server."""

_STARTED = "started"

_WAIT = 180.0
"""Seconds for the server's start, as seen by a worker."""


class ServerKeeper:
    """Keeps the server, and starts it when a worker asks for the first time.

    Args:
        server: Not started yet.
    """

    def __init__(self, server: PrefectServer) -> None:
        self._server = server
        self._folder = tempfile.TemporaryDirectory(prefix="prefect-tuner-session-")
        self._listening = socket.socket(socket.AF_UNIX)
        self._address = str(Path(self._folder.name) / "ask")
        self._listening.bind(self._address)
        self._listening.listen()
        self._thread = threading.Thread(target=self._answer, name="server-keeper", daemon=True)
        self._thread.start()

    def tell(self, environment: MutableMapping[str, str]) -> None:
        """Have the processes that get this environment ask here."""
        environment[_ADDRESS] = f"{self._server.port}:{self._address}"

    def close(self) -> None:
        """Stop the server if it was started; nobody is answered any more."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        self._folder.cleanup()
        self._server.stop()

    def _answer(self) -> None:
        answer = ""
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:  # It was closed.
                return
            with connection:
                answer = answer or self._started()
                connection.sendall(answer.encode())

    def _started(self) -> str:
        try:
            self._server.start()
        except Exception as error:  # noqa: BLE001 - whoever asks is told, and fails
            return f"the server did not start: {error}"
        return _STARTED


class KeptServer(PrefectServer):
    """The server that the controller keeps, as one of its workers has it: with a home of its own.

    Raises:
        KeyError: No controller has told of one.
    """

    def __init__(self) -> None:
        port, _, self._keeper = os.environ[_ADDRESS].partition(":")
        super().__init__(port=int(port))

    def start(self) -> None:
        """Have it started, unless it is already; it is healthy on return."""
        with socket.socket(socket.AF_UNIX) as asking:
            asking.settimeout(_WAIT)
            asking.connect(self._keeper)
            answer = asking.recv(65536).decode(errors="replace")
        if answer != _STARTED:
            raise RuntimeError(answer)

    def stop(self) -> None:
        """Leave it to the others."""
