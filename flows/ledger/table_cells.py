"""Values of parameters in the cells of a table, where nothing may stand for what is not there."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, final


@final
class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()
"""What stands in a column for a row without a value: the parameter is not active."""


def needs_json(values: Sequence[Any]) -> bool:
    """Whether a column holds values that are no single number, text or truth."""
    return any(value is None or isinstance(value, list | dict) for value in values)


def json_cells(values: Sequence[Any]) -> list[str | None]:
    """A column in which each value is told from all others: its JSON, None where there is none.

    A text stands as it is, unless it is JSON itself: then it is quoted.

    Example:
        ```python
        from prefect_tuner.flows.ledger.table_cells import ABSENT, json_cells

        assert json_cells([None, "sqrt", 3, [64, 32], ABSENT]) == [
            "null", "sqrt", "3", "[64, 32]", None
        ]
        assert json_cells([None, "null", "3"]) == ["null", '"null"', '"3"']
        ```
    """
    return [None if value is ABSENT else json_cell(value) for value in values]


def json_cell(value: Any) -> str:
    """One such cell."""
    text = json.dumps(value, ensure_ascii=False)
    return value if isinstance(value, str) and not _is_json(value) else text


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
