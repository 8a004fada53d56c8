"""A study as tables and text, ready for Prefect's artifacts. Pure: nothing is sent from here.

What the Prefect UI does not bear is kept from it: columns come from a table's first row, so all
rows have the same; an infinity would turn the whole table into raw text; markup in a parameter's
value or an error's message would be rendered.
"""

from __future__ import annotations

import heapq
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from prefect_tuner.flows.confirmation.confirmation import Confirmation
from prefect_tuner.flows.reports.markdown_text import markdown_text
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.flows.study.tuning_result import TuningResult, row_columns, trial_row
from prefect_tuner.goal import Goal
from prefect_tuner.printable_text import printable, shortened
from prefect_tuner.trial import Direction, Outcome, Trial

BEST_SHOWN = 20
"""Trials on a leaderboard."""

FAILED_SHOWN = 20
"""Failed trials listed, the latest."""

EXTRAS_SHOWN = 20
"""What of all that objectives return beside the metric gets a column; it may be thousands."""

LONGEST_TAIL = 4_000
"""Characters of a failed trial's log."""

LONGEST_TEXT = 300
"""Characters of a text in a cell."""


def best_trials(trials: Iterable[Trial], goal: Goal) -> list[Trial]:
    """The completed trials with the best metrics, best first, the earlier one among equals."""
    completed = [
        (trial.metric, trial)
        for trial in trials
        if trial.outcome is Outcome.COMPLETED and trial.metric is not None
    ]
    best = heapq.nsmallest(
        BEST_SHOWN, completed, key=lambda pair: (goal.loss(pair[0]), pair[1].number)
    )
    return [trial for _, trial in best]


def failed_trials(trials: Sequence[Trial]) -> list[Trial]:
    """The latest trials that ended without a metric, latest first."""
    ended = (t for t in reversed(trials) if t.outcome not in (None, Outcome.COMPLETED))
    return [trial for trial, _ in zip(ended, range(FAILED_SHOWN), strict=False)]


def leaderboard_rows(trials: Iterable[Trial], goal: Goal) -> list[dict[str, Any]]:
    """The best trials as rows of a table artifact, values exactly as they were tried.

    Args:
        trials: All trials of a study.
        goal: Which of two metrics is better.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.flows.reports.leaderboard import leaderboard_rows
        from prefect_tuner.goal import Goal

        trial = Trial(0, {"lr": 0.1}, outcome=Outcome.COMPLETED, metric=0.9)
        assert leaderboard_rows([trial], Goal("maximize"))[0]["param.lr"] == 0.1
        ```
    """
    rows = [
        {"rank": rank, **_without(_row(trial), "outcome", "message")}
        for rank, trial in enumerate(best_trials(trials, goal), start=1)
    ]
    return _uniform(rows)


