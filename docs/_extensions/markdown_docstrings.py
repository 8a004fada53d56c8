"""Has autodoc read docstrings of this package, which are Google style with Markdown in them.

Napoleon turns Google's sections into reStructuredText, and takes what stands in them for such. Two
things are written in another way there: code between lines of three backticks, and `names`.
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

_FENCE = re.compile(r"^( *)```(\w*)$")
_NAME = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LIST_ITEM = re.compile(r"^ *(?:-|\d+\.) ")
_BEFORE_NAPOLEON = 100
"""Its own priority is 500."""

_ATTRIBUTES = ("attribute", "data", "property")
"""What napoleon takes for `type: description`; here, types are annotations."""


def as_restructured_text(lines: list[str]) -> list[str]:
    """The lines of a docstring with their Markdown as reStructuredText.

    Example:
        ```python
        assert as_restructured_text(["What `x` is."]) == ["What ``x`` is."]
        ```
    """
    converted: list[str] = []
    prose: list[str] = []
    fence: re.Match[str] | None = None
    for line in lines:
        found = _FENCE.match(line)
        if found and fence is None:
            fence = found
            converted += _names_as_literals(prose)
            prose = []
            converted += ["", f"{found[1]}.. code-block:: {found[2] or 'text'}", ""]
        elif found:
            fence = None
            converted.append("")
        elif fence is not None:
            converted.append(f"   {line}" if line.strip() else "")
        else:
            if _LIST_ITEM.match(line) and prose and not _continues_list(prose):
                prose.append("")
            prose.append(line)
    return converted + _names_as_literals(prose)


def as_description(lines: list[str]) -> list[str]:
    """The lines of an attribute's docstring, of which nothing before a colon is its type.

    Example:
        ```python
        assert as_description(["What to deploy: the winner."]) == [": What to deploy: the winner."]
        ```
    """
    return [f": {lines[0]}", *lines[1:]] if lines and ":" in lines[0] else lines


def _continues_list(prose: list[str]) -> bool:
    """Whether an item may follow these lines without a blank one."""
    previous = prose[-1]
    return not previous.strip() or _LIST_ITEM.match(previous) is not None or previous[:1] == " "


def _names_as_literals(lines: list[str]) -> list[str]:
    """Code between single backticks as literals, also where it goes on in the next line."""
    if not lines:
        return []
    text = _NAME.sub(lambda name: f"``{' '.join(name[1].split())}``", "\n".join(lines))
    return text.split("\n")


def _convert(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    converted = as_restructured_text(lines)
    lines[:] = as_description(converted) if what in _ATTRIBUTES else converted


def setup(app: Sphinx) -> dict[str, bool]:
    """Convert each docstring before napoleon reads it."""
    app.connect("autodoc-process-docstring", _convert, priority=_BEFORE_NAPOLEON)
    return {"parallel_read_safe": True}
