"""What the trials of a preflight say of their study: its time, memory and noise, what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Final

from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.preflight.memory_text import memory_text
from prefect_tuner.flows.preflight.overhead import overhead_of
from prefect_tuner.flows.reports.time_text import duration_text
from prefect_tuner.flows.study.alike_failures import all_failed_alike
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.flows.study.tuning_events import (
    PreflightEnded,
    PreflightPlace,
    describe_failure,
)
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Outcome, Trial

NEAR_A_LIMIT: Final = 0.8
"""Share of a limit from which on it is said that a trial was near it."""

NOISY: Final = 0.5
"""Share of the differences between the places from which on another seed makes a difference."""

SHORT_TRIAL: Final = 1.0
"""Seconds below which trials share task runs with advantage, if there are many."""

MANY_TRIALS: Final = 200


@dataclass(frozen=True)
class Circumstances:
    """What else is known when the trials of a preflight have ended.

    Attributes:
        config: Budget and limits of the study.
        candidates: How many candidates its space has; None for infinitely many.
        preparation: Seconds until trials could run, the import of the objective among them.
        notes: What the import has shown, such as threads that it has started, a sentence each.
        machine_memory: Bytes that all trials have together; None where that is not known.
        elapsed: Seconds from the start of the first trial to the end of the last; None if not
            known.
    """

    config: TunerConfig
    candidates: int | None = None
    preparation: float | None = None
    notes: Sequence[str] = ()
    machine_memory: int | None = None
    elapsed: float | None = None


@dataclass(frozen=True)
class PreflightVerdict:
    """What is known of a study before its budget is spent.

    Attributes:
        trials: The trials, by their places in the search space.
        circumstances: What it was judged by besides.
        is_pointless: Whether all trials have failed alike, so that others would, too.
        findings: What is wrong, and what to change; what makes the study pointless comes first.
        durations: Seconds of the shortest trial, of one on average, and of the longest one, those
            left out that failed at once; None where no trial has run.
        memory: Bytes that the largest trial took beyond what its import had; None if not known.
        overhead: Seconds that a trial takes beside its own time, to be started and heard of; 0
            where that is not known.
        planned: How many trials the study will have.
        study_duration: Seconds that they will take in all, about; None where no trial has run.
        trials_in_time: How many of them end within `max_duration`, about; None without one.
        noise: How far the metric of the middle changed with another seed; None if not known.
        spread: How far apart the metrics of the places are; None with fewer than two.
    """

    trials: Mapping[PreflightPlace, Trial]
    circumstances: Circumstances
    is_pointless: bool
    findings: Sequence[Finding]
    durations: tuple[float, float, float] | None
    memory: int | None
    overhead: float
    planned: int
    study_duration: float | None
    trials_in_time: int | None
    noise: float | None
    spread: float | None


def judge(trials: Mapping[PreflightPlace, Trial], circumstances: Circumstances) -> PreflightVerdict:
    """Judge a study by its first trials.

    Args:
        trials: Those of its preflight, which have ended, by their places in the search space.
        circumstances: What else is known.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial, TunerConfig
        from prefect_tuner.flows.preflight.preflight_verdict import Circumstances, judge

        ended = {
            place: Trial(n, {}, outcome=Outcome.COMPLETED, metric=float(n), duration=60.0)
            for n, place in enumerate(("middle", "low corner", "high corner"))
        }
        verdict = judge(ended, Circumstances(TunerConfig(max_trials=100, max_concurrency=2)))
        assert verdict.study_duration == 3000.0
        assert (verdict.trials_in_time, verdict.findings[0].check) == (60, "time")
        ```
    """
    config = circumstances.config
    durations = _durations(trials)
    planned = min(config.max_trials, circumstances.candidates or config.max_trials)
    at_a_time = min(config.max_concurrency, planned)
    noise, spread = _noise(trials), _spread(trials)
    sizes = [trial.memory for trial in trials.values() if trial.memory is not None]
    memory = max(sizes, default=None)
    overhead = _overhead_of(trials, circumstances)
    each = None if durations is None else durations[1] + overhead
    expected = None if each is None else max(each, planned * each / at_a_time)
    in_time = (
        None
        if each is None or config.max_duration is None
        else min(planned, int(config.max_duration * at_a_time / max(each, 1e-9)))
    )
    findings = [
        *_failures(trials, config),
        *_time(expected, in_time, planned, at_a_time, config),
        *_limits(trials, config),
        *_machine(memory, at_a_time, circumstances.machine_memory),
        *_metric(noise, spread),
        *_overhead(durations, planned, config),
    ]
    return PreflightVerdict(
        trials=trials,
        circumstances=circumstances,
        is_pointless=all_failed_alike(trials.values()),
        findings=findings,
        durations=durations,
        memory=memory,
        overhead=overhead,
        planned=planned,
        study_duration=expected,
        trials_in_time=in_time,
        noise=noise,
        spread=spread,
    )


def judge_preflight(
    event: PreflightEnded, config: TunerConfig, space: SearchSpace
) -> PreflightVerdict:
    """Judge a study by the event that its preflight has ended.

    Args:
        event: The event.
        config: Budget and limits of the study.
        space: What it searches.
    """
    circumstances = Circumstances(
        config,
        space.cardinality,
        event.preparation,
        event.notes,
        event.machine_memory,
        event.elapsed,
    )
    return judge(event.trials, circumstances)


def _durations(
    trials: Mapping[PreflightPlace, Trial],
) -> tuple[float, float, float] | None:
    """The middle counts once in the mean, though it may have run twice.

    A trial that fails at once says nothing of how long others take, unless there are no others.
    """
    ran = {Outcome.COMPLETED, Outcome.TIMED_OUT}
    telling = {place: t for place, t in trials.items() if t.outcome in ran} or trials
    places: dict[str, list[float]] = {}
    for place, trial in telling.items():
        if trial.duration is not None:
            places.setdefault(place.removesuffix(" again"), []).append(trial.duration)
    every = [duration for each in places.values() for duration in each]
    return (min(every), mean(map(mean, places.values())), max(every)) if every else None


def _overhead_of(trials: Mapping[PreflightPlace, Trial], circumstances: Circumstances) -> float:
    """Not known where trials were tried again: the time of those attempts is not."""
    ended = list(trials.values())
    if circumstances.elapsed is None or any(trial.attempts > 1 for trial in ended):
        return 0.0
    durations = [trial.duration or 0.0 for trial in ended]
    return overhead_of(durations, circumstances.elapsed, circumstances.config.max_concurrency)


def _noise(trials: Mapping[PreflightPlace, Trial]) -> float | None:
    ended = [trials.get("middle"), trials.get("middle again")]
    metrics = [trial.metric for trial in ended if trial is not None and trial.metric is not None]
    return abs(metrics[0] - metrics[1]) if len(metrics) == 2 else None


def _spread(trials: Mapping[PreflightPlace, Trial]) -> float | None:
    metrics = [
        trial.metric
        for place, trial in trials.items()
        if trial.metric is not None and place != "middle again"
    ]
    return max(metrics) - min(metrics) if len(metrics) > 1 else None


_ADVICE: Final = {
    Outcome.TIMED_OUT: "raise trial_timeout, or narrow the ranges that make trials long",
    Outcome.OUT_OF_MEMORY: "raise trial_memory_mb, or narrow the ranges that make trials large",
    Outcome.INVALID_METRIC: "return a finite number there, or leave such values out of the space, "
    "by narrower ranges or a constraint",
}


def _failures(trials: Mapping[PreflightPlace, Trial], config: TunerConfig) -> Iterator[Finding]:
    failed = {
        place: trial
        for place, trial in trials.items()
        if trial.outcome is not None and trial.outcome.is_failure
    }
    if not failed:
        return
    first = next(iter(failed.values()))
    if len(failed) == len(trials):
        alike = all_failed_alike(trials.values())
        how = "in the same way" if alike else "each in its own way"
        sentence = (
            f"the only trial {describe_failure(first)}"
            if len(trials) == 1
            else f"all {len(trials)} trials failed, {how}: the first one {describe_failure(first)}"
        )
        advice = _ADVICE.get(_outcome(first), "mend the objective: its log has the traceback")
        yield Finding("all_failed", sentence, advice)
        if alike:
            return
    for place, trial in failed.items():
        other = trials.get("middle" if place == "middle again" else "middle again")
        if place.startswith("middle") and other is not None and other.metric is not None:
            yield Finding(
                "unsteady",
                f"in the middle, trial {trial.number} {describe_failure(trial)}, while trial "
                f"{other.number} with another seed did not fail",
                "mend what depends on the seed or on chance, or set retries (now "
                f"{config.retries}) so that it is tried again",
            )
            continue
        yield Finding(
            "place_failed",
            f"in the {place}, trial {trial.number} {describe_failure(trial)}",
            _ADVICE.get(
                _outcome(trial),
                "narrow the ranges or add a constraint, so that such values are not tried, or mend "
                "the objective for them",
            ),
        )


def _outcome(trial: Trial) -> Outcome:
    return trial.outcome or Outcome.CANCELLED


def _time(
    expected: float | None, in_time: int | None, planned: int, at_a_time: int, config: TunerConfig
) -> Iterator[Finding]:
    if expected is None or in_time is None or config.max_duration is None or in_time >= planned:
        return
    wished = expected * 1.2  # Trials that the strategy prefers may take longer than the average.
    yield Finding(
        "time",
        f"{planned} trials take about {duration_text(expected)}, {at_a_time} at a time, and "
        f"max_duration is {duration_text(config.max_duration)}: about {in_time} of them end in "
        "that time",
        f"set max_duration to {wished:.3g} for all of them, or max_trials to {max(1, in_time)}, "
        "or run more at a time by max_concurrency",
    )


def _limits(trials: Mapping[PreflightPlace, Trial], config: TunerConfig) -> Iterator[Finding]:
    ended = {place: t for place, t in trials.items() if t.outcome is Outcome.COMPLETED}
    if config.trial_timeout is not None:
        place, longest = max(
            ((place, t.duration or 0.0) for place, t in ended.items()),
            key=lambda each: each[1],
            default=("", 0.0),
        )
        if longest > NEAR_A_LIMIT * config.trial_timeout:
            yield Finding(
                "near_timeout",
                f"in the {place}, a trial took {duration_text(longest)}, and trial_timeout is "
                f"{duration_text(config.trial_timeout)}",
                f"set trial_timeout to {2 * longest:.3g}, lest longer trials are killed",
            )
    if config.trial_memory_mb is not None:
        place, largest = max(
            ((place, t.memory or 0) for place, t in ended.items()),
            key=lambda each: each[1],
            default=("", 0),
        )
        if largest > NEAR_A_LIMIT * config.trial_memory_mb * 1e6:
            yield Finding(
                "near_memory_limit",
                f"in the {place}, a trial took {memory_text(largest)}, and trial_memory_mb is "
                f"{config.trial_memory_mb:g}",
                f"set trial_memory_mb to {2 * largest / 1e6:.3g}, lest larger trials are killed",
            )


def _machine(memory: int | None, at_a_time: int, machine_memory: int | None) -> Iterator[Finding]:
    if memory is None or not machine_memory or memory * at_a_time <= NEAR_A_LIMIT * machine_memory:
        return
    fit = max(1, int(NEAR_A_LIMIT * machine_memory / memory))
    several = f"{at_a_time} at a time take up to {memory_text(memory * at_a_time)}"
    yield Finding(
        "machine_memory",
        f"a trial takes up to {memory_text(memory)}, {several if at_a_time > 1 else 'alone'}, and "
        f"there are {memory_text(machine_memory)}",
        f"set max_concurrency to {fit}"
        if fit < at_a_time
        else "narrow the ranges that make trials large, or use a larger machine",
    )


def _metric(noise: float | None, spread: float | None) -> Iterator[Finding]:
    if spread == 0.0:
        yield Finding(
            "constant_metric",
            "the metric is the same in all places",
            "see to it that the objective uses its parameters, and that the metric can tell them "
            "apart",
        )
    elif spread is not None and noise is not None and noise > NOISY * spread:
        yield Finding(
            "noise",
            f"with another seed, the metric of the middle changed by {noise:.3g}, and the places "
            f"differ by {spread:.3g}",
            "have the objective average several seeds or folds, or take the strategy gp with "
            "noisy=true; a single best metric would be luck",
        )


def _overhead(
    durations: tuple[float, float, float] | None, planned: int, config: TunerConfig
) -> Iterator[Finding]:
    if durations is None or durations[1] >= SHORT_TRIAL or planned < MANY_TRIALS:
        return
    if config.trials_per_task == 1:
        yield Finding(
            "short_trials",
            f"a trial takes {duration_text(durations[1])}, and each of {planned} is a task run of "
            "its own",
            'set trials_per_task to "auto", so that several share one: Prefect\'s server records '
            "about ten task runs a second",
        )
