"""Whether something answers at a network address, before anybody waits for it for long."""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

from prefect_tuner.errors import EngineError

ANSWER_TIMEOUT = 10.0
"""Seconds that a connection may take."""

_AGAIN = 0.5


def check_answers(what: str, address: str) -> None:
    """Check that something takes connections at an address.

    Args:
        what: What should be there, such as `"a Dask scheduler"`.
        address: `"scheme://host:port"` or `"host:port"`; others are not checked.

    Raises:
        EngineError: Nothing does, within ten seconds.
    """
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return
    if host is None or port is None:
        return
    deadline = time.monotonic() + ANSWER_TIMEOUT
    while True:
        left = deadline - time.monotonic()
        try:
            socket.create_connection((host, port), timeout=max(left, _AGAIN)).close()
            return
        except OSError as error:
            if left <= _AGAIN:
                raise EngineError(
                    f"{what} should be at {address}, and nothing answers there (tried to connect "
                    f"to {host}, port {port}, for {ANSWER_TIMEOUT:g} s: {error})"
                ) from error
        time.sleep(_AGAIN)  # It may be about to start.
