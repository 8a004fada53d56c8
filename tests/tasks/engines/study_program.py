"""A program that tunes on an engine, to be killed by a test: `... ENGINE ADDRESS FOLDER STUDY`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

from prefect_tuner import Float, TunerConfig, TuningResult, tune
from tests.tasks.engines.objectives import waits

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


def tune_on(engine: str, address: str, objective: Any, space: Any, **given: Any) -> TuningResult:
    """The result of a study on an engine: by a task runner of the flow, where there is one."""
    flow: Callable[..., TuningResult] = tune
    if engine == "deployment":
        options = {"deployment": address}
        return flow(objective, space, engine=engine, engine_options=options, **given)
    flow = cast(
        "Callable[..., TuningResult]", tune.with_options(task_runner=runner_of(engine, address))
    )
    return flow(objective, space, **given)


def hanging_study(engine: str, address: str, folder: Path) -> TuningResult:
    """A study whose two trials hang, and note it."""
    return tune_on(
        engine,
        address,
        OBJECTIVE,
        {"kind": ["hangs"], "note": [str(folder / "notes")], "n": [1, 2, 3]},
        strategy="grid",
        study="hanging",
        storage=str(folder),
        config=TunerConfig(max_trials=2, max_concurrency=2),
    )


def noted_numbers(notes: Path) -> list[int]:
    """The numbers of the trials and evaluations that have begun, in this order."""
    return [int(line.split()[0]) for line in notes.read_text().splitlines()]


def waiting_study(
    engine: str, address: str, folder: Path, max_trials: int = 4, confirm: int = 0
) -> TuningResult:
    """A study of trials that wait, two at a time."""
    return tune_on(
        engine,
        address,
        waits,
        {"x": Float(0.0, 1.0), "folder": [str(folder)]},
        strategy="random",
        study="waiting",
        storage=str(folder / f"studies-{engine}"),
        config=TunerConfig(max_trials=max_trials, max_concurrency=2, reproducible=True),
        confirm=confirm,
    )


def confirmed_study(engine: str, address: str, folder: Path) -> TuningResult:
    """The same with two trials, of which the better one is evaluated anew, twice."""
    return waiting_study(engine, address, folder, max_trials=2, confirm=1)


if __name__ == "__main__":
    from tests.tasks.engines import study_program  # Not `__main__`: trials import it by name.

    study = getattr(study_program, sys.argv[4])
    print(study(sys.argv[1], sys.argv[2], Path(sys.argv[3])).digest)  # noqa: T201
