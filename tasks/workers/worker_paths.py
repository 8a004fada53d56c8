"""Where a worker looks for an objective that another machine has described."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from prefect_tuner.tasks.objectives.objective import ObjectiveSpec


def travelling(spec: ObjectiveSpec) -> ObjectiveSpec:
    """An objective as it is sent to workers: with the user's own folders alone.

    What is installed, a worker has itself.
    """
    installed = {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)}
    own = tuple(
        entry for entry in spec.sys_path if not installed & {*Path(entry).resolve().parents}
    )
    return replace(spec, sys_path=own)


def found_here(spec: ObjectiveSpec) -> ObjectiveSpec:
    """The same on a worker: with the folders of it that are there, and with the worker's own."""
    there = [entry for entry in spec.sys_path if Path(entry).exists()]
    own = [entry or str(Path.cwd()) for entry in sys.path]
    paths = tuple(dict.fromkeys([*there, *own]))
    is_there = Path(spec.directory).is_dir()
    return replace(spec, sys_path=paths, directory=spec.directory if is_there else str(Path.cwd()))
