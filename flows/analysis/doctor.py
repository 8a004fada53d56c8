"""What is wrong with a study, as far as its trials tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from prefect_tuner.flows.analysis.bound import FEWEST_TRIALS, bounds_of_best
from prefect_tuner.flows.analysis.changed_range import extended
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.region import region_of
from prefect_tuner.flows.study.alike_failures import failure_kind
from prefect_tuner.goal import Goal
from prefect_tuner.printable_text import printable_line, shortened
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Outcome, Trial

_FEWEST_ALIKE = 3
"""Trials that all failed alike."""

_NEARLY_ALL = 0.9
"""The share of metrics that are the same, where the metric is nearly constant."""

_FAR_SLOWER = 5.0
"""How many times longer trials take in a region than elsewhere."""

_SLOW_ENOUGH = 0.1
"""Seconds, below which nobody minds."""

_LONGEST_MESSAGE = 200


def diagnose(space: SearchSpace, goal: Goal, trials: Sequence[Trial]) -> list[Finding]:
    """What a person should know of a study and do about it, the worst first.

    Each check speaks only where chance hardly explains what it sees.

    Args:
        space: The search space.
        goal: Which metrics are better.
        trials: All of the study. Those that run, and those that were cancelled, tell nothing.

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
    case = _Case(space, goal, ended_trials(trials))
    return [finding for check in _CHECKS for finding in check(case)]


def ended_trials(trials: Sequence[Trial]) -> list[Trial]:
    """Those that have ended by themselves, which alone tell something."""
    return [trial for trial in trials if trial.outcome not in (None, Outcome.CANCELLED)]


@dataclass(frozen=True)
class _Case:
    """What is examined: a study's space, its goal, and the trials that have ended by themselves."""

    space: SearchSpace
    goal: Goal
    ended: Sequence[Trial]


def _same_error(case: _Case) -> Iterator[Finding]:
    ended = case.ended
    kinds = {failure_kind(trial) for trial in ended}
    if len(ended) < _FEWEST_ALIKE or len(kinds) != 1 or "" in kinds:
        return
    yield Finding(
        "same_error",
        f"all {len(ended)} trials failed alike, the last one with: {_message(ended[-1])}",
        "mend the objective, and try it with the parameters of one of them",
    )


def _failures_in_region(case: _Case) -> Iterator[Finding]:
    ended = case.ended
    flags = np.array([bool(failure_kind(trial)) for trial in ended], dtype=bool)
    region = region_of(case.space, ended, flags)
    if region is None:
        return
    failed, size = int(flags[region.inside].sum()), int(region.inside.sum())
    others, rest = int(flags.sum()) - failed, flags.size - size
    last = [trial for trial, inside in zip(ended, flags & region.inside, strict=True) if inside][-1]
    yield Finding(
        "failures_in_region",
        f"{failed} of {size} trials with {region.text} failed, and {others} of the {rest} others; "
        f"the last one with: {_message(last)}",
        f"mend the objective for {region.text}, or leave that out of the space",
        region.parameter,
        region.rest(),
    )


def _slow_region(case: _Case) -> Iterator[Finding]:
    timed = [t for t in case.ended if t.metric is not None and t.duration is not None]
    if len(timed) < FEWEST_TRIALS:
        return
    durations = np.array([trial.duration for trial in timed], dtype=np.float64)
    usual = float(np.quantile(durations, 0.25))
    region = region_of(case.space, timed, durations > max(_FAR_SLOWER * usual / 2, _SLOW_ENOUGH))
    if region is None:
        return
    slow = float(np.median(durations[region.inside]))
    others = float(np.median(durations[~region.inside]))
    if slow < _FAR_SLOWER * others:
        return
    yield Finding(
        "slow_region",
        f"trials with {region.text} take {slow:.3g} s, and others {others:.3g} s (medians)",
        f"leave {region.text} out of the space if it is not worth that, or set trial_timeout",
        region.parameter,
        region.rest(),
    )


def _constant_metric(case: _Case) -> Iterator[Finding]:
    metrics = [trial.metric for trial in case.ended if trial.metric is not None]
    if len(metrics) < FEWEST_TRIALS:
        return
    (usual, count), *_ = Counter(metrics).most_common(1)
    if count < _NEARLY_ALL * len(metrics):
        return
    told = "all" if count == len(metrics) else f"{count} of"
    yield Finding(
        "constant_metric",
        f"{told} {len(metrics)} trials have the metric {usual!r}",
        "see whether the objective uses its parameters, and whether the metric can tell "
        "candidates apart",
    )


def _best_at_bound(case: _Case) -> Iterator[Finding]:
    for name, side, count in bounds_of_best(case.space, case.goal, case.ended):
        parameter = case.space[name]
        if isinstance(parameter, Categorical):
            continue
        end = parameter.low if side == "low" else parameter.high
        word, beyond = ("smallest", "smaller") if side == "low" else ("largest", "larger")
        yield Finding(
            "best_at_bound",
            f"the best trial has {name} at the {word} value that it may have, {end!r}, or next to "
            f"it, {count} of the 5 best lie near it, and the metric gets better towards it",
            f"try {beyond} values of {name}, if there are any that make sense",
            name,
            extended(case.space, name, side),
        )


def _message(trial: Trial) -> str:
    return shortened(printable_line(trial.message), _LONGEST_MESSAGE)


_CHECKS: tuple[Callable[[_Case], Iterator[Finding]], ...] = (
    _same_error,
    _failures_in_region,
    _constant_metric,
    _best_at_bound,
    _slow_region,
)
