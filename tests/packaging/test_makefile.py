"""What make says when it cannot go on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What make needs of the checkout, in a folder whose name has spaces."""
    folder = tmp_path / "a fresh clone"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    return folder


def _python_that_starts_with(folder: Path, statement: str) -> Path:
    """A Python that runs `statement` before the code it is given with `-c`."""
    python = folder / "its python"
    code = f"{statement}; exec(sys.argv[2])"
    python.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c 'import sys; {code}' \"$@\"\n")
    python.chmod(0o755)
    return python


def _make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name[:4] != "MAKE"}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("goal", ["tune", "test"])
def test_a_python_that_is_too_old_is_named_with_its_version_and_the_way_out(
    checkout: Path, goal: str
) -> None:
    python = _python_that_starts_with(checkout, "sys.version_info = (3, 9, 18)")
    done = _make(checkout, goal, f"PYTHON={python}")
    assert done.returncode == 2
    assert f"{python} is Python 3.9.18" in done.stderr
    assert re.search(r"\bneeds Python 3\.11\b", done.stderr)
    assert f"make {goal} PYTHON=python3.12" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_does_not_exist_is_named(checkout: Path) -> None:
    done = _make(checkout, "tune", "PYTHON=no-such-python")
    assert done.returncode == 2
    assert "no-such-python does not run" in done.stderr
    assert "make tune PYTHON=python3.12" in done.stderr


def test_a_python_without_venv_is_told_what_to_install(checkout: Path) -> None:
    python = _python_that_starts_with(checkout, 'sys.modules["ensurepip"] = None')
    done = _make(checkout, "tune", f"PYTHON={python}")
    assert done.returncode == 2
    assert re.search(r"\bwithout venv\b.*ensurepip", done.stderr)
    major, minor = sys.version_info[:2]
    assert f"apt-get install python{major}.{minor}-venv" in done.stderr


def test_an_environment_that_works_survives_a_python_that_does_not(checkout: Path) -> None:
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "precious").touch()
    assert _make(checkout, "tune", "PYTHON=no-such-python").returncode == 2
    assert (checkout / ".venv" / "precious").exists()


def test_help_names_every_target(checkout: Path) -> None:
    done = _make(checkout)
    assert done.returncode == 0
    listed = {line.split()[0] for line in done.stdout.splitlines()[1:]}
    targets = (checkout / "Makefile").read_text().partition(".PHONY: ")[2].partition("\n")[0]
    assert listed == set(targets.split()) - {"FORCE"}
