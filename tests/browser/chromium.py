"""A Chromium that nobody has used before, and that leaves nothing in the temporary folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # The UI asks for things from elsewhere; these tests are about this machine alone.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@contextmanager
def running_chromium(width: int = 1280, height: int = 1000) -> Iterator[webdriver.Chrome]:
    """Run one until the block ends.

    Args:
        width: Of its window, in pixels.
        height: Likewise.
    """
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as folder:
        options = webdriver.ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        size = f"--window-size={width},{height}"
        for flag in (*FLAGS, size, f"--user-data-dir={folder}/profile"):
            options.add_argument(flag)
        # With the paths given, nothing is looked for, or fetched.
        service = Service(shutil.which("chromedriver"), env={**os.environ, "TMPDIR": folder})
        driver = webdriver.Chrome(options, service)
        try:
            yield driver
        finally:
            driver.quit()
