"""Text from trials and users, made safe for markdown."""

from __future__ import annotations

import re

from prefect_tuner.printable_text import printable_line

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_WORD_JOINER = "\u2060"

# Where GitHub's markdown makes links of bare addresses, escaped or not: behind a scheme, before
# the point of "www." and before the sign of an email address.
_BEFORE_LINK = re.compile(r"(?<=:)(?=//)|(?<=www)(?=\.)|(?=@)", re.IGNORECASE)
_MARKUP = re.compile(r"[&<>\\`*_{}\[\]()#+!|~$-]")
_NUMBER_OF_ITEM = re.compile(r"^(\d+)\.(?= |$)")


def markdown_text(text: str) -> str:
    r"""A text as markdown that shows it, on one line, and does nothing else.

    Addresses are no links: an invisible character stands where they would be recognized.

    Example:
        ```python
        from prefect_tuner.flows.reports.markdown_text import markdown_text

        assert markdown_text("<b>*x*</b>") == r"&lt;b&gt;\*x\*&lt;/b&gt;"
        ```
    """
    unlinked = _BEFORE_LINK.sub(_WORD_JOINER, printable_line(text))
    escaped = _MARKUP.sub(lambda found: _ENTITIES.get(found[0], f"\\{found[0]}"), unlinked)
    return _NUMBER_OF_ITEM.sub(r"\1\.", escaped)
