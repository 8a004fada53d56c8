"""Whether the time of a study goes into its trials."""

from __future__ import annotations

from collections.abc import Iterator

from prefect_tuner.flows.analysis.case import Case
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.models.run_times import RunTimes, Utilisation, utilisation

_IDLE = 0.5
"""The share of workers that have a trial, on average, below which they are said to idle."""

_HARDLY_EVER = 0.2
"""The share of time in which none runs, up to which workers wait for those that do."""

_OVERHEAD = 0.5
"""The share of time in which objectives run, below which the rest is said to be too much."""

_LONG_ENOUGH = 10.0
"""Seconds that are lost, below which nobody minds."""


def idle_workers(case: Case) -> Iterator[Finding]:
    """Far fewer trials run at the same time than may, for other reasons than their beginnings."""
    for run in case.runs:
        use = utilisation(run, case.ended)
        if use is None or not _idles(run, use):
            continue
        causes = []
        if run.is_reproducible:
            causes.append(
                "a reproducible study waits for slow trials, of which the next suggestion takes "
                "the results: give it a larger lag, or set reproducible to false"
            )
        if use.most < use.workers:
            causes.append(
                "see which limit lets no more run: a concurrency limit of Prefect, the work pool, "
                "the size of the cluster"
            )
        causes.append(
            "see whether a suggestion takes as long as a trial: another strategy may be quicker"
        )
        yield Finding(
            "idle_workers",
            f"of {use.workers} trials that may run at the same time, {use.average:.1f} did on "
            f"average, and {use.most} at most",
            "; ".join(causes),
        )


def overhead(case: Case) -> Iterator[Finding]:
    """More time passes between the calls of objectives than in them."""
    for run in case.runs:
        use = utilisation(run, case.ended)
        if use is None or use.trained >= _OVERHEAD or use.lost < _LONG_ENOUGH or _idles(run, use):
            continue
        yield Finding(
            "overhead",
            f"{1.0 - use.trained:.0%} of the time went into overhead: an objective runs for "
            f"{use.duration:.3g} s (median), and {use.between:.3g} s pass for each trial without "
            "one (on average)",
            "give a trial more to do, let trials share task runs (trials_per_task), or choose a "
            "strategy that suggests faster, whichever takes the time",
        )


def _idles(run: RunTimes, use: Utilisation) -> bool:
    """Whether workers wait for something else than the end of what is between two trials."""
    if use.workers == 1 or use.average >= _IDLE * use.workers or use.lost < _LONG_ENOUGH:
        return False
    return use.most < use.workers or (run.is_reproducible and use.none <= _HARDLY_EVER)
