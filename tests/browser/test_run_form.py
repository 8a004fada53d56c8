"""The run form of the Prefect UI, filled in and submitted as a user does it."""

from __future__ import annotations

import re

import pytest
from selenium.webdriver import Chrome

from tests.browser.page import Page
from tests.deployments.programs import Program
from tests.deployments.rest_client import RestClient
from tests.polling import eventually
from tests.prefect_server import PrefectServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CORNERS = {1: "lr=0.0001, depth=2, booster='gbtree'", 2: "lr=0.1, depth=10, booster='dart'"}
"""Of the example's space: what a preflight tries, by the number of the trial."""


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


def _submit(form: Page, rest: RestClient) -> str:
    """Submit the form, and see the run complete: its id."""
    form.click("//button[normalize-space()='Submit']")
    # Where SQLite was locked, the server answers 503 and the UI gives up: then one tries again.
    while "Unknown error" in form.wait_for_either("Unknown error", "scheduled to start now"):
        form.wait_until_gone("Unknown error")
        form.click("//button[normalize-space()='Submit']")
    form.click("//button[normalize-space()='View run']")
    form.wait_for_lines("Completed")
    (run,) = re.findall(r"/flow-run/([0-9a-f-]+)", form.address)
    rest.wait_for_success(run)
    return str(run)


def test_the_form_submits_untouched(form: Page, rest: RestClient) -> None:
    run_id = _submit(form, rest)
    rest.finished_task_runs(run_id, 20)
    # The page asks for nothing more about a run that has ended, and some of it comes after that.
    form.reload()
    form.wait_for_lines("Completed", "20 Task runs")
    run = rest.get(f"/flow_runs/{run_id}")
    assert run["parameters"]["strategy"] == "auto"
    assert run["parameters"]["config"]["trials_per_task"] == 1
    assert (run["parameters"]["engine"], run["parameters"]["engine_options"]) == ("local", {})


def test_the_form_submits_with_another_strategy(form: Page, rest: RestClient) -> None:
    form.choose("strategy", "grid")
    form.replace_json("strategy_options", '{"points": 3}')
    form.choose_kind("Trials Per Task", "str")
    assert "greater than or equal to 0" in form.replace_number("confirm", "-1")
    assert "nearest valid values are 2 and 3" in form.replace_number("confirm", "2.5")
    assert form.replace_number("confirm", "2") == ""
    form.switch("preflight")
    run_id = _submit(form, rest)
    run = rest.get(f"/flow_runs/{run_id}")
    assert run["parameters"]["strategy"] == "grid"
    assert run["parameters"]["strategy_options"] == {"points": 3}
    assert run["parameters"]["config"]["trials_per_task"] == "auto"
    assert (run["parameters"]["confirm"], run["parameters"]["preflight"]) == (2, True)

    def logged() -> None:
        of_run = {"logs": {"flow_run_id": {"any_": [run_id]}}}
        lines = [line["message"] for line in rest.filter("logs", of_run)]
        for number, told in CORNERS.items():
            assert any(
                line.startswith(f"Trial {number} completed") and line.endswith(f"with {told}")
                for line in lines
            )
        assert any(line.startswith("Preflight: A trial takes") for line in lines)
        assert any(line.startswith("Winner: trial ") for line in lines)

    eventually(logged, timeout=60)
