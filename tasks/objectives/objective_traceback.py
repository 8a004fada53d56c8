"""Tracebacks that begin with the objective's own code."""

from __future__ import annotations

import importlib
import traceback
from pathlib import Path
from types import TracebackType

TRACEBACK_LIMIT = 16_000
"""Characters of a traceback, its end."""

_OURS = (str(Path(__file__).parents[1]), str(Path(importlib.__file__).parent), "<frozen importlib")


def format_traceback(error: BaseException) -> str:
    """An exception's traceback without the frames that led to the objective's first one."""
    try:
        lines = traceback.format_exception(type(error), error, _beyond_us(error.__traceback__))
    except Exception:  # noqa: BLE001 - formatting calls the error's own methods
        lines = traceback.format_tb(error.__traceback__)
    return "".join(lines)[-TRACEBACK_LIMIT:]


def _beyond_us(place: TracebackType | None) -> TracebackType | None:
    while place is not None and place.tb_frame.f_code.co_filename.startswith(_OURS):
        place = place.tb_next
    return place
