"""A picture: a figure with words for who does not see it, and the places of its trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect_tuner.flows.pictures.look import INK, VERMILLION
from prefect_tuner.flows.pictures.number_axis import NumberAxis
from prefect_tuner.strategies.encoding.array_types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_VECTORS = 250
"""Bars that are drawn as vectors; more become an image within the picture, which is smaller."""

_MANY = 250

DOTS = "dots-"
"""What the ids of groups of dots begin with, before their diameter: their SVG is made smaller."""

MOST_MARKS = 800
"""Marks in a picture; of more trials, some are left out, spread evenly."""


@dataclass(frozen=True)
class Marks:
    """Where trials stand in a picture.

    Attributes:
        axes: In which part of it.
        x: Places in its data, shape (n,).
        y: Likewise.
        numbers: The numbers of the trials.
    """

    axes: Axes
    x: FloatArray
    y: FloatArray
    numbers: Sequence[int]


@dataclass(frozen=True)
class Picture:
    """What one figure shows.

    Attributes:
        figure: The figure.
        alt: The same in words, a sentence.
        marks: Where trials stand in it.
    """

    figure: Figure
    alt: str
    marks: tuple[Marks, ...] = ()


class NothingToShowError(Exception):
    """There is no such picture of this study; its message is a sentence that says why."""


def chosen(count: int, always: Sequence[int] = (), most: int = MOST_MARKS) -> list[int]:
    """Which of `count` marks are drawn: those of `always`, and as many others as there is room.

    Example:
        ```python
        from prefect_tuner.flows.pictures.picture import chosen

        assert chosen(3) == [0, 1, 2]
        assert chosen(10, always=[9], most=4) == [0, 2, 5, 7, 9]
        ```
    """
    if count <= most:
        return list(range(count))
    return sorted({*(i * count // most for i in range(most)), *always})


def add_points(
    axes: Axes,
    x: FloatArray,
    y: FloatArray,
    *,
    color: str,
    size: float,
    alpha: float = 1.0,
    text: str = "",
) -> None:
    """Draw a dot for each trial.

    Args:
        axes: Where.
        x: Places in its data, shape (n,).
        y: Likewise.
        color: Of all.
        size: Diameter in pixels.
        alpha: Opacity.
        text: What they are, for the legend.
    """
    if len(x):
        axes.scatter(
            x, y, s=size**2, color=color, alpha=alpha, linewidths=0, label=text or None,
            clip_on=False, gid=f"{DOTS}{size}",
        )  # fmt: skip


def add_beyond(axes: Axes, x: FloatArray, y: FloatArray, axis: NumberAxis) -> None:
    """Draw a triangle for each trial whose metric lies beyond the end of its axis."""
    if len(x):
        axes.scatter(
            x, y, s=26, color=INK, linewidths=0, marker="v" if axis.cut == "low" else "^",
            clip_on=False, zorder=3,
        )  # fmt: skip


def beyond_text(count: int) -> str:
    """What is said of metrics beyond the end of their axis; empty where there are none."""
    return f"{count:,} worse than the axis shows" if count else ""


def dot_size(shown: Sequence[int]) -> float:
    """The diameter of a dot: smaller where there are so many that they cover each other."""
    return 4.5 if len(shown) <= _MANY else 3.0


def add_star(axes: Axes, x: float, y: float, text: str = "best") -> None:
    """Mark the best trial."""
    axes.scatter(
        [x], [y], s=110, marker="*", color=VERMILLION, zorder=5, label=text, linewidths=0,
        clip_on=False,
    )  # fmt: skip
