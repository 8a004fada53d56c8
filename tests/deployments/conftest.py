"""What the tests of deployments share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.deployments.pods import TrialPods
from tests.deployments.rest_client import RestClient
from tests.prefect_server import PrefectServer


@pytest.fixture(scope="session")
def rest(prefect_server: PrefectServer) -> Iterator[RestClient]:
    """The REST API of the session's Prefect server."""
    with RestClient(prefect_server.api_url) as client:
        yield client


@pytest.fixture(scope="module")
def pods(rest: RestClient) -> Iterator[TrialPods]:
    """The deployment `trial/pods`, and the jobs that it makes."""
    made = TrialPods(rest)
    yield made
    made.remove()
