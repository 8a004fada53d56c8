"""Takes the pictures of docs/gallery.md anew: `make gallery`.

A server, a served deployment and a Chromium of its own; a study of twenty trials, two of which
hang. It takes some minutes, and writes to `docs/images/`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.chromium import running_chromium
from tests.browser.gallery_study import HANGING, STUDY
from tests.browser.page import Page
from tests.deployments.rest_client import RestClient
from tests.deployments.serving import serving
from tests.prefect_server import PrefectServer

CHECKOUT = Path(__file__).parents[2]
IMAGES = CHECKOUT / "docs" / "images"
LARGEST = 150_000
"""Bytes of a picture: they are part of every clone."""

UI = "/v2"
"""Where the UI is that a browser without a preference gets."""

WIDTH = 1280


@dataclass(frozen=True)
class Shown:
    """What there is to take pictures of.

    Attributes:
        rest: The server's API.
        ui_url: The address of its UI.
        run: The id of the study's flow run.
    """

    rest: RestClient
    ui_url: str
    run: str

    def task_run(self, number: int) -> str:
        """The address of a trial's page."""
        runs = self.rest.finished_task_runs(self.run, STUDY["config"]["max_trials"])
        return f"{self.ui_url}/runs/task-run/{runs[number]['id']}"

    def artifact(self, kind: str) -> str:
        """The address of one of the study's artifacts, such as `leaderboard`."""
        of_run = {"flow_run_id": {"any_": [self.run]}, "key": {"like_": kind}}
        latest_first = {"artifacts": of_run, "sort": "CREATED_DESC"}
        found = self.rest.filter("artifacts", latest_first)[0]
        return f"{self.ui_url}/artifacts/artifact/{found['id']}"


@dataclass(frozen=True)
class Picture:
    """A page, and what has to be on it.

    Attributes:
        name: Of the file in `docs/images/`, without its ending.
        address: Where it is.
        text: What the page shows once it is complete.
        height: Pixels.
        tab: What is clicked first, if anything.
    """

    name: str
    address: Callable[[Shown], str]
    text: str
    height: int = 880
    tab: str = ""


STOPPED = "Finished in state TimedOut"

PICTURES = (
    Picture(
        "flow-run",
        lambda shown: f"{shown.ui_url}/runs/flow-run/{shown.run}",
        "20 Task runs",
        tab="Task Runs",
    ),
    Picture("trial", lambda shown: shown.task_run(min(HANGING)), STOPPED, height=900),
    Picture("leaderboard", lambda shown: shown.artifact("leaderboard"), "rank", height=760),
    Picture(
        "run-form",
        lambda shown: (
            f"{shown.ui_url}/deployments/deployment/{shown.rest.deployment('tune/tune')['id']}/run"
        ),
        "strategy_options",
        height=1300,
    ),
)


def _take(chromium: Chrome, shown: Shown, picture: Picture) -> None:
    chromium.set_window_size(WIDTH, picture.height)
    page = Page(chromium)
    page.open(picture.address(shown))
    page.wait_for_either(picture.text)
    if picture.tab:
        page.click(f"//button[@role='tab'][normalize-space()='{picture.tab}']")
    page.wait_until_still()
    path = IMAGES / f"{picture.name}.png"
    path.write_bytes(chromium.find_element(By.TAG_NAME, "main").screenshot_as_png)
    size = path.stat().st_size
    print(f"{path.relative_to(CHECKOUT)}: {size:,} bytes")  # noqa: T201 - its output
    if size > LARGEST:
        raise SystemExit(f"{path.name} is larger than {LARGEST:,} bytes")


def _start(rest: RestClient, folder: Path) -> str:
    """Run the study, under a name that says what it is: the id of its flow run.

    Args:
        rest: The server's API.
        folder: Where the objective's file is put. Its path is in the pictures, so it is none of
            whoever takes them.
    """
    shutil.copy(CHECKOUT / "deployments" / "digits.py", folder)
    objective = shutil.copy(
        CHECKOUT / "tests" / "browser" / "gallery_study.py", folder / "study.py"
    )
    parameters = {**STUDY, "objective": f"{objective}:train"}
    path = f"/deployments/{rest.deployment('tune/tune')['id']}/create_flow_run"
    named = {"name": "bright-digits", "parameters": parameters}
    answer: dict[str, Any] = rest.post(path, named).json()
    rest.wait_for_success(answer["id"], timeout=1200.0)
    rest.finished_task_runs(answer["id"], STUDY["config"]["max_trials"])
    return str(answer["id"])


def main() -> None:
    """Run the study, look at it, and write the pictures."""
    server = PrefectServer()
    server.take_over(os.environ)
    folder = Path(tempfile.mkdtemp(prefix="gallery-"))
    try:
        with server, RestClient(server.api_url) as rest, serving(rest, folder):
            shown = Shown(rest, f"{server.ui_url}{UI}", _start(rest, folder))
            with running_chromium(WIDTH) as chromium:
                for picture in PICTURES:
                    _take(chromium, shown, picture)
    finally:
        server.remove()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
