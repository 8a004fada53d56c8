"""Pictures of the strategies that consist of others: `auto` and `portfolio`."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from benchmarks.search.strategies_at_work.landscape import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    finished,
    panels,
)
from prefect_tuner import Float, SearchSpace
from prefect_tuner.strategies.auto import MOST_GP_CONCURRENCY, choose_strategy

COLOURS: Final = {"gp": BLUE, "tpe": ORANGE, "random": GREEN}


def auto() -> Figure:
    """Whom `auto` gives a trial, by its number, the parameters, and the trials at a time."""
    figure, ((left, right),) = panels(2, height=2.6)
    numbers = np.unique(np.geomspace(1, 10_000, 241).astype(int))
    parameters = np.unique(np.geomspace(1, 500, 121).astype(int))
    spaces = [SearchSpace({f"x{i}": Float(0.0, 1.0) for i in range(n)}) for n in parameters]
    names = ["gp", "tpe"]
    for axis, concurrency in ((left, MOST_GP_CONCURRENCY), (right, MOST_GP_CONCURRENCY + 1)):
        choices = [choose_strategy(space, 10_000, concurrency) for space in spaces]
        given = [[names.index(each.strategy(int(n) - 1)) for n in numbers] for each in choices]
        axis.contourf(
            numbers,
            parameters,
            given,
            levels=[-0.5, 0.5, 1.5],
            cmap=ListedColormap([COLOURS[name] for name in names]),
            alpha=0.35,
        )
        for name in sorted({each.strategy(number) for each in choices for number in (0, 9_999)}):
            # In the middle of the part that is its own.
            rows, columns = np.nonzero(np.array(given) == names.index(name))
            x, y = numbers[int(np.median(columns))], parameters[int(np.median(rows))]
            axis.text(x, y, name, ha="center", va="center", fontsize="large")
        side = f"up to {concurrency}" if axis is left else f"more than {MOST_GP_CONCURRENCY}"
        axis.set(xscale="log", yscale="log", xlabel="trial")
        axis.set_xticks(ticks := [1, 10, 100, 1_000, 10_000], [f"{tick:,}" for tick in ticks])
        axis.set_yticks(ticks := [1, 5, 10, 50, 200, 500], [str(tick) for tick in ticks])
        axis.minorticks_off()
        axis.set_title(f"{side} trials at a time", fontsize="medium")
    left.set_ylabel("parameters")
    return figure


def portfolio() -> Figure:
    """Who proposed which trial of a portfolio, and how many each was given."""
    figure, ((left, right),) = panels(2)
    names = ["gp", "tpe", "random"]
    study = finished({"name": "portfolio", "strategies": names}, 60, seed=0)
    trials = study.history
    metrics = np.array([trial.metric for trial in trials], dtype=float)
    best = np.minimum.accumulate(metrics)
    is_better = np.append(False, metrics[1:] < best[:-1])
    left.step(range(len(trials)), best, where="post", color=INK, linewidth=1.0)
    for name in names:
        own = np.array([trial.proposer == name for trial in trials])
        numbers = np.flatnonzero(own)
        style: dict[str, Any] = {"color": COLOURS[name], "markersize": 4}
        left.plot(numbers, metrics[own], "o", label=name, **style)
        counts = np.cumsum(own)
        right.plot(counts, color=COLOURS[name], label=name)
        improved = np.flatnonzero(own & is_better)
        right.plot(improved, counts[improved], "^", color=COLOURS[name], markersize=6)
    left.set(xlabel="trial", ylabel="loss")
    right.set(xlabel="trial", ylabel="trials given so far")
    left.set_title("who proposed which trial", fontsize="medium")
    right.set_title("trials given to each; triangles are improvements", fontsize="medium")
    right.legend(frameon=False)
    return figure
