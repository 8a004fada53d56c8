"""A report as one HTML file, which needs nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from prefect_tuner import __version__
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.pictures.number_axis import number_text
from prefect_tuner.flows.pictures.svg import DrawnPicture, themed
from prefect_tuner.flows.study_report.parameter_text import yaml_params
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
from prefect_tuner.printable_text import printable, printable_line, shortened
from prefect_tuner.trial import Trial

# Whatever the texts of a study hold, the browser neither fetches nor runs it.
_POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
_PARAMETERS_TOLD = 12
_LONGEST_VALUE = 60


def html_report(report: Report) -> str:
    """The report as a page: with tooltips, sortable tables, in the theme of its reader."""
    folder = Path(__file__).parent
    style = (folder / "report.css").read_text("utf-8")
    script = (folder / "report.js").read_text("utf-8")
    name = _text(report.name)
    state = f'<p class="state">{_text(report.state)}.</p>' if report.state else ""
    sections = "\n".join(_section(section) for section in report.sections)
    data = json.dumps(_told_trials(report)).replace("<", "\\u003c")
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{name} · prefect-tuner</title>
<style>
{style}</style>
</head>
<body>
<main>
<header>
<p class="kind">{_text(report.kind)}</p>
<h1>{name}</h1>
<p class="lead">{_text(report.lead)}</p>
{state}
</header>
{sections}
<footer>Made by prefect-tuner {__version__}. Nothing on this page comes from elsewhere.</footer>
</main>
<div id="tip" role="status" hidden></div>
<script type="application/json" id="trials">{data}</script>
<script>
{script}</script>
</body>
</html>
"""


def _section(section: Section) -> str:
    title = f"<h2>{_text(section.title)}</h2>" if section.title else ""
    blocks = "".join(map(_block, section.blocks))
    if section.side_by_side:
        blocks = f'<div class="columns">{blocks}</div>'
    return f"<section>{title}{blocks}</section>"


def _block(block: Block) -> str:
    match block:
        case Paragraph(text):
            return f"<p>{_text(text)}</p>"
        case Facts(pairs):
            items = "".join(
                f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in pairs
            )
            return f'<dl class="facts">{items}</dl>'
        case Table():
            return _table(block)
        case Code(language, text):
            return _code(language, text)
        case Pictures(pictures):
            return f'<div class="pictures">{"".join(map(_picture, pictures))}</div>'
        case Findings(findings):
            return f'<ul class="findings">{"".join(map(_finding, findings))}</ul>'


def _table(table: Table) -> str:
    numeric = [
        all(isinstance(row[i], int | float) or row[i] is None for row in table.rows)
        for i in range(len(table.columns))
    ]
    head = "".join(
        f'<th scope="col"{_number_class(is_number)}>'
        f'<button type="button">{_text(name)}</button></th>'
        for name, is_number in zip(table.columns, numeric, strict=True)
    )
    rows = "".join(
        "<tr>"
        + "".join(_cell(value, is_number) for value, is_number in zip(row, numeric, strict=True))
        + "</tr>"
        for row in table.rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(value: Any, is_number: bool) -> str:
    if value is None:
        return "<td></td>"
    if is_number:
        shown = number_text(value, 6) if isinstance(value, float) else str(value)
        return f'<td class="number" data-value="{value!r}" title="{value!r}">{shown}</td>'
    return f"<td>{_text(str(value))}</td>"


def _number_class(is_number: bool) -> str:
    return ' class="number"' if is_number else ""


def _code(language: str, text: str) -> str:
    label = {"yaml": "YAML", "python": "Python"}.get(language, language)
    return (
        f'<figure class="code"><figcaption>{_text(label)}<button type="button" class="copy">Copy'
        f"</button></figcaption><pre><code>{escape(printable(text))}</code></pre></figure>"
    )


def _picture(picture: DrawnPicture) -> str:
    marks = json.dumps(picture.marks, separators=(",", ":"))
    alt = escape(shortened(printable_line(picture.alt), 500), quote=True)
    svg = themed(picture.svg).replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)
    return f'<figure class="picture" data-marks="{marks}">{svg}</figure>'


def _finding(finding: Finding) -> str:
    code = ""
    if finding.space and finding.parameter in finding.space:
        code = _code("yaml", yaml_params({finding.parameter: finding.space[finding.parameter]}))
    return (
        f"<li><strong>{_text(sentence(finding.sentence, finding.parameter))}</strong> "
        f"<span>{_text(sentence(finding.advice))}</span>{code}</li>"
    )


def _told_trials(report: Report) -> Mapping[int, list[str]]:
    """What stands in the tooltips of the trials that pictures show."""
    shown = {
        number
        for section in report.sections
        for block in section.blocks
        if isinstance(block, Pictures)
        for picture in block.pictures
        for _, _, number in picture.marks
    }
    told = {t.number: list(_told(t)) for t in report.trials if t.number in shown}
    others = {mark: each for mark, each in report.others.items() if mark in shown}
    return told | {mark: [printable_line(text), *_told(t)] for mark, (text, t) in others.items()}


def _told(trial: Trial) -> Iterator[str]:
    outcome = "running" if trial.outcome is None else trial.outcome.value.replace("_", " ")
    yield f"Trial {trial.number}"
    yield outcome if trial.metric is None else f"metric {number_text(trial.metric, 6)}"
    if trial.duration is not None:
        yield f"{trial.duration:.3g} s"
    for name, value in list(trial.params.items())[:_PARAMETERS_TOLD]:
        told = number_text(value, 6) if isinstance(value, float) else repr(value)
        yield printable_line(f"{name} = {shortened(told, _LONGEST_VALUE)}")
    if (hidden := len(trial.params) - _PARAMETERS_TOLD) > 0:
        yield f"and {hidden} more"


def _text(text: str) -> str:
    return escape(printable_line(text), quote=True)
