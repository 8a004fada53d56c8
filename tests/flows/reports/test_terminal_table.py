"""Tables in the terminal: what they do with texts of others, and where there is little room."""

from __future__ import annotations

import io

from rich.console import Console
from rich.table import Table

from prefect_tuner import Outcome, Trial
from prefect_tuner.flows.reports.terminal_table import (
    FactTable,
    cell,
    figures,
    terminal_table,
    terms,
    words,
)

LONG = "a_name_that_is_longer_than_the_terminal_is_wide"
BEST = Trial(
    number=3,
    params={"lr": 0.1, LONG: "[red]two  spaces[/red]"},
    outcome=Outcome.COMPLETED,
    metric=0.97,
    extra={"std\x1b[31m": 0.01},
)


def rows_of(table: Table, width: int = 40) -> list[list[str]]:
    """The cells of all lines that have some."""
    console = Console(file=io.StringIO(), width=width, record=True)
    console.print(table)
    lines = console.export_text().replace("┃", "│").splitlines()
    return [[each.strip() for each in line.strip("│ ").split("│")] for line in lines if "│" in line]


def best_table() -> Table:
    table = FactTable()
    table.add_metric(BEST)
    table.add_params(BEST)
    table.add("ended\nbecause", "[b]it\tdid")
    return table


def test_facts_of_the_best_trial_are_its_metric_what_it_returned_and_its_parameters() -> None:
    assert rows_of(best_table(), 100) == [
        ["best metric", "0.97 (trial 3)"],
        ["std", "0.01"],
        ["lr", "0.1"],
        [LONG, "'[red]two  spaces[/red]'"],
        ["ended because", "[b]it did"],
    ]


def test_a_name_that_is_too_long_goes_on_in_the_next_line() -> None:
    names = "".join(row[0] for row in rows_of(best_table()))
    assert LONG in names


def test_texts_take_several_lines_where_numbers_and_terms_stay_in_one_piece() -> None:
    table = terminal_table(*figures("metric"), *terms("outcome"), *words("message"))
    table.add_row("0.123456789", "invalid metric", cell("[x] " + "long " * 10 + "\x1b[2Jend"))
    (_, first, *others) = rows_of(table, 60)
    assert first[:2] == ["0.123456789", "invalid metric"]
    assert " ".join([first[2], *(row[-1] for row in others)]) == "[x] " + "long " * 10 + "end"
