"""The terminal, as everything here prints to it."""

from __future__ import annotations

from rich.console import Console


def plain_console(*, stderr: bool = False) -> Console:
    """A console that shows every text as it is."""
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


def is_live(console: Console) -> bool:
    """Whether what was shown can be changed: on a terminal that can move its cursor."""
    # Environments that ask for colour make rich believe in a terminal where there is a file.
    return console.is_interactive and console.file.isatty()
