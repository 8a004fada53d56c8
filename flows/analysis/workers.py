"""Whether the time of a study goes into its trials."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from prefect_tuner.flows.analysis.case import Case
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.models.run_times import RunTimes, Utilisation, utilisation
from prefect_tuner.flows.analysis.models.time_split import TimeSplit

_IDLE = 0.5
"""The share of workers that have a trial, on average, below which they are said to idle."""

_HARDLY_EVER = 0.2
"""The share of time in which none runs, up to which workers wait for those that do."""

_OVERHEAD = 0.5
"""The share of time in which objectives run, below which the rest is said to be too much."""

_LONG_ENOUGH = 10.0
"""Seconds that are lost, below which nobody minds."""

_MOST_OF_IT = 0.5
"""The share of the time without a trial from which on the wait for suggestions is its cause."""

_TOLD = 0.1
"""The share of the overhead from which on a part of it is told."""

_FASTER = (
    "choose a strategy that suggests faster (gp takes the longer the more trials there are, tpe "
    "milliseconds)"
)

_PARTS: Mapping[str, tuple[str, str]] = {
    "suggestion": ("until it is suggested", f"{_FASTER}, or give a trial more to do"),
    "startup": (
        "until its process has started and imported",
        (
            "have the objective import less, and let isolation be auto: where nothing that its "
            "import starts forbids that, trials share one import"
        ),
    ),
    "teardown": (
        "until its program has ended after the objective",
        (
            "see what the program still has to end: threads, exit handlers, processes, runs of "
            "trackers; what takes longer than exit_grace is cut off"
        ),
    ),
    "rest": (
        "for its task run, its records and waiting",
        (
            "let trials share task runs (trials_per_task), see whether task runs wait for a limit "
            "of Prefect or of the work pool, or give a trial more to do"
        ),
    ),
}
"""What each part of the overhead is, and what to do about it where it is the largest."""

_ANY_PART = (
    "give a trial more to do, let trials share task runs (trials_per_task), or choose a "
    "strategy that suggests faster, whichever takes the time"
)


def idle_workers(case: Case) -> Iterator[Finding]:
    """Far fewer trials run at the same time than may, for other reasons than their beginnings."""
    for run in case.runs:
        use = utilisation(run, case.ended)
        if use is None or not _idles(run, use):
            continue
        sentence = (
            f"of {use.workers} trials that may run at the same time, {use.average:.1f} did on "
            f"average, and {use.most} at most"
        )
        if use.split is not None and use.split.waited >= _MOST_OF_IT:
            sentence += (
                f": {use.split.waited:.0%} of the time without a trial went by while one was "
                f"suggested, which takes {use.split.asking:.3g} s (on average), and an objective "
                f"{use.duration:.3g} s (median)"
            )
            advice = f"{_FASTER}, or give it fewer trials at a time (max_concurrency)"
        else:
            advice = "; ".join(_causes(run, use))
        yield Finding("idle_workers", sentence, advice, seconds=_seconds(use.split))


def overhead(case: Case) -> Iterator[Finding]:
    """More time passes between the calls of objectives than in them."""
    for run in case.runs:
        use = utilisation(run, case.ended)
        if use is None or use.trained >= _OVERHEAD or use.lost < _LONG_ENOUGH or _idles(run, use):
            continue
        sentence = (
            f"{1.0 - use.trained:.0%} of the time went into overhead: an objective runs for "
            f"{use.duration:.3g} s (median), and {use.between:.3g} s pass for each trial without "
            "one (on average)"
        )
        advice = _ANY_PART
        if use.split is not None:
            parts = _largest_first(use.split)
            told = [name for name in parts if parts[name] >= _TOLD * use.between]
            sentence += f": {', '.join(f'{parts[n]:.2g} s {_PARTS[n][0]}' for n in told)}"
            _, advice = _PARTS[told[0]]
        yield Finding("overhead", sentence, advice, seconds=_seconds(use.split))


def _causes(run: RunTimes, use: Utilisation) -> Iterator[str]:
    """Why fewer trials run than may, where it is not known that they wait for suggestions."""
    if run.is_reproducible:
        yield (
            "a reproducible study waits for slow trials, of which the next suggestion takes the "
            "results: give it a larger lag, or set reproducible to false"
        )
    if use.most < use.workers:
        yield (
            "see which limit lets no more run: a concurrency limit of Prefect, the work pool, the "
            "size of the cluster"
        )
    if use.split is None:
        yield "see whether a suggestion takes as long as a trial: another strategy may be quicker"


def _largest_first(split: TimeSplit) -> dict[str, float]:
    return dict(sorted(split.parts.items(), key=lambda part: -part[1]))


def _seconds(split: TimeSplit | None) -> dict[str, float]:
    return {} if split is None else {n: round(each, 6) for n, each in split.parts.items()}


def _idles(run: RunTimes, use: Utilisation) -> bool:
    """Whether workers wait for something else than the end of what is between two trials."""
    if use.workers == 1 or use.average >= _IDLE * use.workers or use.lost < _LONG_ENOUGH:
        return False
    return use.most < use.workers or (run.is_reproducible and use.none <= _HARDLY_EVER)
