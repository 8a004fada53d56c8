"""The run form of the Prefect UI, filled in and submitted as a user does it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from selenium.webdriver import Chrome

from tests.browser.page import Page
from tests.deployments.programs import Program
from tests.deployments.rest_client import RestClient
from tests.prefect_server import PrefectServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def form(chromium: Chrome, served: Program, prefect_server: PrefectServer) -> Page:
    """The form, reached from the front page by clicks alone."""
    page = Page(chromium)
    page.open(prefect_server.ui_url)
    page.click("//a[normalize-space()='Deployments']")
    page.click("//a[normalize-space()='tune'][contains(@href, '/deployment/')]")
    page.click("//button[normalize-space()='Run']")
    page.click("//*[@role='menuitem'][normalize-space()='Custom run']")
    return page


def _submit(form: Page, rest: RestClient) -> list[dict[str, Any]]:
    """Submit the form, and see the run complete.

    Returns:
        The run and its task runs, as the server knows them.
    """
    form.click("//button[normalize-space()='Submit']")
    # Where SQLite was locked, the server answers 503 and the UI gives up: then one tries again.
    while "Unknown error" in form.wait_for_either("Unknown error", "scheduled to start now"):
        form.wait_until_gone("Unknown error")
        form.click("//button[normalize-space()='Submit']")
    form.click("//button[normalize-space()='View run']")
    form.wait_for_lines("Completed")
    (run,) = re.findall(r"/flow-run/([0-9a-f-]+)", form.address)
    rest.wait_for_success(run)
    task_runs = rest.finished_task_runs(run, 20)
    # The page asks for nothing more about a run that has ended, and some of it comes after that.
    form.reload()
    form.wait_for_lines("Completed", "20 Task runs")
    return [rest.get(f"/flow_runs/{run}"), *task_runs]


def test_the_form_submits_untouched(form: Page, rest: RestClient) -> None:
    run, *_ = _submit(form, rest)
    assert run["parameters"]["strategy"] == "auto"
    assert (run["parameters"]["engine"], run["parameters"]["engine_options"]) == ("local", {})


def test_the_form_submits_with_another_strategy(form: Page, rest: RestClient) -> None:
    form.choose("strategy", "grid")
    form.replace_json("strategy_options", '{"points": 3}')
    run, first, second, *_ = _submit(form, rest)
    assert run["parameters"]["strategy"] == "grid"
    assert run["parameters"]["strategy_options"] == {"points": 3}
    assert "lr=0.0001, depth=2, booster='gbtree'" in first["state"]["message"]
    assert "lr=0.0001, depth=2, booster='dart'" in second["state"]["message"]
