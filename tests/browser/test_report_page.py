"""A report as HTML, used as a person does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By

from prefect_tuner.flows.study_report.html_report import html_report
from prefect_tuner.flows.study_report.report_content import report_content
from tests.flows.study_report.viewed_studies import usual

pytestmark = pytest.mark.browser


def test_trials_say_what_they_are_and_tables_are_sorted(chromium: Chrome, tmp_path: Path) -> None:
    view = usual()
    page = tmp_path / "report.html"
    page.write_text(html_report(report_content(view)), "utf-8")
    chromium.get(page.as_uri())

    figure = chromium.find_element(By.CLASS_NAME, "picture")
    svg = figure.find_element(By.TAG_NAME, "svg")
    chromium.execute_script("arguments[0].scrollIntoView({block: 'center'})", svg)
    width = chromium.execute_script("return arguments[0].viewBox.baseVal.width", svg)
    scale = svg.rect["width"] / width
    x, y, number = json.loads(figure.get_attribute("data-marks") or "")[30]
    place = int(x * scale - svg.rect["width"] / 2), int(y * scale - svg.rect["height"] / 2)
    ActionChains(chromium).move_to_element_with_offset(svg, *place).perform()
    tip = chromium.find_element(By.ID, "tip").text.splitlines()
    assert tip[0] == f"Trial {number}"
    assert any(line.startswith("depth = ") for line in tip)

    table = chromium.find_elements(By.TAG_NAME, "table")[-1]
    button = table.find_element(By.XPATH, ".//button[.='metric']")
    for order in ("ascending", "descending"):
        button.click()
        cells = table.find_elements(By.CSS_SELECTOR, "tbody td:nth-child(3)")
        shown = [float(cell.get_attribute("data-value") or "") for cell in cells]
        assert shown == sorted(view.metrics, reverse=order == "descending")
        head = button.find_element(By.XPATH, "..")
        assert head.get_attribute("aria-sort") == order

    chromium.set_window_size(500, 900)
    widths = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    wide, room = chromium.execute_script(widths)
    assert wide <= room
    assert chromium.get_log("browser") == []  # type: ignore[no-untyped-call]
