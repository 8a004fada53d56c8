"""What a comparison says as a document: curves by trial and by time, and the tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefect_tuner.flows.comparison.compared_study import (
    ComparedStudy,
    ahead_after,
    compared_counts,
    leading_sentence,
)
from prefect_tuner.flows.comparison.comparison_figure import comparison_picture
from prefect_tuner.flows.comparison.curve import (
    MOST_CURVES,
    MOST_NAMES,
    By,
    curves_of,
    letter_of,
    mark_of,
)
from prefect_tuner.flows.comparison.differences import differences_of
from prefect_tuner.flows.comparison.strategy_text import strategy_text
from prefect_tuner.flows.pictures.number_axis import number_text, number_texts
from prefect_tuner.flows.pictures.picture import NothingToShowError
from prefect_tuner.flows.pictures.svg import DrawnPicture, drawn
from prefect_tuner.flows.study_report.report_parts import (
    Block,
    Facts,
    Paragraph,
    Pictures,
    Report,
    Section,
    Table,
)
from prefect_tuner.printable_text import fitted, printable_line, shortened
from prefect_tuner.trial import Trial

LONGEST_TEXT = 300
"""Characters in a cell."""

_LONGEST_TITLE, _LONGEST_HEAD = 60, 26

_CAPTION = (
    "Each line is the best metric so far of one study; its letter stands at the right, and a dot "
    "where the study ends. By time, a study counts from its own start, without the time between "
    "its runs."
)
_BY: tuple[By, ...] = ("trial", "time")


def comparison_content(studies: Sequence[ComparedStudy]) -> Report:
    """Look at several studies, and draw their pictures.

    Args:
        studies: Two or more.

    Raises:
        ImportError: matplotlib is not installed.
    """
    letters = tuple(letter_of(place) for place in range(len(studies)))
    heads = letters if len(studies) > MOST_NAMES else _named(studies)
    parts = (
        Section("", (Facts(tuple(_best_metrics(studies))),)),
        Section("In what they differ", tuple(_differences(studies, heads))),
        Section("Best so far", tuple(_pictures(studies))),
        Section("Studies", (_facts(studies),)),
        Section("Best so far after equal numbers of trials", tuple(_counts(studies, heads))),
        Section("Parameters of the best", tuple(_params(studies, heads))),
    )
    return Report(
        name=_title(studies),
        lead=f"{leading_sentence(studies)}.",
        state="",
        sections=tuple(section for section in parts if section.blocks),
        trials=(),
        kind="Comparison of tuning studies",
        others=_marked(studies),
    )


def _title(studies: Sequence[ComparedStudy]) -> str:
    *first, last = (study.name for study in studies)
    title = f"{', '.join(first)} and {last}"
    return title if len(title) <= _LONGEST_TITLE else f"{len(studies)} studies side by side"


def _named(studies: Sequence[ComparedStudy]) -> tuple[str, ...]:
    return tuple(
        f"{letter_of(place)} {fitted(study.name, _LONGEST_HEAD)}"
        for place, study in enumerate(studies)
    )


def _best_metrics(studies: Sequence[ComparedStudy]) -> Iterator[tuple[str, str]]:
    metrics = [s.best.metric for s in studies if s.best is not None and s.best.metric is not None]
    texts = iter(number_texts(metrics, 6))
    comparable = len({study.goal for study in studies}) == 1
    for name, study in zip(_named(studies), studies, strict=True):
        direction = "" if comparable else f", {study.goal.direction}d"
        yield f"{name}{direction}", "no metric" if study.best is None else next(texts)


def _differences(studies: Sequence[ComparedStudy], heads: tuple[str, ...]) -> Iterator[Block]:
    found = differences_of(studies)
    if not found:
        return
    yield Paragraph("Where these are not the same, metrics may not be comparable.")
    rows = tuple(
        (_text(each.field), *(None if held is None else _text(held) for held in each.held))
        for each in found
    )
    yield Table(("what", *heads), rows)


def _pictures(studies: Sequence[ComparedStudy]) -> Iterator[Block]:
    views = [study.view for study in studies]
    made: list[DrawnPicture] = []
    missing: list[str] = []
    for by in _BY:
        try:
            made.append(drawn(comparison_picture(views, by), f"{by}-"))
        except NothingToShowError as error:
            missing.append(str(error))
    if made:
        more = f" The pictures show the first {MOST_CURVES} of {len(studies)} studies."
        yield Paragraph(_CAPTION + (more if len(studies) > MOST_CURVES else ""))
        yield Pictures(tuple(made))
    if missing:
        yield Paragraph(" ".join(dict.fromkeys(missing)))


def _facts(studies: Sequence[ComparedStudy]) -> Table:
    rows = tuple(_fact_row(letter_of(place), study) for place, study in enumerate(studies))
    columns = (
        "letter", "study", "state", "strategy", "trials", "failed", "known results", "best metric",
        "found by trial", "seconds", "seconds of a trial",
    )  # fmt: skip
    shown = [i for i in range(len(columns)) if i < 2 or any(row[i] is not None for row in rows)]
    return Table(
        tuple(columns[i] for i in shown), tuple(tuple(row[i] for i in shown) for row in rows)
    )


def _fact_row(letter: str, study: ComparedStudy) -> tuple[Any, ...]:
    best, mean = study.best, study.mean_duration
    return (
        letter,
        _text(study.study.name),
        study.study.status.value,
        _text(strategy_text(study.state.definition)),
        len(study.trials),
        study.failed,
        len(study.state.known) or None,
        None if best is None else best.metric,
        None if best is None else best.number,
        round(study.study.elapsed, 1),
        None if mean is None else round(mean, 3),
    )


def _counts(studies: Sequence[ComparedStudy], heads: tuple[str, ...]) -> Iterator[Block]:
    rows = tuple(
        (
            count,
            ", ".join(letter_of(place) for place in ahead_after(studies, count)) or None,
            *(study.best_after(count) for study in studies),
        )
        for count in compared_counts(studies)
    )
    if not rows:
        return
    if all(row[1] is None for row in rows):  # None can be said to be ahead of others.
        yield Table(("trials", *heads), tuple((row[0], *row[2:]) for row in rows))
    else:
        yield Table(("trials", "ahead", *heads), rows)


def _params(studies: Sequence[ComparedStudy], heads: tuple[str, ...]) -> Iterator[Block]:
    best = [{} if study.best is None else study.best.params for study in studies]
    names = list(dict.fromkeys(name for params in best for name in params))
    if names:
        rows = (
            (_text(name), *(_value(params[name]) if name in params else None for params in best))
            for name in names
        )
        yield Table(("parameter", *heads), tuple(rows))


def _marked(studies: Sequence[ComparedStudy]) -> Mapping[int, tuple[str, Trial]]:
    """The trials that stand in pictures, by their marks."""
    views = [study.view for study in studies]
    return {
        mark_of(curve, trial): (f"{curve.letter} {curve.name}", trial)
        for by in _BY
        for curve in curves_of(views, by)
        for trial in curve.records
    }


def _value(value: object) -> str:
    if isinstance(value, float):
        return number_text(value, 6)
    return _text(value if isinstance(value, str) else repr(value))


def _text(text: str) -> str:
    return shortened(printable_line(text[: LONGEST_TEXT + 1]), LONGEST_TEXT)
