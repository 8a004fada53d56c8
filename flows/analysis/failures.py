"""Whether trials fail, or take long, for a reason that can be told."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from prefect_tuner.flows.analysis.case import FEWEST_TRIALS, Case
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.models.region import region_of
from prefect_tuner.flows.study.alike_failures import all_failed_alike, failure_kind
from prefect_tuner.printable_text import printable_line, shortened
from prefect_tuner.trial import Trial

_FEWEST_ALIKE = 3
"""Trials that all failed alike."""

_FAR_SLOWER = 5.0
"""How many times longer trials take in a region than elsewhere."""

_SLOW_ENOUGH = 0.1
"""Seconds, below which nobody minds."""

_LONGEST_MESSAGE = 200


def same_error(case: Case) -> Iterator[Finding]:
    """All trials have failed in one way."""
    ended = case.ended
    if len(ended) < _FEWEST_ALIKE or not all_failed_alike(ended):
        return
    yield Finding(
        "same_error",
        f"all {len(ended)} trials failed alike, the last one with: {_message(ended[-1])}",
        "mend the objective, and try it with the parameters of one of them",
    )


def failures_in_region(case: Case) -> Iterator[Finding]:
    """Trials fail in one part of the space."""
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


def slow_region(case: Case) -> Iterator[Finding]:
    """Trials take far longer in one part of the space than elsewhere."""
    timed = [trial for trial in case.done if trial.duration is not None]
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


def _message(trial: Trial) -> str:
    return shortened(printable_line(trial.message), _LONGEST_MESSAGE)
