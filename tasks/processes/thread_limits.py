"""How many threads a trial's numeric libraries start.

By default each starts as many as the machine has processors, in each trial: with several trials at
a time they get in each other's way. They read their limits from the environment when they are
loaded, so that these are set for the whole process in which the objective is imported.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from prefect_tuner.tasks.processes.isolation import LaunchSettings

COMMON = "OMP_NUM_THREADS"
"""What OpenMP reads, and with it scikit-learn, LightGBM, XGBoost and PyTorch."""

VARIABLES = (
    COMMON,
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
    "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",  # joblib's `n_jobs=-1`
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",  # The thread pool of XLA, JAX's compiler
)
"""What libraries read when they are loaded."""


@dataclass(frozen=True)
class ThreadLimit:
    """How many threads each trial's libraries may start.

    Attributes:
        count: Threads.
        environment: The variables to set; those that the user has set are left as they are.
        reason: Where the number comes from, as a sentence for the log.
    """

    count: int
    environment: dict[str, str]
    reason: str


def thread_limit(
    asked: int | None, concurrency: int, environment: Mapping[str, str] = os.environ
) -> ThreadLimit:
    """The limit for trials of which several run at a time.

    Args:
        asked: Threads, as configured; None for an equal share of the processors.
        concurrency: Trials at a time.
        environment: The user's own variables, which win.

    Example:
        ```python
        from prefect_tuner.tasks.processes.thread_limits import thread_limit

        limit = thread_limit(3, concurrency=2, environment={})
        assert limit.environment["OMP_NUM_THREADS"] == "3"
        assert thread_limit(3, 2, {"OMP_NUM_THREADS": "8"}).count == 8
        ```
    """
    own = _own_count(environment)
    processors = available_processors()
    count = own or asked or max(1, processors // concurrency)
    if own is not None:
        reason = f"as {COMMON}={environment[COMMON]} says"
        if asked not in (None, own):
            reason += f", which wins over threads_per_trial={asked}"
    elif asked is not None:
        reason = f"as threads_per_trial={asked} says"
    else:
        reason = (
            f"for {_plural(processors, 'processor')} and {_plural(concurrency, 'trial')} at a "
            "time; threads_per_trial sets another number"
        )
    missing = {name: str(count) for name in VARIABLES if not environment.get(name)}
    return ThreadLimit(
        count,
        missing,
        f"The numeric libraries of each trial get {_plural(count, 'thread')}, {reason}",
    )


def available_processors() -> int:
    """Processors that this process may use, a container's share of the machine included."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = _quota()
    return max(1, min(allowed or 1, allowed or 1 if quota is None else int(quota)))


def _own_count(environment: Mapping[str, str]) -> int | None:
    # With levels of parallelism within each other there are several, such as "4,2".
    first = environment.get(COMMON, "").split(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


def _quota() -> float | None:
    """What the control group of a container allows, in processors."""
    for quota_file, period_file in (
        ("/sys/fs/cgroup/cpu.max", None),
        ("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "/sys/fs/cgroup/cpu/cpu.cfs_period_us"),
    ):
        try:
            words = Path(quota_file).read_text().split()
            if period_file is not None:
                words += Path(period_file).read_text().split()
            quota, period = float(words[0]), float(words[1])
        except (OSError, ValueError, IndexError):  # Not there, or "max".
            continue
        if quota > 0 and period > 0:
            return quota / period
    return None


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def with_threads(
    launch: LaunchSettings, environment: Mapping[str, str] = MappingProxyType({})
) -> LaunchSettings:
    """How trials are started on this machine, whose processors they share.

    Args:
        launch: How they are started anywhere.
        environment: Further variables of theirs.

    Example:
        ```python
        from prefect_tuner.tasks.processes.isolation import LaunchSettings
        from prefect_tuner.tasks.processes.thread_limits import with_threads

        here = with_threads(LaunchSettings(threads=2), {"GREETING": "hello"})
        assert here.environment["GREETING"] == "hello"
        ```
    """
    limit = thread_limit(launch.threads, launch.concurrency)
    return replace(launch, environment={**limit.environment, **environment}, note=limit.reason)
