"""`prefect-tuner report`, on ledgers as runs leave them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from prefect_tuner.flows.commands.command_line import main
from tests.flows.command_processes import Told
from tests.flows.stored_studies import store_study
from tests.flows.studies import completed, failed


def report(capfd: pytest.CaptureFixture[str], *arguments: str) -> Told:
    return Told(main(["report", *arguments]), *capfd.readouterr())


def test_the_report_is_a_file_that_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    store_study("churn", completed(0, 0.25, x=0.125), completed(1, 0.5, x=0.75), failed(2))
    monkeypatch.chdir(tmp_path)
    file = Path("of churn.html")
    file.write_text("before")
    told = report(capfd, "churn", "-o", str(file))
    assert (told.code, told.out) == (0, "")
    assert "Wrote the report of study 'churn' to of churn.html" in told.err
    page = file.read_text("utf-8")
    assert page.startswith("<!doctype html>")
    assert "The best metric is 0.5, found by trial 1 of 3" in page
    assert "Complete, since all trials of the budget were run" in page
    assert "x: 0.75" in page
    assert [path.name for path in tmp_path.iterdir()] == ["of churn.html"]


def test_the_report_has_the_name_of_its_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    store_study("Never | tried", ending=None)
    monkeypatch.chdir(tmp_path)
    assert report(capfd, "Never | tried").code == 0
    (file,) = tmp_path.iterdir()
    assert file.name.startswith("never-tried")
    assert "No trial has been started yet." in file.read_text("utf-8")


@pytest.mark.parametrize("output", ["no/such/folder/report.html", "."])
def test_a_file_that_cannot_be_written_is_named(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    store_study("churn", completed(0, 0.25))
    monkeypatch.chdir(tmp_path)
    told = report(capfd, "churn", "-o", output)
    assert told.code == 2
    assert told.err.startswith("--output: must be a file that can be written, got ")
    assert list(tmp_path.iterdir()) == []


def test_what_to_install_is_said_without_the_extra(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    told = report(capfd, "churn")
    assert told.code == 2
    assert told.err == 'report: needs matplotlib: pip install "prefect-tuner[report]"\n'
