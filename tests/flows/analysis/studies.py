"""Studies that the doctor is to examine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from prefect_tuner import Outcome, Params, SearchSpace, Study, Trial
from prefect_tuner.flows.analysis.doctor import diagnose
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.goal import Goal
from prefect_tuner.trial import Direction


def told(
    strategy: str,
    objective: Callable[[Params], float | str],
    space: SearchSpace,
    *,
    trials: int = 60,
    seed: int = 0,
    direction: Direction = "minimize",
    at_a_time: int = 1,
) -> list[Trial]:
    """The trials of a study; one fails where the objective gives a text.

    Of those that run at the same time, any ends first.
    """
    study = Study(space, strategy=strategy, direction=direction, seed=seed)
    rng = np.random.default_rng(seed)
    running: list[Trial] = []
    asked = 0
    while asked < trials or running:
        while asked < trials and len(running) < at_a_time:
            trial = study.ask()
            asked = asked + 1 if trial is not None else trials
            running += [] if trial is None else [trial]
        if not running:
            break
        trial = running.pop(int(rng.integers(len(running))))
        came = objective(trial.params)
        duration = float(rng.lognormal(1.0, 0.5))
        if isinstance(came, str):
            study.tell(trial, outcome=Outcome.FAILED, message=came, duration=duration)
        else:
            study.tell(trial, came, duration=duration)
    return list(study.history)


def found(
    trials: list[Trial], space: SearchSpace, direction: Direction = "minimize"
) -> dict[str, Finding]:
    """What the doctor finds, by the names of the checks, each of which has found one thing."""
    findings = diagnose(space, Goal(direction), trials)
    by_check = {each.check: each for each in findings}
    assert len(by_check) == len(findings)
    return by_check
