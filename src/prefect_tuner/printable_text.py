"""Text from trials and users, made safe for logs, terminals and databases."""

from __future__ import annotations

import re
import unicodedata

# Those of ECMA-48 that set colours and move the cursor, and those that set a window's title.
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")

_MOST_ACCENTS = 3
"""Characters for each column that a text has room for: accents upon accents take no column."""


def printable(text: str) -> str:
    r"""A text without control characters, colours and what a database would not store.

    Line breaks and tabs stay.

    Example:
        ```python
        from prefect_tuner.printable_text import printable

        assert printable("\x1b[31mred\x1b[0m\tone\ntwo\x00") == "red\tone\ntwo�"
        ```
    """
    if text.isprintable():
        return text
    text = _ESCAPE_SEQUENCE.sub("", text)
    return "".join(c if c.isprintable() or c in "\t\n" else "�" for c in text)


def printable_paragraph(text: str) -> str:
    r"""The same, with all lines but the first indented: none of them can pass for a line of a log.

    Example:
        ```python
        from prefect_tuner.printable_text import printable_paragraph

        assert printable_paragraph("bad\n12:00 INFO well") == "bad\n    12:00 INFO well"
        ```
    """
    return printable(text).replace("\n", "\n    ")


def printable_line(text: str) -> str:
    r"""The same in one line, with each run of white space a single space.

    Example:
        ```python
        from prefect_tuner.printable_text import printable_line

        assert printable_line("one\n\ntwo\x00") == "one two�"
        ```
    """
    return printable(" ".join(text.split()))


def shortened(text: str, longest: int) -> str:
    """A text of at most `longest` characters, an ellipsis in the place of what is left out.

    Example:
        ```python
        from prefect_tuner.printable_text import shortened

        assert shortened("connection reset by peer", 11) == "connection…"
        assert shortened("timeout", 11) == "timeout"
        ```
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def text_width(text: str) -> int:
    """Columns that a text takes in a terminal: two for a wide character, none for an accent.

    Example:
        ```python
        from prefect_tuner.printable_text import text_width

        assert text_width("a学習") == 5
        ```
    """
    return sum(map(_width, text))


def fitted(text: str, width: int) -> str:
    """A text in at most `width` columns: names differ at both ends, so the middle is left out.

    Example:
        ```python
        from prefect_tuner.printable_text import fitted

        assert fitted("churn/nightly-2026-11-29", 15) == "churn/n…6-11-29"
        assert fitted("学習率の探索", 7) == "学…索"
        assert fitted("churn", 15) == "churn"
        ```

    Args:
        text: One line.
        width: Three at least.
    """
    if text_width(text) <= width and len(text) <= _MOST_ACCENTS * width:
        return text
    room = width - 1
    return f"{_beginning(text, room - room // 2)}…{_beginning(text[::-1], room // 2)[::-1]}"


def _beginning(text: str, width: int) -> str:
    taken = 0
    for place, character in enumerate(text[: _MOST_ACCENTS * width]):
        taken += _width(character)
        if taken > width:
            return text[:place]
    return text[: _MOST_ACCENTS * width]


def _width(character: str) -> int:
    if unicodedata.east_asian_width(character) in ("W", "F"):
        return 2
    return 0 if unicodedata.category(character) in ("Mn", "Me") else 1
