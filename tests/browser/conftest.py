"""What the browser tests share: Chromium, and a deployment that is served."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from tests.deployments.programs import Program
from tests.deployments.rest_client import RestClient
from tests.deployments.serving import serving
from tests.prefect_server import PrefectServer

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,1000",
    # The UI asks for things from elsewhere; these tests are about this machine alone.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


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
    """A Chromium that nobody has used before, and that leaves nothing in the temporary folder."""
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        options = webdriver.ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        for flag in (*FLAGS, f"--user-data-dir={folder}/profile"):
            options.add_argument(flag)
        # With the paths given, nothing is looked for, or fetched.
        service = Service(shutil.which("chromedriver"), env={**os.environ, "TMPDIR": folder})
        driver = webdriver.Chrome(options, service)
        try:
            yield driver
        finally:
            driver.quit()
