"""What the browser tests share: Chromium, and a deployment that is served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from tests.browser.chromium import running_chromium
from tests.deployments.programs import Program
from tests.deployments.rest_client import RestClient
from tests.deployments.serving import serving
from tests.prefect_server import PrefectServer


@pytest.fixture(scope="session")
def rest(prefect_server: PrefectServer) -> Iterator[RestClient]:
    """The REST API of the session's Prefect server."""
    with RestClient(prefect_server.api_url) as client:
        yield client


@pytest.fixture(scope="module")
def served(rest: RestClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """What `python deployments/serve.py` serves."""
    with serving(rest, tmp_path_factory.mktemp("elsewhere")) as program:
        yield program


@pytest.fixture
def chromium() -> Iterator[webdriver.Chrome]:
    """A Chromium that nobody has used before."""
    with running_chromium() as driver:
        yield driver
