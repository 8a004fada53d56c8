"""What all tests share: one Prefect server, started when the first test asks for it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.prefect_server import PrefectServer

# Before anything imports Prefect, which reads its settings then: no test ever talks to the
# server, the profile or the database of whoever runs the tests.
_SERVER = PrefectServer()
_SERVER.take_over(os.environ)


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[PrefectServer]:
    """The running Prefect server that this process and its children talk to."""
    with _SERVER as server:
        yield server


def pytest_unconfigure() -> None:
    _SERVER.remove()
