"""Objectives whose attempts differ."""

from __future__ import annotations

import os
import time
from pathlib import Path

from prefect_tuner import Params, TrialContext


def by_attempt(params: Params, trial: TrialContext) -> float:
    """Do what the parameter `attempts` says for this attempt, and note when it began."""
    with Path(str(params["notes"])).open("a") as notes:
        notes.write(f"{trial.attempt} {trial.seed} {time.time()}\n")
    what = str(params["attempts"]).split()[trial.attempt - 1]
    if what == "raise":
        raise ValueError(f"attempt {trial.attempt}")
    if what == "crash":
        os._exit(5)
    if what == "hang":
        time.sleep(1000)
    return float(what)
