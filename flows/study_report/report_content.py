"""What a report says, in order; Markdown and HTML are two ways to write it down."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.pictures.contour_figure import contour_picture
from prefect_tuner.flows.pictures.history_figure import history_picture, time_picture
from prefect_tuner.flows.pictures.importance_figure import importance_picture
from prefect_tuner.flows.pictures.number_axis import number_text
from prefect_tuner.flows.pictures.parallel_figure import parallel_picture
from prefect_tuner.flows.pictures.picture import NothingToShowError, Picture
from prefect_tuner.flows.pictures.slice_figure import slice_picture
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.flows.pictures.svg import DrawnPicture, drawn
from prefect_tuner.flows.pictures.timeline_figure import lanes_of, timeline_picture
from prefect_tuner.flows.reports.time_text import duration_text
from prefect_tuner.flows.study_report.outcome_groups import outcome_groups
from prefect_tuner.flows.study_report.parameter_text import python_params, yaml_params
from prefect_tuner.flows.study_report.verdict import verdict
from prefect_tuner.printable_text import printable_line, shortened
from prefect_tuner.strategies.credit import credits_of
from prefect_tuner.trial import Trial

MOST_SLICES = 6
"""Parameters with a picture of their own, the most important ones."""

MOST_GROUPS = 20
"""Kinds of outcomes that are listed."""

MOST_TRIALS = 100
"""Trials that are listed, the best ones."""

LONGEST_TEXT = 300
"""Characters of a message or a value in a table."""


_DOTS = "Each dot is a trial with a metric; the line is the best so far."
_TENTH = "The best tenth of the trials is in colour, and the star is the best trial."


@dataclass(frozen=True)
class Paragraph:
    """Some sentences."""

    text: str


@dataclass(frozen=True)
class Facts:
    """Figures with their names, which are taken in at a glance."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        columns: What stands at the top.
        rows: Numbers, texts, and None where there is nothing.
        in_brief: How many rows are enough where there is little room.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    in_brief: int = 20


@dataclass(frozen=True)
class Code:
    """Text to copy."""

    language: str
    text: str


@dataclass(frozen=True)
class Pictures:
    """Pictures side by side, where there is room."""

    pictures: tuple[DrawnPicture, ...]


@dataclass(frozen=True)
class Findings:
    """What is wrong with the study, and what to do."""

    findings: tuple[Finding, ...]


