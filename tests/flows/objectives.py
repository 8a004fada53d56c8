"""Objectives for the tests of the flow, in a module that imports little."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import gauss
from typing import Any

from prefect_tuner import Params, TrialContext
from prefect_tuner.testing.trials import exactly, metric_of

QUICK_END = 20.0
"""Seconds that nothing in these tests takes, unless it waits for a trial that hangs."""


def value(params: Params) -> float:
    """The parameter `x`."""
    return float(params["x"])


def offset_value(params: Params, trial: TrialContext, offset: float, calls: Path) -> float:
    """The metric tells whose result it is, and the file how often it was computed."""
    with calls.open("a") as file:
        file.write(f"{offset} {trial.number}\n")
    return offset + float(params["x"])


def spoiling(params: Params) -> dict[str, Any]:
    """Tells what it was given, and then spoils it."""
    returned = {"metric": metric_of(params), "seen": exactly(params), "flat": len(params) < 4}
    for each in params.values():
        if isinstance(each, list | dict):
            each.clear()
    params.clear()
    return returned


def depth_and_rate(params: Params) -> float:
    """The sum of two parameters, of which one may be inactive."""
    return float(params["depth"]) + float(params.get("rate", 0.5))


def x_and_n(params: Params) -> float:
    """The sum of two parameters."""
    return float(params["x"]) + float(params["n"])


async def asynchronous(params: Params) -> float:
    """The parameter `x`, awaited."""
    return float(params["x"])


class Model:
    """An objective with a method `train`."""

    def __init__(self, factor: float = 1.0) -> None:
        self.factor = factor

    def train(self, params: Params) -> float:
        return self.factor * float(params["x"])


def by_number(ends: Sequence[float | str]) -> Callable[[Params, TrialContext], float]:
    """An objective whose trials end as listed, by their number.

    A number is the metric. A word is something else that happens, see `end_by`; after `then` it
    happens at the first attempt only, and the second has the metric 0.5.
    """

    def train(_: Params, trial: TrialContext) -> float:
        end = ends[trial.number]
        if not isinstance(end, str):
            return end
        kind, then = (*end.split(), "")[:2]
        return 0.5 if then and trial.attempt > 1 else end_by(kind)

    return train


def end_by(kind: str) -> float:
    """End, or do not end, in one of many ways."""
    match kind:
        case "raise":
            raise ValueError("singular matrix")
        case "nan":
            return float("nan")
        case "exit":
            sys.exit(3)
        case "vanish":
            os._exit(4)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "memory":
            hoard = bytearray(400_000_000)
            hoard[::4096] = b"x" * len(hoard[::4096])
        case "hang":
            pass
        case _:
            raise AssertionError(kind)
    time.sleep(60)
    return 0.0


def noisy(params: Params) -> float:
    """The parameter `x`, seen through noise."""
    return float(params["x"]) + gauss(0.0, 0.3)


def by_name(max_depth: int | None, layers: list[int], lr: float = 0.1) -> dict[str, Any]:
    """Takes its parameters by name, and returns a text."""
    kept = max_depth is None or type(max_depth) is int
    return {"metric": float(kept and isinstance(layers, list)), "model": f"/models/{layers}.pkl"}


def hangs(params: dict[str, Any]) -> float:
    """Longer than any test waits."""
    time.sleep(1000)
    return 1.0
