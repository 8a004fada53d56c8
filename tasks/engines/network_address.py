"""Whether something answers at a network address, before anybody waits for it for long."""

from __future__ import annotations

import contextvars
import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from prefect_tuner.errors import EngineError

ANSWER_TIMEOUT = 10.0
"""Seconds that a connection may take."""

_AGAIN = 0.5

T = TypeVar("T")


def within(seconds: float, what: str, call: Callable[[], T]) -> T:
    """What a call gives that may wait for an answer for ever.

    Args:
        seconds: That it may take; then it is left to itself.
        what: What is waited for, such as `"the Dask scheduler at tcp://host:8786"`.
        call: Waits.

    Raises:
        EngineError: It took longer.
    """
    given: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            given.append(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
            raised.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=lambda: context.run(run), name="connecting", daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not given:
        raise EngineError(f"{what} has given no answer for {seconds:g} s")
    return given[0]


def is_open(host: str, port: int, timeout: float = 5.0) -> bool:
    """Whether something takes connections there."""
    try:
        socket.create_connection((host, port), timeout=timeout).close()
    except OSError:
        return False
    return True


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
