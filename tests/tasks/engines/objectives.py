"""Objectives of studies on engines. No Prefect is imported here: their trials would wait for it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from prefect_tuner import Params, TrialContext
from prefect_tuner.testing.trial_kinds import by_kind


def quadratic(params: dict[str, Any]) -> float:
    return float(-((params["x"] - 2.0) ** 2) - abs(params["y"]))


def ends_or_logs(params: dict[str, Any], trial: TrialContext) -> Any:
    """End in the way of the parameter `kind`, or log and tell in which runs that was."""
    if params["kind"] != "logs":
        return by_kind(params, trial)
    from prefect import get_run_logger
    from prefect.runtime import flow_run, task_run

    get_run_logger().info("said inside")
    return {"metric": 1.0, "flow_run": str(flow_run.id), "task_run": str(task_run.id)}


def waits(params: dict[str, Any], trial: TrialContext) -> float:
    """Note it, and wait until there is a file with the trial's number."""
    folder = Path(str(params["folder"]))
    with (folder / "notes").open("a") as notes:
        notes.write(f"{trial.number} {trial.attempt} {os.getpid()}\n")
    while not (folder / f"go-{trial.number}").exists():
        time.sleep(0.05)
    return float(params["x"])


def squared(params: Params) -> float:
    """Largest where `x` is 0."""
    return -(float(params["x"]) ** 2)
