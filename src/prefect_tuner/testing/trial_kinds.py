"""Objectives that end in all the ways in which trials end, for tests of engines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect_tuner.hyper_value import Params
from prefect_tuner.tasks.objectives.trial_context import TrialContext


def by_kind(params: Params, trial: TrialContext) -> Any:
    """Do what the parameter `kind` says; where there is a parameter `note`, note it there."""
    if params.get("note"):
        with Path(str(params["note"])).open("a") as file:
            file.write(f"{trial.number} {trial.attempt} {os.getpid()}\n")
    return KINDS[str(params["kind"])](trial)


def _complete(trial: TrialContext) -> dict[str, float]:
    return {"metric": 1.5, "number": trial.number, "seed": trial.seed}


def _print(trial: TrialContext) -> float:
    print(f"printed by trial {trial.number}")  # noqa: T201 - that is what it is to do
    return 1.5


def _flood(_: TrialContext) -> float:
    for _line in range(20_000):
        sys.stdout.write("x" * 99 + "\n")
    return 1.5


def _raise(_: TrialContext) -> float:
    raise ValueError("bad value")


def _raise_first(trial: TrialContext) -> float:
    if trial.attempt == 1:
        raise ValueError("the first attempt")
    return float(trial.attempt)


def _interrupt(_: TrialContext) -> float:
    raise KeyboardInterrupt


def _exit(_: TrialContext) -> float:
    os._exit(7)


def _kill(_: TrialContext) -> float:
    os.kill(os.getpid(), signal.SIGSEGV)
    return 0.0


def _hang(_: TrialContext) -> float:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(1000)


def _leave_a_process(_: TrialContext) -> float:
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
    os.abort()


def _raise_what_cannot_be_pickled(_: TrialContext) -> float:
    raise type("Local", (Exception,), {"held": lambda: None})("of a local class")


def _take_memory(_: TrialContext) -> float:
    taken = bytearray(os.urandom(1)) * 400_000_000
    time.sleep(1000)
    return len(taken)


KINDS: dict[str, Callable[[TrialContext], Any]] = {
    "completes": _complete,
    "prints": _print,
    "floods": _flood,
    "raises": _raise,
    "raises first": _raise_first,
    "raises what cannot be pickled": _raise_what_cannot_be_pickled,
    "is interrupted": _interrupt,
    "calls sys.exit": lambda _: sys.exit(3),
    "exits": _exit,
    "leaves a process": _leave_a_process,
    "is killed": _kill,
    "hangs": _hang,
    "takes memory": _take_memory,
    "gives nan": lambda _: float("nan"),
    "gives nothing": lambda _: None,
}
"""What a trial does, by name."""
