"""Docstrings of the package, Google style with Markdown, as Sphinx reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field
from sphinx.ext.napoleon.docstring import GoogleDocstring

from docs._extensions.markdown_docstrings import as_description, as_restructured_text
from docs._extensions.plain_signatures import without_metadata


def _converted(text: str) -> str:
    return "\n".join(as_restructured_text(text.split("\n")))


def test_names_are_literals_also_across_lines() -> None:
    assert _converted("What `x` is,\nand `a\nb`.") == "What ``x`` is,\nand ``a b``."


def test_literals_stay_literals() -> None:
    assert _converted("What ``x`` is.") == "What ``x`` is."


def test_code_is_a_block_of_its_language_with_its_indent() -> None:
    text = "Example:\n    ```python\n    if `x`:\n\n        pass\n    ```\nEnd."
    lines = _converted(text).split("\n")
    assert lines[2] == "    .. code-block:: python"
    assert lines[4:7] == ["       if `x`:", "", "           pass"]
    assert lines[-2:] == ["", "End."]


def test_a_list_right_after_a_paragraph_is_set_apart() -> None:
    assert _converted("These:\n- one\n  more\n- two") == "These:\n\n- one\n  more\n- two"


def test_what_stands_before_a_colon_is_no_type_of_an_attribute() -> None:
    lines = ["What to deploy: the winner.", "", "More: of it."]
    read = GoogleDocstring(as_description(lines), what="property", name="winner")
    assert ":type:" not in str(read)
    assert "What to deploy: the winner." in str(read)


def test_types_are_shown_without_their_limits() -> None:
    limited = Annotated[int, Field(ge=1)]
    assert without_metadata(limited | Literal["auto"] | None) == int | Literal["auto"] | None
    assert without_metadata(Mapping[str, int]) == Mapping[str, int]
