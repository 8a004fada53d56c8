"""Running a program of `programs/` plainly, and in trials."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from prefect_tuner import TunerConfig
from prefect_tuner.ending import Ending
from prefect_tuner.flows.run.launch_settings import launch_settings
from prefect_tuner.tasks.messages.attempt_request import AttemptRequest
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.processes.attempt import run_attempt
from prefect_tuner.tasks.processes.isolation import Isolation
from prefect_tuner.tasks.processes.launcher import Launcher
from prefect_tuner.tasks.processes.thread_limits import with_threads
from prefect_tuner.trial import TrialLimits

FOLDER = Path(__file__).with_name("programs")

Import = Literal["warm", "lazy"]


@dataclass(frozen=True)
class Program:
    """A program of `programs/`.

    Attributes:
        name: Its file, without the ending.
        packages: What it needs, by the names of the package index; its framework first.
        imports: `"warm"`: its module trains once while it is imported; `"lazy"`: the framework is
            imported in the objective.
    """

    name: str
    packages: tuple[str, ...] = ()
    imports: tuple[Import, ...] = ("warm", "lazy")

    @property
    def file(self) -> Path:
        """Where it is."""
        return FOLDER / f"{self.name}.py"


PROGRAMS = [
    Program("sklearn_forest", ("scikit-learn",)),
    Program("sklearn_histogram", ("scikit-learn",)),
    Program("lightgbm_binned", ("lightgbm",)),
    Program("xgboost_matrix", ("xgboost-cpu",)),
    Program("catboost_pool", ("catboost",)),
    Program("torch_loader", ("torch",)),
    Program("jax_jit", ("jax",)),
    Program("tensorflow_keras", ("tensorflow-cpu",)),
    Program("numba_parallel", ("numba",)),
    Program("polars_query", ("polars",)),
    Program("pyarrow_parquet", ("pyarrow",)),
    Program("joblib_pool", ("joblib",)),
    Program("multiprocessing_pool"),
    Program("tensorboard_writer", ("tensorboard", "torch"), imports=("lazy",)),
    Program("wandb_run", ("wandb",), imports=("lazy",)),
    Program("mlflow_run", ("mlflow-skinny",), imports=("lazy",)),
]


@dataclass(frozen=True)
class Trials:
    """What came of a program's trials, one after the other.

    Attributes:
        are_fresh: Whether each imported the program itself, rather than being forked.
        reports: What came of each.
        seconds: What each took, from its start until its process was gone.
        kept: What each left behind on disk.
    """

    are_fresh: bool
    reports: list[Ending]
    seconds: list[float]
    kept: list[str]

    @property
    def first(self) -> float:
        """Seconds of the first trial."""
        return self.seconds[0]

    @property
    def later(self) -> float:
        """Seconds of a trial after the first, the median."""
        return median(self.seconds[1:])


def run_plainly(program: Program) -> tuple[float, float, list[str]]:
    """Run `python program.py`: the seconds it took, what it returned, and what it left on disk."""
    with _kept_in() as folder:
        began = time.monotonic()
        run = subprocess.run(
            [sys.executable, program.file],
            env={**os.environ, "KEPT_IN": str(folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - began
        if run.returncode != 0:
            raise RuntimeError(f"{program.file} failed:\n{run.stderr}")
        metric = re.search(r"^metric (.*)$", run.stdout, re.MULTILINE)
        if metric is None:
            raise RuntimeError(f"{program.file} printed no metric:\n{run.stdout}")
        return seconds, float(metric[1]), _kept(program, folder)


def run_in_trials(
    program: Program,
    imports: Import,
    isolation: Isolation = "auto",
    *,
    count: int = 3,
    timeout: float = 120.0,
    pause: float = 0.0,
) -> Trials:
    """Run a program in trials, one after the other.

    Args:
        program: What to run.
        imports: See `Program`.
        isolation: As in `TunerConfig`.
        count: How many trials.
        timeout: Seconds that each may take.
        pause: Seconds before each but the first, as a trial that takes long gives the next one.
    """
    config = TunerConfig(isolation=isolation)
    with _kept_in() as folder:
        environment = {"KEPT_IN": str(folder)} | ({"WARM_IMPORT": "1"} if imports == "warm" else {})
        spec = describe_objective(f"{program.file}:train")
        launcher = Launcher(spec, with_threads(launch_settings(config), environment))
        reports: list[Ending] = []
        seconds: list[float] = []
        try:
            launcher.load()
            for number in range(count):
                time.sleep(pause if number else 0)
                began = time.monotonic()
                request = AttemptRequest("frameworks", number, {}, number)
                reports.append(
                    run_attempt(launcher, request, TrialLimits(timeout), lambda *_: None)
                )
                seconds.append(time.monotonic() - began)
        finally:
            launcher.stop()
        return Trials(launcher.is_fresh, reports, seconds, _kept(program, folder))


@contextmanager
def _kept_in() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="prefect-tuner-frameworks-") as folder:
        yield Path(folder)


def _kept(program: Program, folder: Path) -> list[str]:
    """What each run has left in its folder, in a few words."""
    describe = runpy.run_path(str(program.file)).get("kept")
    return [describe(each) for each in sorted(folder.iterdir())] if describe else []
