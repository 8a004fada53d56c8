"""Tables as the terminal shows them: drawn alike, with plain text in their cells."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.table import Column, Table
from rich.text import Text

from prefect_tuner.flows.confirmation.confirmation import Confirmation
from prefect_tuner.printable_text import printable_line
from prefect_tuner.trial import Trial


def terminal_table(*columns: Column, title: str = "") -> Table:
    """A table of rows under headings.

    Example:
        ```python
        from rich.console import Console

        from prefect_tuner.flows.reports.terminal_table import (
            cell,
            figures,
            terminal_table,
            words,
        )

        table = terminal_table(*words("strategy"), *figures("trials"))
        table.add_row(cell("gp"), "12")
        Console().print(table)
        ```
    """
    return Table(*columns, box=box.ROUNDED, title=title, title_justify="left")


def words(*headings: str) -> list[Column]:
    """Columns of texts, which may take several lines."""
    return [Column(heading, overflow="fold") for heading in headings]


def terms(*headings: str) -> list[Column]:
    """Columns of texts that are short and stay in one piece."""
    return [Column(heading, no_wrap=True) for heading in headings]


def figures(*headings: str) -> list[Column]:
    """Columns of numbers."""
    return [Column(heading, justify="right", no_wrap=True) for heading in headings]


def cell(text: str) -> Text:
    """A text from a trial, a user or a ledger as a cell that shows it and does nothing else."""
    return Text(printable_line(text))


class FactTable(Table):
    """Names and what they stand for, in sections, without headings."""

    def __init__(self) -> None:
        name, value = words("", "")
        name.style = "bold"
        super().__init__(name, value, box=box.ROUNDED, show_header=False)

    def add(self, name: str, value: str, style: str = "") -> None:
        """One fact."""
        self.add_row(cell(name), cell(value), style=style)

    def add_metric(self, best: Trial) -> None:
        """The best metric and what else its trial has returned."""
        self.add("best metric", f"{best.metric!r} (trial {best.number})", "green")
        self._add_values(best.extra)

    def add_confirmation(self, confirmation: Confirmation) -> None:
        """What evaluating the best trials anew has shown."""
        winner = confirmation.winner
        if winner is not None:
            self.add("winner", f"trial {winner.number}, mean {winner.mean!r}", "green")
        self.add("confirmation", confirmation.verdict)
        if winner is not None:
            self.add("parameters", f"below, those of trial {winner.number}")

    def add_params(self, best: Trial) -> None:
        """The best parameters, as a section of their own."""
        self.add_section()
        self._add_values(best.params)
        self.add_section()

    def _add_values(self, values: Mapping[str, object]) -> None:
        for name, value in values.items():
            self.add_row(cell(name), Text(repr(value)))
