"""Modules written for a test, as objectives."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prefect_tuner.tasks.processes.launcher import Launcher
from tests.tasks.attempts import Attempt, attempt, launcher_for


def write_module(folder: Path, code: str, name: str = "training") -> str:
    """Write a module, and return the path of its function `train`."""
    file = folder / f"{name}.py"
    file.write_text(textwrap.dedent(code))
    return f"{file}:train"


@contextmanager
def launched(objective: object, **options: Any) -> Iterator[Launcher]:
    """A launcher that has loaded its objective, until the end of the block."""
    launcher = launcher_for(objective, **options)
    try:
        launcher.load()
        yield launcher
    finally:
        launcher.stop()


def run_once(objective: object, *, settings: dict[str, Any] | None = None, **given: Any) -> Attempt:
    """One attempt at an objective."""
    with launched(objective, **(settings or {})) as launcher:
        return attempt(launcher, **given)


def notes(launcher: Launcher) -> str:
    """What the user is told of how trials are started."""
    return "\n".join(note for _, note in launcher.notes)
