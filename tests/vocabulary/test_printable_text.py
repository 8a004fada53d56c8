from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import InvalidConfiguration
from prefect_tuner.printable_text import (
    printable,
    printable_line,
    printable_paragraph,
    shortened,
)


@given(st.text(st.characters()))
def test_a_text_made_printable_can_be_shown_and_stored(text: str) -> None:
    clean = printable(text)
    assert all(c.isprintable() or c in "\t\n" for c in clean)
    assert clean.encode().decode() == clean
    assert printable(clean) == clean


@given(st.text(st.characters()))
def test_of_a_paragraph_only_the_first_line_starts_at_the_margin(text: str) -> None:
    first, *others = printable_paragraph(text).split("\n")
    assert "\n".join([first, *(line.removeprefix("    ") for line in others)]) == printable(text)
    assert all(line.startswith("    ") for line in others)


@given(st.text(st.characters()))
def test_a_line_has_no_line_breaks_of_any_kind(text: str) -> None:
    assert printable_line(text).isprintable()
    assert len(printable_line(text).splitlines()) <= 1


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J",
        "\x1b]0;title\x07",
        "\x1b]8;;https://example.org\x1b\\",
        "\r",
        "\x9b",
        "\u202e",
        "\0",
    ],
)
def test_what_a_terminal_would_obey_is_not_left(text: str) -> None:
    for clean in (printable(text), printable_paragraph(text), printable_line(text)):
        assert set(clean) <= {"�"}


def test_the_names_in_a_mistake_are_shown_and_not_obeyed() -> None:
    error = InvalidConfiguration("config.\x1b[2J\u202e: is not known")
    assert str(error) == error.mistakes[0] == "config.�: is not known"


@given(st.text(), st.integers(1, 20))
def test_a_text_is_shortened_only_where_it_is_too_long(text: str, longest: int) -> None:
    short = shortened(text, longest)
    if len(text) <= longest:
        assert short == text
    else:
        assert len(short) == longest
        assert text.startswith(short.removesuffix("…"))
