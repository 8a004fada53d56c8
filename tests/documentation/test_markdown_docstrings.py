"""Docstrings of the package, Google style with Markdown, as Sphinx reads them."""

from __future__ import annotations

from docs._extensions.markdown_docstrings import as_restructured_text


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
