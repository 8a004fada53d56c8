"""A report as Markdown, for the Prefect UI: pictures are within it, and nothing is fetched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any

from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.pictures.number_axis import number_text
from prefect_tuner.flows.pictures.svg import DrawnPicture
from prefect_tuner.flows.reports.markdown_text import markdown_text
from prefect_tuner.flows.study_report.parameter_text import yaml_params
from prefect_tuner.flows.study_report.report_parts import (
    Block,
    Code,
    Facts,
    Findings,
    Paragraph,
    Pictures,
    Report,
    Table,
    sentence,
)
from prefect_tuner.printable_text import printable_line, shortened

LARGEST = 480_000
"""Bytes of the whole: a request to Prefect Cloud may have 5 MB, and pages shall open at once."""

LARGEST_PICTURE = 60_000
"""Bytes of one picture as its address."""

_MOST_COLUMNS = 4
_LONGEST_JOINED = 400


def markdown_report(report: Report) -> str:
    """The report as Markdown."""
    lines = [f"# {markdown_text(report.name)}", "", f"**{markdown_text(report.lead)}**", ""]
    if report.state:
        lines += [f"{markdown_text(report.state)}.", ""]
    left = [LARGEST]
    for section in report.sections:
        if section.title:
            lines += [f"## {section.title}", ""]
        for block in section.blocks:
            written = list(_block(block, left))
            left[0] -= sum(len(line.encode()) + 1 for line in written)
            lines += [*written, ""]
    return "\n".join(lines)


def _block(block: Block, left: list[int]) -> Iterator[str]:
    match block:
        case Paragraph(text):
            yield markdown_text(text)
        case Facts(pairs):
            # A table of one row: in a list, figures would not stand side by side.
            yield _row(markdown_text(name) for name, _ in pairs)
            yield _row("---" for _ in pairs)
            yield _row(f"**{markdown_text(value)}**" for _, value in pairs)
        case Table():
            yield from _table(block)
        case Code(language, text):
            yield from _fenced(language, text)
        case Pictures(pictures):
            yield from _pictures(pictures, left[0])
        case Findings(findings):
            for finding in findings:
                yield from _finding(finding)


def _table(table: Table) -> Iterator[str]:
    columns, rows = _narrowed(table)
    yield _row(markdown_text(shortened(printable_line(name), 60)) for name in columns)
    numeric = [
        all(isinstance(row[i], int | float) or row[i] is None for row in rows)
        for i in range(len(columns))
    ]
    yield _row("---:" if is_number else "---" for is_number in numeric)
    for row in rows:
        yield _row(map(_cell, row))


def _narrowed(table: Table) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows for a narrow page: the last of many columns become one."""
    columns, rows = list(table.columns), [list(row) for row in table.rows[: table.in_brief]]
    if len(columns) <= _MOST_COLUMNS:
        return columns, rows
    own = _MOST_COLUMNS - 1
    names = columns[own:]
    joined = [
        ", ".join(
            f"{name}={_told(value, 4)}"
            for name, value in zip(names, row[own:], strict=True)
            if value is not None
        )
        for row in rows
    ]
    texts = [shortened(printable_line(text), _LONGEST_JOINED) for text in joined]
    return [*columns[:own], "and"], [
        [*row[:own], text] for row, text in zip(rows, texts, strict=True)
    ]


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    return "" if value is None else markdown_text(_told(value))


def _told(value: Any, digits: int = 6) -> str:
    return number_text(value, digits) if isinstance(value, float) else str(value)


def _fenced(language: str, text: str) -> Iterator[str]:
    ticks = max((len(found) for found in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, ticks + 1)
    yield f"{fence}{language}"
    yield text.rstrip("\n")
    yield fence


def _pictures(pictures: tuple[DrawnPicture, ...], left: int) -> Iterator[str]:
    """Images in one paragraph: as many side by side as the page has room for."""
    hidden = 0
    images = []
    for picture in pictures:
        uri = picture.data_uri
        if len(uri) > min(LARGEST_PICTURE, left):
            hidden += 1
            continue
        left -= len(uri) + len(picture.alt) + 100
        alt = escape(shortened(printable_line(picture.alt), 500), quote=True)
        # Beside each other, where there is room: by itself, each image has a line of its own.
        images.append(f'<img src="{uri}" alt="{alt}" width="{picture.width}" align="left">')
    yield "\n".join(images)
    if images:
        yield '<br clear="all">'
    if hidden:
        yield ""
        yield f"{hidden} more pictures are in the HTML report."


def _finding(finding: Finding) -> Iterator[str]:
    yield f"- **{markdown_text(sentence(finding.sentence, finding.parameter))}** "
    yield f"  {markdown_text(sentence(finding.advice))}"
    if finding.space and finding.parameter in finding.space:
        entry = yaml_params({finding.parameter: finding.space[finding.parameter]})
        yield ""
        yield from (f"  {line}" for line in _fenced("yaml", entry))
    yield ""
