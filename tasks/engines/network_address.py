"""Whether something answers at a network address, before anybody waits for it for long."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from prefect_tuner.errors import EngineError

ANSWER_TIMEOUT = 10.0
"""Seconds that a connection may take."""


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
    try:
        socket.create_connection((host, port), timeout=ANSWER_TIMEOUT).close()
    except OSError as error:
        raise EngineError(
            f"{what} should be at {address}, and nothing answers there (tried to connect to "
            f"{host}, port {port}, for up to {ANSWER_TIMEOUT:g} s: {error})"
        ) from error
