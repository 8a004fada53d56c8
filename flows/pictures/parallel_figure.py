"""All important parameters of each trial at once: a line for each trial, from axis to axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from prefect_tuner.flows.pictures.look import (
    BLUE,
    FAINT,
    FONT,
    INK,
    SMALL,
    VERMILLION,
    add_legend,
    bare_figure,
    label,
    undecorated,
)
from prefect_tuner.flows.pictures.number_axis import NumberAxis, metric_axis, number_texts
from prefect_tuner.flows.pictures.parameter_axis import ParameterAxis, parameter_axis
from prefect_tuner.flows.pictures.picture import Marks, NothingToShowError, Picture, chosen
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_AXES = 5
"""Parameters shown, beside the metric."""

MOST_LINES = 100
"""Trials shown."""

_ABSENT = -0.22
"""Where a line runs while its parameter is not active."""


def parallel_picture(view: StudyView) -> Picture:
    """A line for each trial through its values of the most important parameters to its metric.

    Raises:
        NothingToShowError: No two parameters were varied.
    """
    names = view.important(MOST_AXES)
    if len(names) < 2:
        raise NothingToShowError("There are no two parameters that were varied.")
    good = [i for i, trial in enumerate(view.measured) if trial.number in view.good]
    best = None if view.best is None else view.best.number
    first = [i for i in good if view.measured[i].number == best] + good[: MOST_LINES // 2]
    shown = chosen(len(view.measured), first, MOST_LINES // 2)
    trials = [view.measured[i] for i in shown]
    axes_of = {name: parameter_axis(view, name) for name in names}
    up = metric_axis(view.losses, view.metrics)
    columns = [_column(trials, name, axes_of[name]) for name in names]
    lines = np.column_stack([*columns, up.unit([trial.metric for trial in trials])])
    count = f"{len(names)} of {len(view.space)} parameters"
    shown_note = f"{len(trials):,} of {len(view.measured):,} trials"
    figure = bare_figure("Parallel coordinates", f"{count}, {shown_note}", height=290)
    axes = figure.add_subplot()
    undecorated(axes)
    axes.grid(visible=False)
    _draw(axes, lines, trials, view.good, best)
    _add_axis_texts(axes, [*names, "metric"], [*axes_of.values(), up])
    low = _ABSENT - 0.06 if np.any(lines < 0) else -0.12
    axes.set(xlim=(-0.35, len(names) + 0.35), ylim=(low, 1.12))
    axes.set_yticks([])
    if np.any(lines < 0):
        axes.text(
            -0.3, _ABSENT, "not active", color=INK, fontsize=SMALL - 1, fontfamily=FONT,
            va="center",
        )  # fmt: skip
    add_legend(figure, axes)
    alt = (
        f"Parallel coordinates of {', '.join(names)} and the metric for {len(trials)} trials, the "
        "best tenth in colour."
    )
    marks = tuple(
        Marks(axes, np.full(len(trials), float(place)), lines[:, place], [t.number for t in trials])
        for place in range(lines.shape[1])
    )
    return Picture(figure, alt, marks)


def _column(trials: list[Trial], name: str, axis: ParameterAxis) -> FloatArray:
    column = np.full(len(trials), _ABSENT)
    active = [i for i, trial in enumerate(trials) if name in trial.params]
    column[active] = axis.unit([trials[i].params[name] for i in active])
    return column


def _draw(
    axes: Axes, lines: FloatArray, trials: list[Trial], good: frozenset[int], best: int | None
) -> None:
    from matplotlib.collections import LineCollection

    places = np.arange(lines.shape[1], dtype=np.float64)
    paths = [np.column_stack([places, line]) for line in lines]
    groups = (
        ("trial", INK, 0.28, 0.9, [t.number not in good for t in trials]),
        ("best tenth", BLUE, 0.85, 1.3, [t.number in good and t.number != best for t in trials]),
        ("best", VERMILLION, 1.0, 2.2, [t.number == best for t in trials]),
    )
    for text, color, alpha, width, chosen_here in groups:
        own = [path for path, is_here in zip(paths, chosen_here, strict=True) if is_here]
        if own:
            axes.add_collection(
                LineCollection(
                    own, colors=color, alpha=alpha, linewidths=width, label=text,
                    capstyle="round", joinstyle="round",
                ),
                autolim=False,
            )  # fmt: skip


def _ends(part: ParameterAxis) -> Iterator[tuple[float, str, tuple[str, str]]]:
    """What stands at an axis: the ends of numbers, where no line crosses them, and all choices."""
    if isinstance(part, NumberAxis):
        low, high = number_texts([part.low, part.high], 5)
        yield -0.03, f"≤ {low}" if part.cut == "low" else low, ("top", "center")
        yield 1.03, f"≥ {high}" if part.cut == "high" else high, ("bottom", "center")
        return
    ticks = part.ticks(6)
    for height, text in zip(part.unit_of_ticks(ticks), part.texts(ticks), strict=True):
        yield float(height) + 0.025, text, ("bottom", "center")


def _add_axis_texts(axes: Axes, names: list[str], parts: list[ParameterAxis]) -> None:
    for place, part in enumerate(parts):
        axes.plot([place, place], [0, 1], color=FAINT, linewidth=1, zorder=0)
        for height, text, aligned in _ends(part):
            axes.text(
                place, height, text, color=INK, fontsize=SMALL - 1, fontfamily=FONT, va=aligned[0],
                ha=aligned[1], zorder=4,
            )  # fmt: skip
    longest = max(5, 44 // len(names))
    axes.set_xticks(
        range(len(names)), labels=[label(name, longest) for name in names], color=INK,
        fontsize=SMALL,
    )  # fmt: skip
    if max(map(len, names)) > longest:
        texts = [label(name, 16) for name in names]
        axes.set_xticks(range(len(names)), labels=texts, color=INK, fontsize=SMALL)
        for written in axes.get_xticklabels():
            written.set(rotation=25, ha="right", rotation_mode="anchor")
