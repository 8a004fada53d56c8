"""How trials get processes of their own: by fork, or each by an import of its own."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Isolation: TypeAlias = Literal["auto", "fork", "fresh"]
"""Whether trials are forked from a process that has the objective loaded, or load it afresh."""


@dataclass(frozen=True)
class LaunchSettings:
    """How trials are started.

    Attributes:
        isolation: `"fork"`: from a process that has the objective loaded; `"fresh"`: in a process
            that loads it afresh; `"auto"`: by fork where the objective's imports survive one.
        concurrency: How many run at the same time.
        devices: Names of devices, shared out among these.
        device_variable: The environment variable that names a trial's device.
        threads: How many the numeric libraries of a trial start; None where that is for the place
            where it runs to say.
        environment: Variables of all trials, set before the objective is loaded.
        note: What the log says of them, a sentence; or empty.
    """

    isolation: Isolation = "auto"
    concurrency: int = 1
    devices: tuple[str, ...] = ()
    device_variable: str = "CUDA_VISIBLE_DEVICES"
    threads: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def choose_isolation(
    settings: LaunchSettings, objective: str, against_fork: Sequence[str]
) -> tuple[bool, list[tuple[int, str]]]:
    """Whether each trial loads the objective afresh, and what the user should know of that.

    Args:
        settings: How trials are started.
        objective: What the objective is called.
        against_fork: What its import has done that speaks against a fork, each the end of a
            sentence that begins with "importing it".

    Returns:
        Whether it does, and notes: a level of Python's logging, and a sentence.

    Example:
        ```python
        from prefect_tuner.tasks.processes.isolation import LaunchSettings, choose_isolation

        fresh, notes = choose_isolation(LaunchSettings(), "model:train", ["started 4 threads"])
        assert fresh and "importing it started 4 threads" in notes[0][1]
        ```
    """
    made = ", ".join(against_fork)
    reasons = [f"importing it {made}"] if made else []
    is_auto = settings.isolation == "auto"
    if is_auto and settings.devices:
        reasons.insert(0, "its import has to know the trial's device")
    fresh = settings.isolation == "fresh" or (is_auto and bool(reasons))
    if not reasons or settings.isolation == "fresh":
        return fresh, []
    named, listed = f"the objective {objective!r}", " and ".join(reasons)
    if is_auto:
        note = (
            f"Each trial imports {named} in a process of its own, ahead of its time, since "
            f"{listed}, which a forked process would share or lack; isolation='fork' would "
            "have it imported once"
        )
        return fresh, [(logging.INFO, note)]
    note = (
        f"Trials are forked from a process that has imported {named}, as isolation='fork' "
        f"says, though {listed}: if they hang or disturb each other, leave isolation at "
        "'auto'"
    )
    return fresh, [(logging.WARNING, note)]
