"""`make tune`, from the checkout to the winner, with an environment that is there already."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COPIED = (
    "Makefile",
    "pyproject.toml",
    "requirements.lock",
    "deployments/digits.py",
    "deployments/digits.yaml",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in a folder whose name has spaces, with a study of two short trials."""
    folder = tmp_path / "a fresh clone"
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    _replace(folder / "deployments/digits.yaml", "max_trials: 20", "max_trials: 2")
    _replace(folder / "deployments/digits.py", "EPOCHS = 120", "EPOCHS = 2")
    _pretend_to_be_installed(folder)
    return folder


def _replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def _pretend_to_be_installed(folder: Path) -> None:
    """Make `.venv` a stand-in for the environment that runs the tests, newer than its sources."""
    python = folder / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    (folder / ".venv" / "has-the-lock").write_text("{}.{}.{}\n".format(*sys.version_info[:3]))
    checksum = subprocess.run(
        ["cksum"], input=f"{folder}\n", capture_output=True, text=True, check=True
    ).stdout.split()[0]
    (folder / ".venv" / f"has-the-package-{checksum}").touch()


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize(
    "engine", [[], pytest.param(["ENGINE=dask"], marks=pytest.mark.slow)], ids=["local", "dask"]
)
def test_make_tune_ends_with_the_best_parameters_and_where_to_look(
    checkout: Path, engine: list[str]
) -> None:
    unwanted = ("MAKE", "PYTHON")
    environment = {n: value for n, value in os.environ.items() if not n.startswith(unwanted)}
    done = subprocess.run(
        ["make", "tune", *engine],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    rows = [line.strip("│ ").split("│") for line in done.stdout.splitlines() if "│" in line]
    shown = [name.strip() for name, _ in rows]
    assert shown == [
        "best metric",
        "std",
        "epochs",
        "learning_rate",
        "hidden_units",
        "activation",
        "momentum",
        "trials",
        "duration",
        "ended because",
    ]
    assert "2/2 trials, best 0." in done.stderr
    assert "/runs/flow-run/" in done.stderr
    assert "Traceback" not in done.stderr
