"""How good the metric is over two parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prefect_tuner.flows.pictures.look import (
    FONT,
    INK,
    SMALL,
    VERMILLION,
    name_axes,
    new_figure,
)
from prefect_tuner.flows.pictures.number_axis import number_texts
from prefect_tuner.flows.pictures.parameter_axis import ChoiceAxis, ParameterAxis, parameter_axis
from prefect_tuner.flows.pictures.picture import (
    Marks,
    NothingToShowError,
    Picture,
    add_points,
    chosen,
)
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.strategies.encoding.array_types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEWEST_TRIALS = 5
"""With a metric and both parameters; of fewer, there is no surface to speak of."""

_CELLS = 48
_FAR = 1e-9
_MOST_SMOOTHED = 800
_MOST_POINTS = 250


def contour_picture(view: StudyView, x_name: str, y_name: str) -> Picture:
    """A surface through the metrics of trials by their values of two parameters.

    The surface is a mean of the ranks of all trials, the near ones counting most (Nadaraya 1964,
    Watson 1964), with a Gaussian kernel that is narrower the more trials there are (Scott 1992).
    Choices are bands of their own.

    Args:
        view: The study.
        x_name: The parameter across.
        y_name: The parameter up.

    Raises:
        NothingToShowError: Too few trials with a metric have both.
    """
    both = [i for i, t in enumerate(view.measured) if x_name in t.params and y_name in t.params]
    if len(both) < FEWEST_TRIALS:
        raise NothingToShowError(
            f"It needs {FEWEST_TRIALS} trials with a metric and both parameters, there are "
            f"{len(both)}."
        )
    if not view.ranks[both].any():
        raise NothingToShowError("All metrics are the same: there is no surface over parameters.")
    trials, ranks = [view.measured[i] for i in both], view.ranks[both]
    across, up = parameter_axis(view, x_name), parameter_axis(view, y_name)
    x_values = [trial.params[x_name] for trial in trials]
    y_values = [trial.params[y_name] for trial in trials]
    units = np.column_stack([across.unit(x_values), up.unit(y_values)])
    figure, axes = new_figure(f"{x_name} and {y_name}", "how good the metric is", height=280)
    axes.grid(visible=False)
    used = chosen(len(trials), most=_MOST_SMOOTHED)
    image = axes.imshow(
        1.0 - _smoothed(units[used], ranks[used], across, up), origin="lower", extent=(0, 1, 0, 1),
        aspect="auto", cmap="cividis", vmin=0, vmax=1, interpolation="none",
    )  # fmt: skip
    best = [i for i, t in enumerate(trials) if view.best and t.number == view.best.number]
    shown = chosen(len(trials), best, _MOST_POINTS)
    for color, size in (("#000000", 5.0), ("#ffffff", 3.6)):
        add_points(axes, units[shown, 0], units[shown, 1], color=color, size=size)
    if best:
        axes.scatter(
            units[best, 0], units[best, 1], s=150, marker="*", color=VERMILLION,
            edgecolors="#ffffff", linewidths=0.8, zorder=5, clip_on=False,
        )  # fmt: skip
    _dress(axes, across, up)
    name_axes(axes, across.name(x_name), up.name(y_name))
    bar = figure.colorbar(image, ax=axes, fraction=0.05, pad=0.03, ticks=[0, 0.5, 1])
    bar.outline.set_visible(False)
    quantiles = np.quantile(view.ranks, [1.0, 0.5, 0.0], method="nearest")
    metrics = [float(view.metrics[int(np.argmax(view.ranks == rank))]) for rank in quantiles]
    bar.ax.set_yticklabels(number_texts(metrics, 5), color=INK, fontsize=SMALL, fontfamily=FONT)
    bar.ax.tick_params(length=0)
    alt = (
        f"How good the metric is over {x_name} and {y_name}, a surface through {len(trials)} "
        "trials, light where it is good; the best trial has a star."
    )
    return Picture(
        figure,
        alt,
        (Marks(axes, units[shown, 0], units[shown, 1], [trials[i].number for i in shown]),),
    )


def _smoothed(
    points: FloatArray, values: FloatArray, across: ParameterAxis, up: ParameterAxis
) -> FloatArray:
    """The mean of values around each cell of a grid over the unit square, shape (cells, cells)."""
    width = max(0.35 * len(points) ** (-1 / 6), 0.05)
    # A kernel of two dimensions is the product of two of one.
    over_x, over_y = (_kernel(points[:, i], axis, width) for i, axis in enumerate((across, up)))
    return np.asarray((over_y * values) @ over_x.T / (over_y @ over_x.T))


def _kernel(units: FloatArray, axis: ParameterAxis, width: float) -> FloatArray:
    """How much each trial counts in each cell along an axis, shape (cells, n)."""
    centres = (np.arange(_CELLS) + 0.5)[:, np.newaxis] / _CELLS
    if isinstance(axis, ChoiceAxis):  # There is nothing between two choices.
        count = len(axis.texts_of_places)
        near = np.floor(centres * count) == np.floor(units * count)
        return np.asarray(near + _FAR)
    return np.asarray(np.exp(-0.5 * ((centres - units) / width) ** 2) + _FAR)


def _dress(axes: Axes, across: ParameterAxis, up: ParameterAxis) -> None:
    for part, axis in ((across, axes.xaxis), (up, axes.yaxis)):
        ticks = part.ticks(5)
        axis.set_ticks(
            part.unit_of_ticks(ticks), labels=part.texts(ticks), color=INK, fontsize=SMALL
        )
    axes.set(xlim=(0, 1), ylim=(0, 1))
