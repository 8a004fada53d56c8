"""When the trials of a run of a study ran, and how its workers were used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from prefect_tuner.flows.analysis.models.time_split import Timeline, TimeSplit, time_split
from prefect_tuner.trial import Trial

_FEWEST = 8
"""Trials that were begun in a run; and three times as many as there are workers."""


@dataclass(frozen=True)
class RunTimes:
    """When the trials of one run ran, and what else took time, all by the trials' numbers.

    Attributes:
        max_concurrency: How many trials may run at the same time.
        started: When the objective was called for each trial of the run, in seconds of any clock.
        ended: When each of these ended, likewise. One that has not ended is left out.
        is_reproducible: Whether suggestions wait for the results of certain earlier trials.
        suggestion: Seconds that the suggestion of each took, up to its start; trials of which that
            is not known are left out, here and in the next two.
        startup: Seconds from the start of its process to the call of the objective.
        teardown: Seconds from the return of the objective to the end of its program.
    """

    max_concurrency: int
    started: Mapping[int, float] = field(default_factory=dict)
    ended: Mapping[int, float] = field(default_factory=dict)
    is_reproducible: bool = False
    suggestion: Mapping[int, float] = field(default_factory=dict)
    startup: Mapping[int, float] = field(default_factory=dict)
    teardown: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Utilisation:
    """How the workers of a run were used, until its last trial was begun.

    After that there is nothing to begin any more, and workers idle for a good reason.

    Attributes:
        workers: How many trials may run at the same time.
        most: How many did at most.
        average: How many did on average.
        none: The share of time in which none ran.
        trained: The share of the workers' time in which an objective ran.
        lost: Seconds of the rest of it, for each worker.
        duration: Seconds that an objective ran, the median.
        between: Seconds of a worker without an objective for each trial, on average.
        split: What these went into; None where that is not known.
    """

    workers: int
    most: int
    average: float
    none: float
    trained: float
    lost: float
    duration: float
    between: float
    split: TimeSplit | None


def utilisation(run: RunTimes, trials: Sequence[Trial]) -> Utilisation | None:
    """How the workers of a run were used; None where it had too few trials to tell.

    Args:
        run: When its trials ran.
        trials: The study's, of which the durations are taken.

    Example:
        ```python
        from prefect_tuner.flows.analysis.models.run_times import RunTimes, utilisation

        run = RunTimes(
            2, {i: 10.0 * i for i in range(20)}, {i: 10.0 * i + 9.0 for i in range(20)}
        )
        use = utilisation(run, [])
        assert use is not None and use.most == 1 and 0.8 < use.average < 1.0
        ```
    """
    workers = run.max_concurrency
    numbers = sorted(run.started.keys() & run.ended.keys(), key=run.started.__getitem__)
    if len(numbers) < max(_FEWEST, 3 * workers):
        return None
    starts = np.array([run.started[number] for number in numbers])
    whole = float(starts[-1] - starts[0])
    if whole <= 0.0:
        return None
    line = Timeline(workers, starts, np.array([run.ended[number] for number in numbers]))
    taken = line.ends - line.starts
    known = {trial.number: trial.duration for trial in trials}
    ran = np.array([known.get(number) or np.nan for number in numbers])
    ran = np.fmin(ran, taken)
    trained = min(1.0, float(ran.sum()) / (workers * whole))
    durations = [d for number in numbers if (d := known.get(number)) is not None]
    lost = (1.0 - trained) * workers * whole
    return Utilisation(
        workers=workers,
        most=line.most,
        average=float(taken.sum()) / whole,
        none=float(line.spans[line.running == 0].sum()) / whole,
        trained=trained,
        lost=lost / workers,
        duration=float(np.median(durations or taken)),
        between=lost / len(numbers),
        split=time_split(
            line,
            lost,
            *(
                np.array([told.get(number, np.nan) for number in numbers])
                for told in (run.suggestion, run.startup, run.teardown)
            ),
        ),
    )
