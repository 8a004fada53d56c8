"""What a trial costs beyond its objective: `python -m benchmarks.overhead`, with `--help` for more.

In turns, so that all meet the same machine, and each waited for before the next one starts:

- a bare Prefect task, by `.submit().result()`;
- a trial whose objective does nothing, in a module that imports nothing;
- the same in a module that imports scikit-learn;
- a task that does nothing, under Prefect's `ProcessPoolTaskRunner`.

The first of a kind is shown apart: it starts the processes and imports what there is to import.

Uses the server of `PREFECT_API_URL`, or one of its own. Prefect's log goes to a file, as it would
bury the table; what it costs to write it is part of what is measured.
"""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from benchmarks.timing import logging_to, seconds

BARE = "bare Prefect task"
LIGHT = "trial, module without imports"
HEAVY = "trial, module with scikit-learn"
POOLED = "task under ProcessPoolTaskRunner"

MODULES = {
    LIGHT: "def objective(params):\n    return 1.0\n",
    HEAVY: (
        "import sklearn.datasets, sklearn.ensemble, sklearn.model_selection\n\n\n"
        "def objective(params):\n    return 1.0\n"
    ),
}


class Measured(NamedTuple):
    """Seconds of each call by what was called, and of the first call where it differs."""

    seconds: dict[str, list[float]]
    first: dict[str, float]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="What a trial costs beyond its objective.")
    parser.add_argument("--trials", type=int, default=40, help="of each kind (default: 40)")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds before each (default: 0)")
    options = parser.parse_args()
    if options.trials < 2:
        parser.error("--trials: must be 2 or more")
    folder = Path(tempfile.mkdtemp(prefix="prefect-tuner-overhead-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if "PREFECT_API_URL" not in os.environ:
        os.environ["PREFECT_HOME"] = str(folder)
        os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    print(f"{options.trials} of each kind, in turns; starting ...", flush=True)
    report(logging_to(folder / "log", lambda: measure(folder, options.trials, options.pause)))


def measure(folder: Path, trials: int, pause: float) -> Measured:
    """Call everything in turns, inside one flow run."""
    from prefect import flow, task
    from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

    from prefect_tuner.tasks.engine import EngineStudy
    from prefect_tuner.tasks.engines.local import LocalEngine
    from prefect_tuner.tasks.objectives.objective import describe_objective
    from prefect_tuner.tasks.processes.isolation import LaunchSettings
    from prefect_tuner.tasks.workers.trial_request import RetryPolicy, TrialRequest
    from prefect_tuner.trial import TrialLimits

    bare = task(nothing)

    def engine_for(path: str) -> LocalEngine:
        objective = describe_objective(path)
        study = EngineStudy("overhead", objective, LaunchSettings(), RetryPolicy(), lambda *_: None)
        return LocalEngine(study)

    def run_trial(engine: LocalEngine) -> None:
        objective, limits = engine.study.objective, TrialLimits(600.0)
        engine.start(TrialRequest("overhead", 0, {"x": 1}, 0, objective, limits))
        arrival = engine.next_arrival(600.0)
        ending = None if arrival is None else arrival.answer.ending
        if ending is None or ending.metric != 1.0:
            raise RuntimeError(f"the trial did not complete: {ending}")

    @flow(task_runner=ThreadPoolTaskRunner(max_workers=4))  # type: ignore[arg-type] # Never
    def overhead() -> Measured:
        engines = {kind: engine_for(path) for kind, path in paths.items()}
        with ProcessPoolTaskRunner(max_workers=1) as pool:
            calls: dict[str, Callable[[], object]] = {
                BARE: lambda: bare.submit().result(),
                LIGHT: lambda: run_trial(engines[LIGHT]),
                HEAVY: lambda: run_trial(engines[HEAVY]),
                POOLED: lambda: pool.submit(bare, parameters={}).result(),
            }
            try:
                first = {kind: seconds(call) for kind, call in calls.items()}
                for call in calls.values():  # What only the second call makes ready.
                    call()
                measured: dict[str, list[float]] = {kind: [] for kind in calls}
                for _ in range(trials):
                    for kind, call in calls.items():
                        time.sleep(pause)
                        measured[kind].append(seconds(call))
            finally:
                for engine in engines.values():
                    engine.close()
        return Measured(measured, first)

    paths = {}
    for number, (kind, code) in enumerate(MODULES.items()):
        file = folder / f"objective_{number}.py"
        file.write_text(code)
        paths[kind] = f"{file}:objective"
    return overhead()


def nothing() -> None:
    """What the tasks do."""


def report(measured: Measured) -> None:
    """Print the table, and how trials compare with what they were meant to cost."""
    warm = {kind: median(times) for kind, times in measured.seconds.items()}
    whole = {
        kind: (measured.first[kind] + sum(times)) / (1 + len(times))
        for kind, times in measured.seconds.items()
    }
    print(f"{'':34}{'median':>10}{'9 of 10':>10}{'per bare':>10}{'first':>10}{'all, each':>11}")
    for kind, times in measured.seconds.items():
        slow = quantiles(times, n=10)[-1]
        print(
            f"{kind:34}{1e3 * warm[kind]:7.1f} ms{1e3 * slow:7.1f} ms"
            f"{warm[kind] / warm[BARE]:9.2f}x{measured.first[kind]:8.2f} s"
            f"{1e3 * whole[kind]:8.1f} ms"
        )
    print()
    for kind in (LIGHT, HEAVY):
        print(f"{kind}:")
        print(f"  {warm[kind] / warm[BARE]:5.2f} times a bare task (meant: 3 at most)")
        print(
            f"  {warm[POOLED] / warm[kind]:5.1f} times below {POOLED} (meant: 10 at least), "
            f"{whole[POOLED] / whole[kind]:.1f} with the first"
        )


if __name__ == "__main__":
    main()
