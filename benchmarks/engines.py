"""What each engine costs: `python -m benchmarks.engines`, with `--help` for more.

For each engine, on a cluster of this machine that is started for it, in one flow run:

- a trial whose objective does nothing, and a bare Prefect task on the same task runner, in turns;
  each is waited for before the next one starts. For `deployment` the latter is a bare flow run on
  the same work pool;
- trials that sleep for a second, many at a time: the share of the time in which they sleep;
- the memory of the flow's process after the first and after the last of many trials (`--memory`).

Uses the server of `PREFECT_API_URL`, or one of its own. Prefect's log goes to a file.
"""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from benchmarks.timing import logging_to, seconds
from benchmarks.work_pool import WorkPool

ENGINES = ("local", "processes", "dask", "ray", "deployment")
SLEEP = 1.0
"""Seconds."""

CODE = """
import time

def nothing(params):
    return 1.0

def sleeps(params):
    time.sleep(1.0)
    return 1.0
"""


class Cost(NamedTuple):
    """Of one engine: seconds of a task and of a trial, share of time used, bytes for a trial."""

    task: float
    trial: float
    utilisation: float
    at_a_time: int
    memory: float | None


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description="What each engine costs.")
    parser.add_argument("engines", nargs="*", help=f"of {', '.join(ENGINES)} (default: all)")
    parser.add_argument("--trials", type=int, default=40, help="of each kind (default: 40)")
    parser.add_argument("--at-a-time", type=int, default=32, help="that sleep (default: 32)")
    parser.add_argument("--waves", type=int, default=4, help="of these (default: 4)")
    parser.add_argument("--trials-per-task", default="1", help="that sleep (default: 1)")
    parser.add_argument("--memory", type=int, default=0, help="trials for the memory (default: 0)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="engines-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if "PREFECT_API_URL" not in os.environ:
        os.environ["PREFECT_HOME"] = str(folder)
        os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"}
    (folder / "objectives.py").write_text(CODE)
    chosen = options.engines or list(ENGINES)
    print(f"{', '.join(chosen)}; starting ...", flush=True)
    costs = logging_to(
        folder / "log",
        lambda: measure(chosen, folder, options),
    )
    report(costs)


def measure(chosen: list[str], folder: Path, options: argparse.Namespace) -> dict[str, Cost]:
    """Measure one engine after the other."""
    from prefect_tuner.flows.run.embedded_server import embedded_server_where_none

    with embedded_server_where_none():
        return {name: measure_one(name, folder, options) for name in chosen}


def measure_one(name: str, folder: Path, options: argparse.Namespace) -> Cost:
    """Measure an engine inside one flow run."""
    from prefect import flow, task

    bare = task(nothing)
    shared: str = options.trials_per_task
    at_a_time = min(options.at_a_time, 4) if name == "processes" else options.at_a_time

    sleeping = replace(
        about(folder, "sleeps", at_a_time),
        trials_per_task=int(shared) if shared.isdigit() else shared,
    )

    @flow(name=f"cost of {name}")
    def cost() -> Cost:
        with started(name, at_a_time) as runner:
            with closing(engine_of(name, runner, about(folder, "nothing", 1))) as engine:
                engine.prepare()
                task_times, trial_times = [], []
                for turn in range(options.trials + 2):
                    task_times.append(seconds(partial(wait_for_task, runner, bare)))
                    trial_times.append(seconds(partial(run, engine, 1, first=turn)))
                memory = memory_of_trials(engine, options.memory, options.trials + 2)
            with closing(engine_of(name, runner, sleeping)) as engine:
                engine.prepare()
                run(engine, 2 * at_a_time)  # Until all workers have loaded the objective.
                count = options.waves * at_a_time
                took = seconds(lambda: run(engine, count, first=2 * at_a_time))
        used = count * SLEEP / (took * at_a_time)
        return Cost(median(task_times[2:]), median(trial_times[2:]), used, at_a_time, memory)

    return cost()


def engine_of(name: str, runner: Any, study: Any) -> Any:
    """An engine on a task runner that was started."""
    if name == "dask":
        from prefect_tuner.tasks.engines.dask import DaskEngine

        return DaskEngine(study, runner)
    if name == "ray":
        from prefect_tuner.tasks.engines.ray import RayEngine

        return RayEngine(study, runner)
    if name == "processes":
        from prefect_tuner.tasks.engines.process_pool import ProcessPoolEngine

        return ProcessPoolEngine(study, runner)
    if name == "deployment":
        return runner.engine(study)
    from prefect_tuner.tasks.engines.local import LocalEngine

    return LocalEngine(study)


def about(folder: Path, objective: str, at_a_time: int) -> Any:
    """What an engine is told of a study."""
    from prefect_tuner.tasks.engine import EngineStudy
    from prefect_tuner.tasks.objectives.objective import describe_objective
    from prefect_tuner.tasks.processes.isolation import LaunchSettings
    from prefect_tuner.tasks.workers.trial_request import RetryPolicy

    spec = describe_objective(f"{folder / 'objectives.py'}:{objective}")
    launch = LaunchSettings(concurrency=at_a_time)
    return EngineStudy("cost", spec, launch, RetryPolicy(), lambda *_: None)


@contextmanager
def started(name: str, places: int) -> Iterator[Any]:
    """A task runner for an engine, with a cluster of this machine, inside a flow run."""
    from prefect.task_runners import ProcessPoolTaskRunner, ThreadPoolTaskRunner

    if name == "dask":
        from prefect_dask.task_runners import DaskTaskRunner

        cluster = {"n_workers": 2, "threads_per_worker": -(-places // 2), "dashboard_address": ":0"}
        runner: Any = DaskTaskRunner(cluster_kwargs=cluster)
    elif name == "ray":
        from prefect_ray import RayTaskRunner

        settings = {"num_cpus": places, "include_dashboard": False, "log_to_driver": False}
        runner = RayTaskRunner(init_kwargs=settings)
    elif name == "deployment":
        runner = WorkPool()
    elif name == "processes":
        runner = ProcessPoolTaskRunner(max_workers=places)
    else:
        runner = ThreadPoolTaskRunner(max_workers=places)
    with runner:
        yield runner


def run(engine: Any, count: int, *, first: int = 0) -> None:
    """Run so many trials, as many at a time as there may be."""
    from prefect_tuner.tasks.workers.trial_request import TrialRequest
    from prefect_tuner.trial import TrialLimits

    study, limits = engine.study, TrialLimits(600.0)
    most, begun = engine.most_in_flight, 0
    for ended in range(count):
        while begun < count and begun - ended < most:
            engine.start(
                TrialRequest(
                    study.name,
                    first + begun,
                    {"x": 1},
                    0,
                    study.objective,
                    limits,
                    launch=study.launch,
                    more=count - begun,
                )
            )
            begun += 1
        arrival = engine.next_arrival(600.0)
        ending = None if arrival is None else arrival.answer.ending
        if ending is None or ending.metric != 1.0:
            raise RuntimeError(f"the trial did not complete: {arrival}")


def memory_of_trials(engine: Any, count: int, first: int) -> float | None:
    """Bytes by which the flow's process grows with each of many trials."""
    if count == 0:
        return None
    run(engine, 100, first=first)
    before = resident()
    run(engine, count, first=first + 100)
    return (resident() - before) / count


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def wait_for_task(runner: Any, task: Any) -> None:
    """Have a task run by a task runner."""
    if isinstance(runner, WorkPool):
        runner.wait_for_a_flow_run()
    else:
        runner.submit(task, parameters={}).result()


def nothing() -> None:
    """What the tasks do."""


def report(costs: dict[str, Cost]) -> None:
    """Print the table."""
    print(f"{'':12}{'task':>10}{'trial':>10}{'ratio':>8}{'1.5 tasks + 10 ms':>19}{'in use':>16}")
    for name, cost in costs.items():
        meant = 1.5 * cost.task + 0.01
        print(
            f"{name:12}{1e3 * cost.task:7.1f} ms{1e3 * cost.trial:7.1f} ms"
            f"{cost.trial / cost.task:8.2f}{1e3 * meant:16.1f} ms"
            f"{cost.utilisation:10.0%} of {cost.at_a_time}"
        )
        if cost.memory is not None:
            print(f"{'':12}the flow's process grows by {cost.memory / 1e3:.1f} kB a trial")


if __name__ == "__main__":
    main()
