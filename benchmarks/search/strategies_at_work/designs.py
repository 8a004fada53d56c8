"""Pictures of the strategies that look at no metric: `grid`, `random` and `sobol`."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.search.strategies_at_work.landscape import (
    RED,
    draw_map,
    draw_trials,
    finished,
    panels,
    places,
    places_of_units,
)
from prefect_tuner import Study
from prefect_tuner.strategies.encoding.encoding import Encoding


def grid() -> Figure:
    """Half of a grid, in order and shuffled."""
    figure, ((left, right),) = panels(2)
    for axis, shuffle in ((left, False), (right, True)):
        study = finished({"name": "grid", "points": 7, "shuffle": shuffle}, 24)
        order = "shuffle: true" if shuffle else "in order"
        draw_map(axis, f"24 of 49 cells, {order}", is_first=axis is left)
        draw_trials(axis, study.history, numbered=True)
    return figure


def random() -> Figure:
    """As many trials of `random` and of `grid`, with the values that they try of each parameter."""
    figure, ((left, right),) = panels(2)
    for axis, name, strategy in (
        (left, "random", "random"),
        (right, "grid", {"name": "grid", "points": 5}),
    ):
        study = finished(strategy, 25, seed=1)
        x, y = places(study.history)
        counts = f"{len(set(x))} learning rates, {len(set(y))} dropouts"
        draw_map(axis, f"{name}, 25 trials: {counts}", is_first=axis is left)
        draw_trials(axis, study.history)
        _rugs(axis, study)
    return figure


def sobol() -> Figure:
    """As many trials of `random` and of `sobol` in 32 boxes of equal size."""
    figure, ((left, right),) = panels(2)
    for axis, name in ((left, "random"), (right, "sobol")):
        study = finished(name, 32)
        encoding = Encoding(study.space)
        units = np.array([encoding.encode(trial.params) for trial in study.history])
        boxes = {tuple(row) for row in np.floor(units * (8, 4)).astype(int).tolist()}
        draw_map(
            axis, f"{name}, 32 trials: {32 - len(boxes)} of 32 boxes empty", is_first=axis is left
        )
        eighths = np.linspace(0.0, 1.0, 9)[1:-1]
        for x in places_of_units(eighths, eighths)[0]:
            axis.axvline(x, color="white", linewidth=0.8)
        for y in places_of_units(eighths, eighths)[1][1::2]:
            axis.axhline(y, color="white", linewidth=0.8)
        draw_trials(axis, study.history)
    return figure


def _rugs(axis: Any, study: Study) -> None:
    """A line at each value of either parameter that was tried."""
    x, y = places(study.history)
    for value in sorted(set(x)):
        axis.axvline(value, 0.0, 0.05, color=RED, linewidth=1.4)
    for value in sorted(set(y)):
        axis.axhline(value, 0.0, 0.03, color=RED, linewidth=1.4)