def failure_rows(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """The latest trials without a metric as rows of a table artifact, the reason first."""
    rows = [_without(_row(trial), "metric") for trial in failed_trials(trials)]
    return _uniform(
        [{name: row[name] for name in ("trial", "outcome", "message")} | row for row in rows]
    )


def confirmation_rows(confirmation: Confirmation) -> list[dict[str, Any]]:
    """The trials that were evaluated anew as rows of a table artifact, the winner first."""
    return [
        {
            "trial": each.number,
            "place": each.place.value,
            "mean": each.mean,
            "low": None if each.interval is None else each.interval[0],
            "high": None if each.interval is None else each.interval[1],
            "in the search": each.first,
            "evaluations": each.evaluations,
            "failed": each.failed,
            "duration": None if each.duration is None else round(each.duration, 3),
        }
        for each in confirmation.candidates
    ]


def summary_markdown(
    study: str,
    direction: Direction,
    progress: Progress,
    ending: str,
    result: TuningResult | None = None,
) -> str:
    """The best parameters and the state of the study as markdown.

    Args:
        study: The study's name.
        direction: Whether a larger or a smaller metric is better.
        progress: How far the study is.
        ending: How it ended, or that it runs.
        result: What it came to, when it is complete; where its best trials were evaluated anew, the
            parameters are those of the winner.
    """
    counts = (
        f"({progress.completed} trials completed, {progress.failed} failed, "
        f"{progress.asked} in all, {progress.elapsed:.1f} s)"
    )
    lines = [
        f"## {_short(study)}",
        "",
        f"{_short(ending)} {counts}.",
        "",
    ]
    best = progress.best_trial
    if best is None:
        return "\n".join([*lines, "No trial has a metric."])
    params = best.params if result is None else result.winning_params
    confirmation = None if result is None else result.confirmation
    verdict = [] if confirmation is None else [markdown_text(confirmation.verdict), ""]
    lines += [
        f"Best trial (**{direction}**): {best.number}, with a metric of **{best.metric!r}**",
        "",
        *verdict,
        "| parameter | value |",
        "| --- | --- |",
        *(f"| {_short(name)} | {_short(repr(v))} |" for name, v in params.items()),
        "",
        "```json",
        json.dumps(params, indent=2).replace("```", "'''"),
        "```",
    ]
    return "\n".join(lines)


def trial_markdown(
    trial: Trial, direction: Direction, rank: int | None, ranked: int, log_tail: str
) -> str:
    """One trial as markdown: what it tried, what came of it, and why where it failed.

    Args:
        trial: It has ended.
        direction: Whether a larger or a smaller metric is better.
        rank: Which place it took when it ended, from 1; None without a metric.
        ranked: How many trials had a metric then, itself included.
        log_tail: The last lines of its log, where it failed.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.flows.reports.leaderboard import trial_markdown

        trial = Trial(7, {"lr": 0.1}, outcome=Outcome.COMPLETED, metric=0.9, duration=2.0)
        text = trial_markdown(trial, "maximize", 2, 8, "")
        assert "Metric **0.9** (maximize), rank 2 of 8 when it ended" in text
        ```
    """
    outcome = trial.outcome.value.replace("_", " ") if trial.outcome else "running"
    if trial.metric is None:
        sentence = f"**{outcome}**: {_short(trial.message)}" if trial.message else f"**{outcome}**"
    else:
        sentence = f"Metric **{trial.metric!r}** ({direction})"
        sentence += "" if rank is None else f", rank {rank} of {ranked} when it ended"
    measured = {
        "seed": str(trial.seed),
        **({} if trial.duration is None else {"seconds": f"{trial.duration:.3f}"}),
        **({} if trial.memory is None else {"memory, MB": f"{trial.memory / 1e6:.1f}"}),
        **({} if trial.attempts < 2 else {"attempts": str(trial.attempts)}),
        **({"proposed by": trial.proposer} if trial.proposer else {}),
    }
    extras = {name: repr(value) for name, value in islice(trial.extra.items(), EXTRAS_SHOWN)}
    lines = [f"## Trial {trial.number}", "", f"{sentence}."]
    lines += _two_columns("parameter", {name: repr(value) for name, value in trial.params.items()})
    lines += _two_columns("returned besides", extras) if extras else []
    lines += _two_columns("trial", measured)
    if log_tail:
        tail = printable(log_tail[-LONGEST_TAIL:]).replace("```", "'''")
        lines += ["", "The end of its log:", "", "```text", tail, "```"]
    return "\n".join(lines)


def _two_columns(heading: str, values: Mapping[str, str]) -> list[str]:
    rows = [f"| {_short(name)} | {_short(value)} |" for name, value in values.items()]
    return ["", f"| {heading} | value |", "| --- | --- |", *rows]


def _row(trial: Trial) -> dict[str, Any]:
    """A trial as a row, its duration to the millisecond: more digits are noise to whoever looks.

    The choice None is a text, as nothing stands for a parameter that is not active.
    """
    row = trial_row(trial)
    for name, value in row.items():
        if name.startswith("param.") and (value is None or isinstance(value, list | dict)):
            row[name] = repr(value)
    if trial.duration is not None:
        row["duration"] = round(trial.duration, 3)
    return row


def _without(row: dict[str, Any], *columns: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in columns}


def _uniform(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows with the same columns, and with cells that the Prefect UI can show."""
    columns = row_columns(rows)
    extras = [name for name in columns if name.startswith("extra.")]
    left_out = set(extras[EXTRAS_SHOWN:])
    columns = [name for name in columns if name not in left_out]
    return [{printable(name): _cell(row.get(name)) for name in columns} for row in rows]


def _cell(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return shortened(printable(value[: LONGEST_TEXT + 1]), LONGEST_TEXT)
    return value


def _short(text: str) -> str:
    return markdown_text(text[:LONGEST_TEXT])
