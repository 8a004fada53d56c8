"""Text from trials and users, made safe for logs, terminals and databases."""

from __future__ import annotations

import re

# Those of ECMA-48 that set colours and move the cursor, and those that set a window's title.
_ESCAPE_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))")


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
