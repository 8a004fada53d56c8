"""The best so far of several studies in one picture, by trial or by time.

Studies whose directions differ have axes of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from prefect_tuner.flows.comparison.curve import (
    By,
    Curve,
    by_direction,
    curves_of,
    doubt_about,
    mark_of,
)
from prefect_tuner.flows.comparison.curve_key import add_key, key_height
from prefect_tuner.flows.comparison.curve_style import CurveStyle, curve_styles
from prefect_tuner.flows.pictures.look import (
    FONT,
    HEIGHT,
    SMALL,
    bare_figure,
    name_axes,
    undecorated,
)
from prefect_tuner.flows.pictures.number_axis import (
    NumberAxis,
    metric_axis,
    number_text,
    time_axis,
)
from prefect_tuner.flows.pictures.picture import Marks, NothingToShowError, Picture
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.strategies.encoding.array_types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_STEPS = 1_500
"""Steps in a picture; more are finer than what can be seen, and make it large."""

_PANEL, _TALL_PANEL, _MANY = HEIGHT - 70, HEIGHT, 4
"""Pixels of a panel, and of one with many curves; above how many they are many."""

_AROUND = 46
"""Pixels of a panel that are not its axes."""

_LETTER = 10.5
"""Pixels from a letter to the next."""


def comparison_picture(views: Sequence[StudyView], by: By = "trial") -> Picture:
    """The curves of the first ten studies, with a key of their names and best metrics.

    Args:
        views: The studies.
        by: Against what: the number of trials, or the time that each study had run.

    Raises:
        NothingToShowError: No trial has a metric, or nobody knows when trials ended.
    """
    curves = curves_of(views, by)
    drawn = [curve for curve in curves if curve.records]
    if not drawn:
        raise NothingToShowError(
            "When trials ended is not known."
            if any(curve.lacking == "no times" for curve in curves)
            else "None of these studies has a metric yet."
        )
    if by == "time":
        across, unit, below = time_axis(max(curve.end for curve in drawn))
    else:
        last = max(curve.end for curve in drawn)
        across, unit, below = NumberAxis(0.0, max(last, 1.0), whole=True), 1.0, "trials"
    styles = curve_styles(len(curves))
    of = {curve.letter: style for curve, style in zip(curves, styles, strict=True)}
    panels = [_Panel(tuple(each), across, unit, of) for each in by_direction(drawn).values()]
    beyond: dict[str, int] = {panel.up.cut: panel.beyond for panel in panels if panel.beyond}
    key = key_height(len(curves), with_beyond=bool(beyond))
    title = f"Best so far by {by}"
    note = _note(views, len(curves))
    figure = bare_figure(title, note, sum(panel.height for panel in panels) + 50 + key)
    marks = []
    all_axes: Any = figure.subplots(
        len(panels), 1, squeeze=False, height_ratios=[panel.height for panel in panels]
    )[:, 0]
    for axes, panel in zip(all_axes, panels, strict=True):
        marks.append(panel.draw(axes, MOST_STEPS // len(drawn)))
        name_axes(axes, below if axes is all_axes[-1] else "", panel.name)
    add_key(figure, curves, styles, beyond)
    return Picture(figure, _alt(title, curves, note), tuple(marks))


@dataclass(frozen=True)
class _Panel:
    """The curves that share an axis.

    Attributes:
        curves: One at least, all of one direction.
        across: The axis of trials or of time.
        unit: What places are divided by to stand on it.
        styles: How curves are drawn, by their letters.
    """

    curves: tuple[Curve, ...]
    across: NumberAxis
    unit: float
    styles: dict[str, CurveStyle]

    @cached_property
    def up(self) -> NumberAxis:
        """The axis of metrics, with where each of the curves ends on it."""
        metrics = np.array([m for curve in self.curves for m in curve.sampled()])
        axis = metric_axis(self.curves[0].goal.loss(metrics), metrics)
        ends = [curve.metrics[-1] for curve in self.curves]
        low, high = min(axis.low, *ends), max(axis.high, *ends)
        return replace(axis, low=low, high=high, cut=self._cut(low, high))

    @property
    def height(self) -> float:
        """In pixels."""
        return float(_TALL_PANEL if len(self.curves) > _MANY else _PANEL)

    @property
    def beyond(self) -> int:
        """How many of the records lie beyond its end."""
        up = self.up
        return sum(int(up.is_beyond(curve.metrics).sum()) for curve in self.curves)

    @property
    def name(self) -> str:
        """What it is the axis of."""
        return self.up.name(f"metric, {self.curves[0].goal.direction}d")

    def draw(self, axes: Axes, steps: int) -> Marks:
        """Draw all curves.

        Args:
            axes: Where.
            steps: How many steps each curve may have.

        Returns:
            Where the trials stand that were better than all before.
        """
        up = self.up
        undecorated(axes)
        self.across.dress(axes, "x")
        up.dress(axes, "y")
        x, y, numbers = [], [], []
        for curve in self.curves:
            kept = _visible(curve, self.across.place(_divided(curve.places, self.unit)), steps)
            places = self.across.place(_divided([curve.places[i] for i in kept], self.unit))
            metrics = np.array([curve.metrics[i] for i in kept])
            self._draw_curve(axes, up, curve, places, metrics)
            x.append(places)
            y.append(up.place(metrics))
            numbers += [mark_of(curve, curve.records[i]) for i in kept]
        self._add_letters(axes, up)
        return Marks(axes, np.concatenate(x), np.concatenate(y), numbers)

    def _draw_curve(
        self, axes: Axes, up: NumberAxis, curve: Curve, x: FloatArray, metrics: FloatArray
    ) -> None:
        style = self.styles[curve.letter]
        y, is_beyond = up.place(metrics), up.is_beyond(metrics)
        end = self.across.place([curve.end / self.unit])
        first = int(is_beyond.sum())  # They come first: what follows is better.
        across = np.repeat(np.r_[x[first:], end], 2)[1:-1]
        upwards = np.repeat(y[first:], 2)
        if first:
            across, upwards = np.r_[x[first], across], np.r_[y[first - 1], upwards]
            axes.scatter(
                x[:first], y[:first], s=22, color=style.colour, linewidths=0, zorder=3,
                marker="v" if up.cut == "low" else "^", clip_on=False,
            )  # fmt: skip
        axes.plot(
            across, upwards, color=style.colour, linewidth=1.9, clip_on=False,
            linestyle=(0, style.dashes) if style.dashes else "-",
            solid_joinstyle="round", solid_capstyle="round", dash_capstyle="butt",
        )  # fmt: skip
        axes.scatter(end, y[-1:], s=16, color=style.colour, linewidths=0, zorder=4, clip_on=False)

    def _add_letters(self, axes: Axes, up: NumberAxis) -> None:
        """The letters of the curves at the right edge, with a thin line from where each ends."""
        edge = self.across.high + 0.04 * (self.across.high - self.across.low)
        metrics = up.place([curve.metrics[-1] for curve in self.curves])
        room = self.height - _AROUND
        pixels = up.unit_of_ticks(metrics) * room
        moves = _apart(pixels, room) - pixels
        for curve, y, moved in zip(self.curves, metrics, moves, strict=True):
            colour = self.styles[curve.letter].colour
            axes.plot(
                [curve.end / self.unit, edge], [y, y], color=colour, linewidth=0.8, alpha=0.5,
                zorder=1, clip_on=False,
            )  # fmt: skip
            axes.annotate(
                curve.letter, (edge, float(y)), (4, float(moved)), textcoords="offset points",
                color=colour, fontsize=SMALL, fontfamily=FONT, fontweight="bold", va="center",
            ).set_in_layout(False)  # fmt: skip

    def _cut(self, low: float, high: float) -> Any:
        """The end of an axis beyond which there are more metrics."""
        metrics = [metric for curve in self.curves for metric in curve.metrics]
        return "low" if min(metrics) < low else "high" if max(metrics) > high else ""


def _divided(places: Sequence[float], unit: float) -> FloatArray:
    return np.asarray(places, dtype=np.float64) / unit


def _visible(curve: Curve, x: FloatArray, steps: int) -> list[int]:
    """Which records are drawn: of those that stand in one place, the last."""
    if len(x) <= steps:
        return list(range(len(x)))
    low, high = float(x[0]), float(x[-1])
    places = np.floor((x - low) / ((high - low) or 1.0) * (steps - 2))
    return [0, *(np.flatnonzero(np.diff(places)).tolist()), len(curve.records) - 1]


def _apart(pixels: FloatArray, room: float) -> FloatArray:
    """Where letters stand that belong to some heights, so that none covers another.

    Args:
        pixels: The heights, shape (n,).
        room: The largest height that a letter may have.
    """
    order = np.argsort(pixels, kind="stable")
    # Letters that touch stand together, their middle where the middle of their heights is.
    groups = [[float(pixels[i])] for i in order]
    place = 1
    while place < len(groups):
        below, above = groups[place - 1], groups[place]
        distance = sum(above) / len(above) - sum(below) / len(below)
        if distance >= (len(below) + len(above)) / 2 * _LETTER:
            place += 1
            continue
        groups[place - 1 : place + 1] = [below + above]
        place = max(1, place - 1)
    stacked = np.array(
        [
            sum(group) / len(group) + (i - (len(group) - 1) / 2) * _LETTER
            for group in groups
            for i in range(len(group))
        ]
    )
    steps = np.arange(len(pixels)) * _LETTER
    found = np.empty(len(pixels))
    found[order] = np.maximum(np.minimum(stacked, room - steps[::-1]), steps)
    return found


def _note(views: Sequence[StudyView], count: int) -> str:
    told = [doubt_about(views[:count])]
    if count < len(views):
        told.append(f"the first {count} of {len(views)} studies")
    return "; ".join(filter(None, told))


def _alt(title: str, curves: Sequence[Curve], note: str) -> str:
    each = (
        f"{curve.letter} {curve.name} {number_text(curve.metrics[-1])}"
        if curve.records
        else f"{curve.letter} {curve.name}, not drawn"
        for curve in curves
    )
    return f"{title} of {len(curves)} studies{f' ({note})' if note else ''}: {'; '.join(each)}."
