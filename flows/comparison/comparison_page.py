"""A comparison in the terminal: curves and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from prefect_tuner.flows.comparison.compared_study import (
    ComparedStudy,
    ahead_after,
    compared_counts,
    leading_sentence,
)
from prefect_tuner.flows.comparison.curve import (
    MOST_CURVES,
    MOST_NAMES,
    Curve,
    by_direction,
    curves_of,
    doubt_about,
    letter_of,
)
from prefect_tuner.flows.comparison.curve_plot import curve_plot
from prefect_tuner.flows.comparison.differences import (
    LONGEST_VALUE,
    difference_sentences,
    differences_of,
)
from prefect_tuner.flows.comparison.strategy_text import strategy_text
from prefect_tuner.flows.reports.terminal_table import cell, terminal_table, terms, words
from prefect_tuner.flows.reports.time_text import duration_text
from prefect_tuner.printable_text import printable_line, shortened

_COLOURS = ("blue", "red", "green", "magenta", "cyan")
_MOST_COLUMNS = 8
_SHORT, _FOLDED, _BORDER = 10, 7, 3
"""The width of a text that stays in one piece, of a longer one in lines, and of what is between."""

_WIDTH_OF_LETTER, _WIDTH_OF_METRIC = 6, 13


def comparison_page(studies: Sequence[ComparedStudy], width: int = 80) -> Group:
    """A comparison in the terminal.

    Args:
        studies: Two or more.
        width: Columns that plots may take.
    """
    return Group(*_parts(studies, width))


def _parts(studies: Sequence[ComparedStudy], width: int) -> Iterator[RenderableType]:
    yield Text(leading_sentence(studies))
    sentences = difference_sentences(differences_of(studies), studies)
    yield from (Text(f"They differ in {each}", "yellow") for each in sentences)
    yield from _curves(studies, width)
    yield _facts(studies, width)
    if counts := compared_counts(studies):
        yield _best_so_far_table(studies, counts, width)
    if any(s.best is not None for s in studies):
        yield _params_table(studies, width)


def _curves(studies: Sequence[ComparedStudy], width: int) -> Iterator[Text]:
    """A plot for each direction, and whose letter is whose."""
    views = [study.view for study in studies]
    curves = curves_of(views, "trial")
    doubt = doubt_about(views[: len(curves)])
    panels = by_direction([curve for curve in curves if curve.records])
    for direction, drawn in panels.items():
        more = f", {direction}d" if len(panels) > 1 else ""
        yield Text(f"\nBest so far by trial{more}{f' ({doubt})' if doubt else ''}", "italic")
        yield _coloured(curve_plot(drawn, width), drawn)
    for place, study in enumerate(studies):
        letter = letter_of(place)
        line = Text(f"  {letter} ", _colour(place)) if place < len(curves) else Text(f"  {letter} ")
        lacking = f"  {curves[place].lacking}" if place < len(curves) else ""
        line.append(f"{study.name}{lacking}".rstrip(), "default")
        yield line
    if len(studies) > len(curves):
        yield Text(f"The curves are those of the first {MOST_CURVES} of them")


def _coloured(plot: str, curves: Sequence[Curve]) -> Text:
    colours = {curve.letter: _colour(ord(curve.letter) - ord("A")) for curve in curves}
    return Text.assemble(*((each, colours.get(each, "")) for each in plot))


def _colour(place: int) -> str:
    return _COLOURS[place % len(_COLOURS)]


def _table(
    studies: Sequence[ComparedStudy],
    title: str,
    heading: str,
    rows: Mapping[str, Sequence[Text]],
    width: int,
) -> Table:
    """What each study has: a column for each, or a row where they are many.

    Args:
        studies: The studies.
        title: Of the table; or empty.
        heading: What the names of the rows are.
        rows: By their names, a cell for each study.
        width: Columns of characters that there are.
    """
    letters = [letter_of(place) for place in range(len(studies))]
    if len(studies) > MOST_NAMES and len(rows) <= max(_MOST_COLUMNS, len(studies)):
        columns = words(*map(printable_line, rows))
        longest = [max(text.cell_len for text in each) for each in rows.values()]
        least = [each if each <= _SHORT else _FOLDED for each in longest]
        if sum(least) + _BORDER * (len(least) + 1) + 1 + len(letters[-1]) <= width:
            for column, room in zip(columns, least, strict=True):
                column.min_width = room
        table = terminal_table(*terms(""), *columns, title=title)
        for letter, *cells in zip(letters, *rows.values(), strict=True):
            table.add_row(letter, *cells)
        return table
    heads = letters if len(studies) > MOST_NAMES else [study.name for study in studies]
    table = terminal_table(*terms(heading), *words(*heads), title=title)
    for name, each in rows.items():
        table.add_row(cell(name), *each)
    return table


def _facts(studies: Sequence[ComparedStudy], width: int) -> Table:
    rows = {
        "state": [s.study.status.value for s in studies],
        "strategy": [strategy_text(s.state.definition) for s in studies],
        "trials": [f"{len(s.trials)}, {s.failed or 'none'} failed" for s in studies],
        "known results": [str(len(s.state.known) or "") for s in studies],
        "best metric": ["" if s.best is None else f"{s.best.metric:.6g}" for s in studies],
        "found by trial": ["" if s.best is None else str(s.best.number) for s in studies],
        "time": [duration_text(s.study.elapsed) for s in studies],
        "time of a trial": [
            "" if s.mean_duration is None else duration_text(s.mean_duration) for s in studies
        ],
    }
    cells = {name: list(map(cell, texts)) for name, texts in rows.items() if any(texts)}
    return _table(studies, "", "study", cells, width)


def _best_so_far_table(
    studies: Sequence[ComparedStudy], counts: Sequence[int], width: int
) -> Table:
    if len(studies) > MOST_NAMES:  # They stand beside each other: the first ones tell least.
        counts = counts[-max(1, (width - _WIDTH_OF_LETTER) // _WIDTH_OF_METRIC) :]
    rows = {}
    for count in counts:
        ahead = ahead_after(studies, count)
        rows[str(count)] = [_metric(s.best_after(count), i in ahead) for i, s in enumerate(studies)]
    title = "Best so far after equal numbers of trials (* the best)"
    return _table(studies, title, "trials", rows, width)


def _metric(metric: float | None, is_ahead: bool) -> Text:
    if metric is None:
        return Text("")
    return Text(f"{metric:.6g} *", "green") if is_ahead else Text(f"{metric:.6g}")


def _params_table(studies: Sequence[ComparedStudy], width: int) -> Table:
    best = [{} if s.best is None else s.best.params for s in studies]
    names = dict.fromkeys(name for params in best for name in params)
    rows = {
        name: [cell(_value(params[name]) if name in params else "") for params in best]
        for name in names
    }
    return _table(studies, "Parameters of the best", "parameter", rows, width)


def _value(value: object) -> str:
    return shortened(f"{value:.6g}" if type(value) is float else repr(value), LONGEST_VALUE)
