"""Every test that the documentation of the guarantees names is there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "guarantees.md").read_text(encoding="utf-8")


def test_every_test_that_is_named_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    folders = [ROOT / "tests", ROOT / "src" / "prefect_tuner" / "testing"]
    files = [path for folder in folders for path in folder.rglob("*.py")]
    sources = "\n".join(path.read_text() for path in files)
    there = set(re.findall(r"^\s*def (test_\w+)\(", sources, re.MULTILINE))
    assert len(named) > 30
    assert named - there == set()


def test_every_guarantee_names_a_test() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "---" not in line]
    guarantees = [row for row in rows if not row.startswith("| what happens")]
    assert all("`test_" in row.split("|")[3] for row in guarantees)
