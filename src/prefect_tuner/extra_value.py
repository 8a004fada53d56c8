"""What an objective may return beside the metric: finite numbers, texts and bools."""

from __future__ import annotations

from typing import Any

from prefect_tuner.choice_value import RESERVED
from prefect_tuner.printable_text import printable_line
from prefect_tuner.trial import ExtraValue, finite_metric

LONGEST_EXTRA_TEXT = 1_000
"""Characters of a text: it stands in the ledger, and in the result, for good."""

KEPT = f"finite numbers, bools and texts of up to {LONGEST_EXTRA_TEXT:,} characters"
"""What is kept, in words."""


def extra_value(name: str, value: Any) -> ExtraValue | None:
    """A value as it is kept, None where it is not.

    Numbers become floats, numpy's bools and texts those of Python.

    Args:
        name: Its name; what bears one that begins with two underscores is not kept.
        value: Whatever the objective returned.

    Example:
        ```python
        from prefect_tuner.extra_value import extra_value

        assert extra_value("model_path", "/models/7.pkl") == "/models/7.pkl"
        assert extra_value("converged", True) is True
        assert extra_value("history", [0.1, 0.2]) is None
        ```
    """
    # Prefect acts on some such names when it reads a result; what is recorded is printable.
    if printable_line(name).startswith(RESERVED):
        return None
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        # Half a surrogate pair, as in names of files that are no UTF-8, makes no JSON.
        text = str.__str__(value).encode("utf-8", "backslashreplace").decode("utf-8")
        return text if len(text) <= LONGEST_EXTRA_TEXT else None
    return finite_metric(value)