Block: TypeAlias = Paragraph | Facts | Table | Code | Pictures | Findings
"""A part of a section."""


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Attributes:
        title: Its title; or empty.
        blocks: What is in it.
        side_by_side: Whether they may stand side by side, where there is room.
    """

    title: str
    blocks: tuple[Block, ...]
    side_by_side: bool = False


@dataclass(frozen=True)
class Report:
    """A report.

    Attributes:
        name: The study's name.
        lead: The verdict.
        state: In what state the study is, in a sentence; or empty.
        sections: What follows.
        trials: The trials that pictures and tables show, by number.
    """

    name: str
    lead: str
    state: str
    sections: tuple[Section, ...]
    trials: tuple[Trial, ...]


def report_content(view: StudyView) -> Report:
    """Look at a study, and draw its pictures.

    Raises:
        ImportError: matplotlib is not installed.
    """
    parts = (
        Section("", (Facts(tuple(_facts(view))),)),
        Section("What to look at", tuple(_findings(view))),
        Section("Best parameters", tuple(_best(view)), side_by_side=True),
        Section("Progress and workers", tuple(_drawn(view, _progress(view), "progress", _DOTS))),
        Section("Parameters", tuple(_drawn(view, _parameters(view), "parameter", _TENTH))),
        Section("Outcomes", tuple(_outcomes(view))),
        Section("Strategy", tuple(_strategy(view))),
        Section("Best trials", tuple(_trials(view))),
    )
    return Report(
        name=view.name,
        lead=verdict(view),
        state=view.ending,
        sections=tuple(section for section in parts if section.blocks),
        trials=view.trials,
    )


def _facts(view: StudyView) -> Iterator[tuple[str, str]]:
    best = view.best
    if best is not None and best.metric is not None:
        yield f"best metric, {view.goal.direction}d", number_text(best.metric, 6)
    yield "trials", f"{len(view.trials):,}"
    yield "failed", f"{len(view.failures):,}"
    if view.elapsed is not None:
        yield "time", duration_text(view.elapsed)
    if lanes := lanes_of(view):
        yield "slots busy", f"{lanes.utilisation:.0%}"
    if view.strategy:
        yield "strategy", view.strategy


def _findings(view: StudyView) -> Iterator[Block]:
    if view.findings:
        yield Findings(view.findings)


def _best(view: StudyView) -> Iterator[Block]:
    if view.best is None:
        return
    params = view.best.params
    yield Table(
        ("parameter", "value"), tuple((n, _value(_exact(v))) for n, v in params.items()), 80
    )
    yield Code("yaml", yaml_params(params))
    yield Code("python", python_params(params))


def _progress(view: StudyView) -> Iterator[Callable[[], Picture]]:
    yield lambda: history_picture(view)
    if view.ended:
        yield lambda: time_picture(view)
        yield lambda: timeline_picture(view)


def _parameters(view: StudyView) -> Iterator[Callable[[], Picture]]:
    if not view.measured:
        return
    if len(view.important(2)) > 1:
        yield lambda: importance_picture(view)
    for name in view.important(MOST_SLICES):
        yield lambda name=name: slice_picture(view, name)  # type: ignore[misc]
    if len(pair := view.important(2)) == 2:
        yield lambda: contour_picture(view, *pair)
        yield lambda: parallel_picture(view)


def _drawn(
    view: StudyView, pictures: Iterator[Callable[[], Picture]], name: str, caption: str
) -> Iterator[Block]:
    made: list[DrawnPicture] = []
    missing: list[str] = []
    for i, make in enumerate(pictures):
        try:
            made.append(drawn(make(), f"{name}{i}-"))
        except NothingToShowError as error:
            missing.append(str(error))
    if made:
        yield Paragraph(caption)
        yield Pictures(tuple(made))
    if missing and view.trials:
        yield Paragraph(" ".join(dict.fromkeys(missing)))


def _outcomes(view: StudyView) -> Iterator[Block]:
    groups = outcome_groups(view.trials)
    if not groups:
        return
    rows = [(group.name, group.count, group.last, _value(group.message)) for group in groups]
    yield Table(("outcome", "trials", "last one", "what it said"), tuple(rows[:MOST_GROUPS]))
    if hidden := rows[MOST_GROUPS:]:
        count = sum(row[1] for row in hidden)
        yield Paragraph(f"{count:,} more trials failed in {len(hidden):,} other ways.")


def _strategy(view: StudyView) -> Iterator[Block]:
    if view.reason:
        yield Paragraph(f"{view.reason[:1].upper()}{view.reason[1:]}.")
    credit = credits_of(view.trials, view.goal)
    if len(credit) > 1:
        rows = tuple((n, c.trials, c.improvements, c.gain) for n, c in credit.items())
        yield Table(("strategy", "trials", "improvements", "total gain"), rows)


def _trials(view: StudyView) -> Iterator[Block]:
    if not view.measured:
        return
    ranked = sorted(view.measured, key=lambda t: (view.goal.loss(t.metric or 0.0), t.number))
    shown = ranked[:MOST_TRIALS]
    names = [name for name in view.space if any(name in trial.params for trial in shown)]
    rows = tuple((rank, *_row(trial, names)) for rank, trial in enumerate(shown, start=1))
    yield Table(("rank", "trial", "metric", *names, "seconds"), rows, in_brief=10)
    if len(ranked) > len(shown):
        yield Paragraph(f"The best {len(shown)} of {len(ranked):,} trials with a metric.")


def _row(trial: Trial, names: list[str]) -> tuple[Any, ...]:
    duration = None if trial.duration is None else round(trial.duration, 3)
    values = (_value(trial.params[name]) if name in trial.params else None for name in names)
    return trial.number, trial.metric, *values, duration


def _exact(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)


def _value(value: Any) -> Any:
    """A value as it stands in a cell: numbers as they are, all else as text on one line."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = value if isinstance(value, str) else repr(value)
    return shortened(printable_line(text[: LONGEST_TEXT + 1]), LONGEST_TEXT)
