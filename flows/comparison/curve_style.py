"""How curves are told from each other: by colours, by dashes, by letters at their ends.

The colours are those that the colour-blind tell apart; with the dashes, ten curves differ.
"""

from __future__ import annotations

from dataclasses import dataclass

from prefect_tuner.flows.comparison.curve import MOST_CURVES
from prefect_tuner.flows.pictures.look import BLUE, GREEN, INK, PURPLE, VERMILLION

_COLOURS = (BLUE, VERMILLION, GREEN, PURPLE, INK)
_DASHES: tuple[tuple[float, ...], ...] = ((), (5, 1.6), (1.2, 1.4), (6, 1.5, 1.2, 1.5), (9, 3))


@dataclass(frozen=True)
class CurveStyle:
    """How one curve is drawn.

    Attributes:
        colour: Of the line and its letter.
        dashes: Lengths of dashes and gaps in widths of the line; empty for a line without gaps.
    """

    colour: str
    dashes: tuple[float, ...]


def curve_styles(count: int) -> list[CurveStyle]:
    """A style for each of some curves, of which no two are alike.

    Args:
        count: Ten at the most.

    Example:
        ```python
        from prefect_tuner.flows.comparison.curve_style import curve_styles

        assert len(set(curve_styles(10))) == 10
        ```
    """
    if count > MOST_CURVES:
        raise ValueError(f"count: must be at most {MOST_CURVES}, got {count}")
    size = len(_COLOURS)
    return [
        CurveStyle(_COLOURS[place % size], _DASHES[(place + place // size) % size])
        for place in range(count)
    ]
