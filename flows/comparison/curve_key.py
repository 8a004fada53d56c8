"""The key of a picture of curves: line, letter, best metric and name of each study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prefect_tuner.flows.comparison.curve import Curve
from prefect_tuner.flows.comparison.curve_style import CurveStyle
from prefect_tuner.flows.pictures.look import FONT, INK, POINTS, SMALL, WIDTH, label, reserve_foot
from prefect_tuner.flows.pictures.number_axis import number_texts
from prefect_tuner.printable_text import fitted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROW = 17
_PAD = 6
_LINE = (14.0, 50.0)
_LETTER, _BEST, _NAME = 59.0, 124.0, 134.0
_WIDEST_NAME = 32
_MOST_DIGITS = 6
_SIGNS = {"low": "\N{BLACK DOWN-POINTING TRIANGLE}", "high": "\N{BLACK UP-POINTING TRIANGLE}"}


def key_height(count: int, *, with_beyond: bool) -> float:
    """The pixels that a key needs.

    Args:
        count: How many curves there are.
        with_beyond: Whether it says what triangles mean.
    """
    return float((count + 1 + with_beyond) * _ROW + _PAD)


def add_key(
    figure: Figure,
    curves: Sequence[Curve],
    styles: Sequence[CurveStyle],
    beyond: Mapping[str, int],
) -> None:
    """Say at the foot of a picture which curve is whose.

    Args:
        figure: As high as it would be without, and `key_height` more.
        curves: All of them, also those that have no metric.
        styles: How they are drawn.
        beyond: How many metrics lie beyond the low and the high ends of axes.
    """
    from matplotlib.lines import Line2D

    height = figure.get_figheight() * POINTS
    rows = len(curves) + 1 + bool(beyond)
    reserve_foot(figure, key_height(len(curves), with_beyond=bool(beyond)))
    ends = number_texts([c.metrics[-1] for c in curves if c.records], _MOST_DIGITS)
    texts = iter(ends)
    font: Any = {"fontsize": SMALL, "fontfamily": FONT, "va": "center_baseline"}

    def write(row: int, x: float, text: str, **more: Any) -> None:
        y = (_PAD + (rows - row - 0.5) * _ROW) / height
        figure.text(x / WIDTH, y, text, **{"color": INK, **font, **more})

    write(0, _BEST, "best", ha="right")
    write(0, _NAME, "study")
    for row, (curve, style) in enumerate(zip(curves, styles, strict=True), start=1):
        y = (_PAD + (rows - row - 0.5) * _ROW) / height
        if curve.records:
            line = Line2D(
                [x / WIDTH for x in _LINE], [y, y], color=style.colour, linewidth=2.0,
                linestyle=(0, style.dashes) if style.dashes else "-",
            )  # fmt: skip
            figure.add_artist(line)
        write(row, _LETTER, curve.letter, color=style.colour, fontweight="bold", ha="center")
        write(row, _BEST, curve.lacking or next(texts), ha="right")
        write(row, _NAME, label(fitted(curve.name, _WIDEST_NAME), 200))
    if beyond:
        signs = "".join(_SIGNS[end] for end in beyond)
        write(rows - 1, _BEST, f"{signs} {sum(beyond.values()):,}", ha="right")
        write(rows - 1, _NAME, "worse than the axis shows")
