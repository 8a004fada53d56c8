"""The verdict of a preflight as people read it, and as JSON data for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.preflight.memory_text import memory_text
from prefect_tuner.flows.preflight.preflight_verdict import PreflightVerdict
from prefect_tuner.flows.reports.terminal_table import cell, figures, terminal_table, terms, words
from prefect_tuner.flows.reports.time_text import duration_text
from prefect_tuner.printable_text import printable_line, shortened
from prefect_tuner.trial import Trial, describe_params

LONGEST_PARAMS = 200
"""Characters of a trial's parameters in the table."""

TELLING_OVERHEAD = 0.1
"""Share of a trial's own time from which on it is told what it takes beside that."""

_SHORTEST_SHOWN = 0.05
"""Seconds that are not 0.0 when they are rounded."""


def preflight_page(study: str, verdict: PreflightVerdict) -> Group:
    """A verdict in the terminal, in one look.

    Args:
        study: The study's name.
        verdict: What its preflight has shown.
    """
    return Group(*_parts(study, verdict))


def preflight_lines(verdict: PreflightVerdict, *, with_notes: bool = True) -> Iterator[str]:
    """What a preflight has shown, a sentence each: what a trial takes, the study, noise, import.

    Args:
        verdict: What it has shown.
        with_notes: Whether to tell what the import has shown, which the log has told before.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial, TunerConfig
        from prefect_tuner.flows.preflight.preflight_report import preflight_lines
        from prefect_tuner.flows.preflight.preflight_verdict import Circumstances, judge

        middle = Trial(0, {}, outcome=Outcome.COMPLETED, metric=0.5, duration=60.0)
        verdict = judge({"middle": middle}, Circumstances(TunerConfig(max_trials=20)))
        trial, study = preflight_lines(verdict)
        assert trial == "A trial takes 0:01:00."
        assert study == "The study takes about 0:20:00 for 20 trials, of at most 0:30:00."
        ```
    """
    circumstances = verdict.circumstances
    if verdict.durations is not None:
        yield _of_a_trial(verdict)
    if verdict.study_duration is not None:
        yield _of_the_study(verdict)
    if verdict.durations is not None and _is_telling(verdict.overhead, verdict.durations[1]):
        took = duration_text(verdict.overhead)
        yield f"Of that, {took} of each trial are not its own, but what it takes to be started."
    if verdict.noise is not None:
        yield _of_the_noise(verdict)
    if circumstances.preparation is not None:
        ready = duration_text(circumstances.preparation)
        yield f"Trials could run after {ready}, with the import of the objective."
    if with_notes:
        yield from map(_sentence, circumstances.notes)


def finding_line(finding: Finding) -> str:
    """Something that is wrong and what to do, in two sentences on one line."""
    return f"{_sentence(finding.sentence)} {_sentence(finding.advice)}"


def preflight_document(study: str, verdict: PreflightVerdict) -> dict[str, Any]:
    """A verdict as JSON data.

    Args:
        study: The study's name.
        verdict: What its preflight has shown.
    """
    circumstances, durations = verdict.circumstances, verdict.durations
    names = ("shortest", "mean", "longest")
    return {
        "study": study,
        "is_pointless": verdict.is_pointless,
        "trials": [{"place": place, **_trial(t)} for place, t in verdict.trials.items()],
        "duration": None if durations is None else dict(zip(names, durations, strict=True)),
        "memory": verdict.memory,
        "max_trials": verdict.planned,
        "max_concurrency": circumstances.config.max_concurrency,
        "max_duration": circumstances.config.max_duration,
        "overhead": verdict.overhead,
        "study_duration": verdict.study_duration,
        "trials_in_time": verdict.trials_in_time,
        "noise": verdict.noise,
        "spread": verdict.spread,
        "preparation": circumstances.preparation,
        "notes": list(circumstances.notes),
        "findings": [
            {"check": f.check, "sentence": f.sentence, "advice": f.advice} for f in verdict.findings
        ],
    }


def _parts(study: str, verdict: PreflightVerdict) -> Iterator[RenderableType]:
    yield Text.assemble(("Preflight of study ", ""), (printable_line(study), "bold"))
    yield _table(verdict)
    for line in preflight_lines(verdict):
        yield Text(line)
    if not verdict.findings:
        yield Text("Nothing speaks against the study.", "green")
    for number, finding in enumerate(verdict.findings, start=1):
        style = "red" if finding.check == "all_failed" else "yellow"
        yield Text(f"{number}. {_sentence(finding.sentence)} [{finding.check}]", style)
        yield Text(f"   {_sentence(finding.advice)}")


def _table(verdict: PreflightVerdict) -> Table:
    table = terminal_table(
        *terms("place"),
        *figures("trial"),
        *terms("outcome"),
        *figures("metric", "time", "memory"),
        *words("parameters"),
    )
    for place, trial in verdict.trials.items():
        table.add_row(
            place,
            str(trial.number),
            "" if trial.outcome is None else trial.outcome.value.replace("_", " "),
            "" if trial.metric is None else f"{trial.metric:.6g}",
            "" if trial.duration is None else duration_text(trial.duration),
            "" if trial.memory is None else memory_text(trial.memory),
            cell(shortened(_params(trial), LONGEST_PARAMS)),
        )
    return table


def _params(trial: Trial) -> str:
    short = {n: float(f"{v:.6g}") if type(v) is float else v for n, v in trial.params.items()}
    return describe_params(short)


def _is_telling(overhead: float, own: float) -> bool:
    return overhead >= max(1.0, TELLING_OVERHEAD * own)


def _of_a_trial(verdict: PreflightVerdict) -> str:
    assert verdict.durations is not None  # noqa: S101 - asked before
    shortest, average, longest = map(_time_text, verdict.durations)
    time = shortest if shortest == longest else f"{shortest} to {longest}, {average} on average"
    if verdict.memory is None:
        return f"A trial takes {time}."
    memory = f"up to {memory_text(verdict.memory)} of memory" if verdict.memory else "no memory"
    return f"A trial takes {time}, and {memory} beyond what is there before it."


def _time_text(seconds: float) -> str:
    return duration_text(seconds) if seconds >= _SHORTEST_SHOWN else "less than 0.1 s"


def _of_the_study(verdict: PreflightVerdict) -> str:
    assert verdict.study_duration is not None  # noqa: S101 - asked before
    config = verdict.circumstances.config
    trials = "1 trial" if verdict.planned == 1 else f"{verdict.planned} trials"
    several = f", {config.max_concurrency} at a time" if config.max_concurrency > 1 else ""
    limit = (
        "" if config.max_duration is None else f", of at most {duration_text(config.max_duration)}"
    )
    expected = _time_text(verdict.study_duration)
    about = "about " if verdict.study_duration >= _SHORTEST_SHOWN else ""
    return f"The study takes {about}{expected} for {trials}{several}{limit}."


def _of_the_noise(verdict: PreflightVerdict) -> str:
    if verdict.noise == 0.0:
        return "With another seed, the metric of the middle was the same."
    compared = (
        f", and the places differ by {verdict.spread:.3g}" if verdict.spread is not None else ""
    )
    return f"With another seed, the metric of the middle changed by {verdict.noise:.3g}{compared}."


def _sentence(text: str) -> str:
    line = printable_line(text).rstrip(".")
    return f"{line[:1].upper()}{line[1:]}."


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "number": trial.number,
        "params": dict(trial.params),
        "seed": trial.seed,
        "outcome": None if trial.outcome is None else trial.outcome.value,
        "metric": trial.metric,
        "duration": trial.duration,
        "memory": trial.memory,
        "message": trial.message,
    }
