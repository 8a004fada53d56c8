"""Objectives that raise in some of their trials, in a module that imports little."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from prefect_tuner import Params, TrialContext


def fails_alike(params: dict[str, Any]) -> float:
    """Always for the same reason, but for a number."""
    raise ValueError(f"cannot train with {params['x']}")


def fails_in_two_ways(params: dict[str, Any], trial: TrialContext) -> float:
    """Always, for one of two reasons by turns."""
    raise ValueError("one" if trial.number % 2 else "other")


def fails_after_the_first(params: dict[str, Any], trial: TrialContext) -> float:
    """In all trials but the first."""
    if trial.number:
        raise ValueError("no")
    return 1.0


def fails_until_the_fifth(params: dict[str, Any], trial: TrialContext) -> float:
    """In all trials but the fifth."""
    if trial.number < 4:
        raise ValueError("not yet")
    if trial.number > 4:
        raise ValueError("no more")
    return 1.0


def fails_at_first(params: dict[str, Any], trial: TrialContext) -> float:
    """At the first attempt of each trial."""
    if trial.attempt == 1:
        raise ValueError("the first time")
    return 1.0


def fails_once(params: Params, trial: TrialContext, calls: Path) -> float:
    """In the second trial, when it is the second call. Each call is written down."""
    with calls.open("a") as file:
        file.write(f"{trial.number}\n")
    if trial.number == 1 and len(calls.read_text().splitlines()) == 2:
        raise RuntimeError("the first time")
    return float(params["x"])


def broken(_: Params) -> float:
    """Always, for the same reason."""
    raise KeyError("lr")


def broken_where_large(params: Params) -> float:
    """Above 0.9; takes memory below."""
    if float(params["x"]) > 0.9:
        raise ValueError("too large")
    held = bytearray(30_000_000)
    return float(params["x"]) + 0.0 * len(held)


def quick_or_broken(params: Params) -> float:
    """Fails above a half, and takes two seconds below."""
    print("epoch 1: loss 0.3")  # noqa: T201 - what a trial prints is in its log
    if float(params["x"]) > 0.5:
        raise ValueError("singular matrix")
    time.sleep(2.1)
    return float(params["x"])
