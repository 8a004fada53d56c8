"""What a report is made of, however it is written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.pictures.svg import DrawnPicture
from prefect_tuner.trial import Trial


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
        kind: What it is a report of.
        others: Trials of several studies by the numbers of their marks, with what is said before
            them.
    """

    name: str
    lead: str
    state: str
    sections: tuple[Section, ...]
    trials: tuple[Trial, ...]
    kind: str = "Tuning study"
    others: Mapping[int, tuple[str, Trial]] = field(default_factory=dict)


def sentence(text: str, parameter: str = "") -> str:
    """Half a sentence as a whole one.

    Args:
        text: The words.
        parameter: A name that stays as it is written, where the sentence begins with it.
    """
    if parameter and text.startswith(parameter):
        return f"{text}."
    return f"{text[:1].upper()}{text[1:]}."
