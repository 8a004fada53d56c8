"""The best metric so far: against trials, and against the time that the study has run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from prefect_tuner.flows.pictures.look import (
    BLUE,
    PURPLE,
    VERMILLION,
    add_legend,
    name_axes,
    new_figure,
)
from prefect_tuner.flows.pictures.number_axis import NumberAxis, metric_axis, number_text, time_axis
from prefect_tuner.flows.pictures.picture import (
    Marks,
    NothingToShowError,
    Picture,
    add_beyond,
    add_points,
    add_star,
    beyond_text,
    chosen,
    dot_size,
)
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.trial import Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def history_picture(view: StudyView) -> Picture:
    """Metrics and the best so far by the number of the trial.

    Raises:
        NothingToShowError: No trial has a metric.
    """
    _check(view)
    places = [float(trial.number) for trial in view.measured]
    last = max((trial.number for trial in view.ended_trials), default=0)
    axis = NumberAxis(0.0, float(max(last, 1)), whole=True)
    failed = [float(trial.number) for trial in view.failures]
    return _drawn(view, "Best so far by trial", "trial", view.measured, places, axis, failed)


def time_picture(view: StudyView) -> Picture:
    """Metrics and the best so far by the time that the study had run.

    Raises:
        NothingToShowError: No trial has a metric, or nobody knows when trials ended.
    """
    _check(view)
    timed = [t for t in view.measured if t.number in view.ended and t.number not in view.known]
    if not timed:
        raise NothingToShowError("When trials ended is not known.")
    timed.sort(key=lambda trial: view.ended[trial.number])
    end = max(view.search_time, *(view.ended[trial.number] for trial in timed))
    axis, size, across = time_axis(end)
    places = [view.ended[trial.number] / size for trial in timed]
    failed = [view.ended[t.number] / size for t in view.failures if t.number in view.ended]
    return _drawn(view, "Best so far by time", across, timed, places, axis, failed)


def _check(view: StudyView) -> None:
    if not view.measured:
        raise NothingToShowError("No trial has a metric yet.")


def _drawn(
    view: StudyView,
    title: str,
    across: str,
    trials: Sequence[Trial],
    places: Sequence[float],
    axis: NumberAxis,
    failed: Sequence[float],
) -> Picture:
    metrics = np.array([trial.metric for trial in trials], dtype=np.float64)
    losses = view.goal.loss(metrics)
    up = metric_axis(view.losses, view.metrics)
    records = np.flatnonzero(losses < np.minimum.accumulate(np.r_[np.inf, losses[:-1]]))
    x, y = axis.place(places), up.place(metrics)
    shown = chosen(len(trials), records.tolist())
    beyond = up.is_beyond(metrics)
    note = _note(view, len(shown), len(trials), int(beyond.sum()))
    figure, axes = new_figure(title, note)
    axis.dress(axes, "x")
    up.dress(axes, "y")
    name_axes(axes, across, up.name("metric"))
    inside, outside = [i for i in shown if not beyond[i]], [i for i in shown if beyond[i]]
    size = dot_size(shown)
    add_points(axes, x[inside], y[inside], color=BLUE, alpha=0.75, size=size, text="metric")
    add_beyond(axes, x[outside], y[outside], up)
    steps = np.r_[x[records], axis.place([axis.high])]
    axes.step(
        steps, np.r_[y[records], y[records[-1]]], where="post", color=VERMILLION, linewidth=1.8,
        label="best so far", solid_joinstyle="round", solid_capstyle="round",
    )  # fmt: skip
    add_star(axes, float(x[records[-1]]), float(y[records[-1]]))
    _add_failures(axes, axis, failed)
    add_legend(figure, axes)
    best = metrics[records[-1]]
    alt = (
        f"{title}: {len(trials)} metrics; the best so far improved {len(records) - 1} times, from "
        f"{number_text(metrics[0])} to {number_text(best)} with trial {trials[records[-1]].number}"
        + (f"; {len(failed)} trials have no metric." if failed else ".")
    )
    numbers = [trials[i].number for i in shown]
    return Picture(figure, alt, (Marks(axes, x[shown], y[shown], numbers),))


def _add_failures(axes: Axes, axis: NumberAxis, failed: Sequence[float]) -> None:
    """A line at the foot of the picture for each trial without a metric."""
    if failed:
        places: FloatArray = axis.place(failed)[chosen(len(failed), most=300)]
        axes.plot(
            places, np.full(len(places), 0.02), linestyle="", marker="|", markersize=8,
            color=PURPLE, transform=axes.get_xaxis_transform(), label="no metric",
        )  # fmt: skip


def _note(view: StudyView, shown: int, count: int, beyond: int) -> str:
    told = [f"{view.goal.direction}d", beyond_text(beyond)]
    if shown < count:
        told.append(f"{shown:,} of {count:,} trials shown")
    return "; ".join(filter(None, told))
