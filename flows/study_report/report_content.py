"""What a report says, in order; Markdown and HTML are two ways to write it down."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.analysis.fanova.brief_fanova import BriefFanova, brief_fanova
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
from prefect_tuner.flows.reports.leaderboard import confirmation_rows
from prefect_tuner.flows.reports.study_analysis import METHOD_NAMES
from prefect_tuner.flows.reports.time_text import duration_text
from prefect_tuner.flows.study_report.outcome_groups import outcome_groups
from prefect_tuner.flows.study_report.parameter_text import python_params, yaml_params
from prefect_tuner.flows.study_report.report_parts import (
    Block,
    Code,
    Facts,
    Findings,
    Paragraph,
    Pictures,
    Report,
    Section,
    Table,
    sentence,
)
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
_TOLD_BY_PED_ANOVA = (
    "PED-ANOVA says how much a parameter sets the best tenth of the trials apart from all of them."
)
_WITHOUT_FANOVA = (
    "fANOVA, by the variance of the metric, is shown where scikit-learn is installed: "
    'pip install "prefect-tuner[importance]".'
)
_TENTH = "The best tenth of the trials is in colour, and the star is the best trial."


def report_content(view: StudyView) -> Report:
    """Look at a study, and draw its pictures.

    Raises:
        ImportError: matplotlib is not installed.
    """
    parts = (
        Section("", (Facts(tuple(_facts(view))),)),
        Section("What to look at", tuple(_findings(view))),
        Section("Best trials, evaluated anew", tuple(_confirmed(view))),
        Section("Best parameters", tuple(_best(view)), side_by_side=True),
        Section("Progress and workers", tuple(_drawn(view, _progress(view), "progress", _DOTS))),
        Section("Parameters", tuple(_of_parameters(view))),
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


def _confirmed(view: StudyView) -> Iterator[Block]:
    if view.confirmation is None:
        return
    yield Paragraph(view.confirmation.verdict)
    columns = ("trial", "place", "mean", "low", "high", "in the search", "evaluations", "failed")
    rows = tuple(tuple(row.values()) for row in confirmation_rows(view.confirmation))
    yield Table((*columns, "seconds"), rows)


def _best(view: StudyView) -> Iterator[Block]:
    if view.winner is None:
        return
    params = view.winner.params
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


def _of_parameters(view: StudyView) -> Iterator[Block]:
    shares = {METHOD_NAMES["ped-anova"]: view.importance}
    if view.importance and len(view.important(2)) > 1:
        try:
            found = brief_fanova(view.space, view.trials)
        except InvalidConfiguration:  # scikit-learn is not installed.
            yield Paragraph(f"{_TOLD_BY_PED_ANOVA} {_WITHOUT_FANOVA}")
        else:
            yield Paragraph(f"{_TOLD_BY_PED_ANOVA} {_told_by_fanova(found)}")
            shares[METHOD_NAMES["fanova"]] = found.shares
    yield from _drawn(view, _parameters(view, shares), "parameter", _TENTH)


def _told_by_fanova(found: BriefFanova) -> str:
    if found.is_too_large:
        return "fANOVA is not shown: for so many parameters and choices it takes too long."
    if not found.shares:
        return "fANOVA does not tell here."
    of = "these trials"
    if found.taken < found.measured:
        of = f"{found.taken:,} of the {found.measured:,} trials with a metric, spread evenly"
    return (
        "fANOVA says how much of the metric's variance over the whole space a parameter explains "
        f"by itself, in a random forest of {of}: one that has more there than by PED-ANOVA keeps "
        "trials from being bad rather than making them the best."
    )


def _parameters(
    view: StudyView, shares: Mapping[str, Mapping[str, float]]
) -> Iterator[Callable[[], Picture]]:
    if not view.measured:
        return
    if len(view.important(2)) > 1:
        yield lambda: importance_picture(shares)
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
        yield Paragraph(sentence(view.reason, view.strategy))
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
