"""A program that tunes on an engine, to be killed by a test: `... ENGINE ADDRESS FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from prefect_tuner import TunerConfig, TuningResult, tune

OBJECTIVE = "prefect_tuner.testing.trial_kinds:by_kind"


def runner_of(engine: str, address: str) -> Any:
    """A task runner of Prefect for an engine."""
    if engine == "dask":
        from prefect_dask.task_runners import DaskTaskRunner

        return DaskTaskRunner(address=address)
    if engine == "ray":
        from prefect_ray import RayTaskRunner

        return RayTaskRunner(address=address)
    if engine == "processes":
        return ProcessPoolTaskRunner(max_workers=2)
    return ThreadPoolTaskRunner(max_workers=2)


def hanging_study(engine: str, address: str, folder: Path) -> TuningResult:
    """A study whose two trials hang, and note it."""
    return tune.with_options(task_runner=runner_of(engine, address))(
        OBJECTIVE,
        {"kind": ["hangs"], "note": [str(folder / "notes")], "n": [1, 2, 3]},
        strategy="grid",
        study="hanging",
        storage=str(folder),
        config=TunerConfig(max_trials=2, max_concurrency=2),
    )


if __name__ == "__main__":
    hanging_study(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
