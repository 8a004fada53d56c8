"""What is wrong with a study, as far as its trials tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from prefect_tuner.flows.analysis.bound import best_at_bound
from prefect_tuner.flows.analysis.case import Case
from prefect_tuner.flows.analysis.convergence import converged
from prefect_tuner.flows.analysis.effect import without_effect
from prefect_tuner.flows.analysis.failures import (
    failures_in_region,
    same_error,
    slow_region,
)
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.log_scale import log_scale_advisable
from prefect_tuner.flows.analysis.metric import constant_metric, too_good_to_be_true
from prefect_tuner.flows.analysis.models.run_times import RunTimes
from prefect_tuner.flows.analysis.noise import noise
from prefect_tuner.flows.analysis.workers import idle_workers, overhead
from prefect_tuner.goal import Goal
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Outcome, Trial


def diagnose(
    space: SearchSpace, goal: Goal, trials: Sequence[Trial], runs: Sequence[RunTimes] = ()
) -> list[Finding]:
    """What a person should know of a study and do about it, the worst first.

    Each check speaks only where chance hardly explains what it sees.

    Args:
        space: The search space.
        goal: Which metrics are better.
        trials: All of the study. Those that run, and those that were cancelled, tell nothing.
        runs: When the trials of each run ran, the last run last. Without, nothing is said of idle
            workers and of the time between trials.

    Returns:
        Nothing for a healthy study.

    Example:
        ```python
        from prefect_tuner import Float, Outcome, SearchSpace, Trial
        from prefect_tuner.flows.analysis.doctor import diagnose
        from prefect_tuner.goal import Goal

        space = SearchSpace({"x": Float(0.0, 1.0)})
        trials = [
            Trial(i, {"x": i / 20}, outcome=Outcome.COMPLETED, metric=7.0) for i in range(20)
        ]
        (finding,) = diagnose(space, Goal("minimize"), trials)
        assert finding.check == "constant_metric"
        ```
    """
    case = Case(space, goal, ended_trials(trials), runs)
    findings: list[Finding] = []
    with np.errstate(over="ignore", invalid="ignore"):  # Metrics may be as large as 1e308.
        for check in _CHECKS:
            if not any(each.check in _SAYS_NOTHING_AFTER.get(check, ()) for each in findings):
                findings += check(case)
    return findings


def ended_trials(trials: Sequence[Trial]) -> list[Trial]:
    """Those that have ended by themselves, which alone tell something."""
    return [trial for trial in trials if trial.outcome not in (None, Outcome.CANCELLED)]


_Check: TypeAlias = Callable[[Case], Iterator[Finding]]

_CHECKS: tuple[_Check, ...] = (
    same_error,
    failures_in_region,
    constant_metric,
    too_good_to_be_true,
    noise,
    best_at_bound,
    log_scale_advisable,
    without_effect,
    slow_region,
    idle_workers,
    overhead,
    converged,
)

_NO_DIFFERENCES = frozenset({"constant_metric", "noise"})

_SAYS_NOTHING_AFTER: Mapping[_Check, frozenset[str]] = {
    too_good_to_be_true: _NO_DIFFERENCES,
    noise: _NO_DIFFERENCES,
    log_scale_advisable: _NO_DIFFERENCES,
    without_effect: _NO_DIFFERENCES | {"log_scale_advisable"},
    converged: _NO_DIFFERENCES,
}
"""What checks cannot tell where others have found something: what makes the differences between
metrics where there are none, and what else does on a scale that explains little."""
