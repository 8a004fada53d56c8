"""When each trial ran, and how busy the study's slots were."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prefect_tuner.flows.pictures.look import (
    BLUE,
    FONT,
    GREEN,
    INK,
    PURPLE,
    SMALL,
    VERMILLION,
    add_legend,
    bare_figure,
    name_axes,
    undecorated,
)
from prefect_tuner.flows.pictures.number_axis import time_axis
from prefect_tuner.flows.pictures.picture import (
    MOST_VECTORS,
    Marks,
    NothingToShowError,
    Picture,
    chosen,
)
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.trial import Outcome, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_NAMED = 8
_BINS = 80
_KINDS = {
    "completed": BLUE,
    "failed": VERMILLION,
    "pruned": GREEN,
    "cancelled": PURPLE,
    "running": INK,
}


@dataclass(frozen=True)
class Lanes:
    """Trials in the slots that they have run in.

    Attributes:
        trials: Those whose times are known.
        start: When each began, in seconds of the study.
        end: When it ended.
        lane: Its slot, from 0.
        count: How many slots there are.
        span: Seconds of the search.
    """

    trials: tuple[Trial, ...]
    start: FloatArray
    end: FloatArray
    lane: FloatArray
    count: int
    span: float

    @property
    def utilisation(self) -> float:
        """The share of the slots' time in which trials ran."""
        busy = float((self.end - self.start).sum())
        return min(1.0, busy / (self.count * self.span)) if self.span > 0.0 else 0.0


def lanes_of(view: StudyView) -> Lanes | None:
    """Trials in as many slots as ran at a time; None where no times are known.

    Ledgers do not say which slot a trial had: each takes the lowest that is free.
    """
    timed = [
        trial
        for trial in view.trials
        if trial.number in view.started
        and trial.number in view.ended
        and trial.number not in view.known
    ]
    if not timed:
        return None
    timed.sort(key=lambda trial: view.started[trial.number])
    start = np.array([view.started[trial.number] for trial in timed])
    end = np.maximum(np.array([view.ended[trial.number] for trial in timed]), start)
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    lanes = np.empty(len(timed))
    count = 0
    for i in range(len(timed)):
        while busy and busy[0][0] <= start[i]:
            heapq.heappush(free, heapq.heappop(busy)[1])
        lane = heapq.heappop(free) if free else count
        count = max(count, lane + 1)
        lanes[i] = lane
        heapq.heappush(busy, (float(end[i]), lane))
    span = max(view.search_time, float(end.max()))
    return Lanes(tuple(timed), start, end, lanes, max(count, view.slots), span)


def timeline_picture(view: StudyView) -> Picture:
    """A bar for each trial in the slot that it ran in, and how many slots were busy.

    Raises:
        NothingToShowError: Nobody knows when trials ran.
    """
    lanes = lanes_of(view)
    if lanes is None:
        raise NothingToShowError("When trials ran is not known.")
    axis, size, unit = time_axis(lanes.span)
    slots = "1 slot" if lanes.count == 1 else f"{lanes.count} slots"
    where = f"{slots}, engine {view.engine}" if view.engine else slots
    note = f"{where}, {lanes.utilisation:.0%} busy"
    height = 166 + 20 * min(lanes.count, _MOST_NAMED)
    figure = bare_figure("Timeline", note, height=height)
    above, below = figure.subplots(
        2, 1, sharex=True, height_ratios=(max(2, min(lanes.count, _MOST_NAMED)), 1.4)
    )
    marks = _draw_bars(above, lanes, size)
    _draw_busy(below, lanes, size)
    axis.dress(below, "x")
    name_axes(below, unit)
    add_legend(figure, above)
    alt = (
        f"Timeline of {len(lanes.trials)} trials in {slots} over {lanes.span:.3g} s; trials ran in "
        f"{lanes.utilisation:.0%} of that."
    )
    return Picture(figure, alt, (marks,))


def _draw_bars(axes: Axes, lanes: Lanes, size: float) -> Marks:
    from matplotlib.collections import PolyCollection

    undecorated(axes)
    axes.grid(visible=False)
    left, right = lanes.start / size, lanes.end / size
    low, high = lanes.lane - 0.36, lanes.lane + 0.36
    corners = np.stack(
        [
            np.stack(corner, axis=-1)
            for corner in ((left, low), (right, low), (right, high), (left, high))
        ],
        axis=1,
    )
    kinds = np.array([_kind(trial.outcome) for trial in lanes.trials])
    for kind, color in _KINDS.items():
        if len(own := corners[kinds == kind]):
            axes.add_collection(
                PolyCollection(
                    own, facecolors=color, edgecolors=color, linewidths=0.4, alpha=0.8,
                    label=kind, rasterized=len(corners) > MOST_VECTORS,
                ),
                autolim=False,
            )  # fmt: skip
    axes.set_ylim(lanes.count - 0.4, -0.6)
    step = -(-lanes.count // _MOST_NAMED)
    named = range(0, lanes.count, step)
    axes.set_yticks(named, labels=[f"slot {lane}" for lane in named], color=INK, fontsize=SMALL)
    axes.tick_params(labelbottom=False)
    shown = chosen(len(lanes.trials))
    middle = (left + right) / 2
    return Marks(axes, middle[shown], lanes.lane[shown], [lanes.trials[i].number for i in shown])


def _kind(outcome: Outcome | None) -> str:
    if outcome is None:
        return "running"
    return "failed" if outcome.is_failure else outcome.value


def _draw_busy(axes: Axes, lanes: Lanes, size: float) -> None:
    """How many slots were busy, on average over stretches of time."""
    undecorated(axes)
    edges = np.linspace(0.0, lanes.span, _BINS + 1)
    # The time that all trials together had run by each edge: its slope is how many ran.
    order_start, order_end = np.sort(lanes.start), np.sort(lanes.end)
    run = _time_since(order_start, edges) - _time_since(order_end, edges)
    width = max(float(edges[1]), 1e-12)
    busy = np.diff(run) / width
    axes.stairs(busy, edges / size, fill=True, color=BLUE, alpha=0.35, linewidth=0)
    axes.set_ylim(0, lanes.count * 1.08)
    axes.set_yticks([0, lanes.count], labels=["0", f"{lanes.count} busy"], color=INK)
    axes.tick_params(labelsize=SMALL, labelfontfamily=FONT)


def _time_since(moments: FloatArray, edges: FloatArray) -> FloatArray:
    """The sum of the times that have passed since all moments before each edge."""
    total = np.r_[0.0, np.cumsum(moments)]
    count = np.searchsorted(moments, edges)
    return np.asarray(count * edges - total[count])
