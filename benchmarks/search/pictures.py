"""The pictures of the documentation from the stored runs: `python -m benchmarks.search.pictures`.

They are drawn by matplotlib (`python -m pip install matplotlib==3.11.2`) into `docs/images/`.
"""

from __future__ import annotations

import argparse
import io
import math
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from benchmarks.search.ask_times import SIZES, TABLES, read_ask_times
from benchmarks.search.comparison import complete_seeds, curve, curve_over_time
from benchmarks.search.problems import MODULES, problem_set
from benchmarks.search.report import stored_runs
from benchmarks.search.report_tables import FEWEST_SEEDS, groups, label
from benchmarks.search.trajectories import STORE, Runs

IMAGES: Final = Path(__file__).parents[2] / "docs" / "images"

# The colours of Okabe and Ito, told apart by the colour-blind too.
COLOURS: Final = {
    "gp": "#D55E00",
    "tpe": "#E69F00",
    "random": "#999999",
    "optuna-5.0.0-tpe": "#0072B2",
    "optuna-5.0.0-tpe-univariate": "#56B4E9",
    "optuna-5.0.0-gp": "#009E73",
    "smac-2.4.1": "#CC79A7",
    "nevergrad-1.0.12": "#999933",
}
WORKERS: Final = (4, 8, 16)
TICKS: Final = (5, 10, 25, 50, 100, 200)
"""Numbers of trials at the axis. The first few tell of luck alone."""


def main() -> None:
    """Draw all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--store", type=Path, default=STORE, help="the folder of the stored runs")
    parser.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    asked = parser.parse_args()
    draw(asked.store, asked.images)


def draw(store: Path, images: Path) -> None:
    """Draw all pictures from the runs in a folder."""
    images.mkdir(parents=True, exist_ok=True)
    for name, figure in (
        *(
            (f"search-regret-{problems}", regrets(store, problems))
            for problems in MODULES
            if stored_runs(store, problems, "sequential")
        ),
        ("search-workers-trials", regrets_of_workers(store)),
        ("search-workers-time", regrets_over_time(store)),
        ("search-ask-times", ask_times(store)),
    ):
        # The same runs give the same file.
        drawn = io.StringIO()
        with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
            figure.savefig(drawn, format="svg", metadata={"Date": None})
        # A hundredth of a point is finer than any screen, and half of the file.
        text = re.sub(r"<[^>]+>", _shortened, drawn.getvalue())
        (images / f"{name}.svg").write_text(text, "utf-8")


def regrets(store: Path, problems: str) -> Figure:
    """Regret against finished trials: all problems of a set, and each family."""
    problem = problem_set(problems)
    runs = stored_runs(store, problems, "sequential")
    panels = {
        title: names
        for title, names in groups(problem).items()
        if title.startswith(("All but", "Family")) or (title == "All" and not problem.saturated)
    }
    rows = math.ceil(len(panels) / 2)
    figure = Figure(figsize=(9.0, 0.6 + 3.0 * rows), layout="constrained")
    axes = list(figure.subplots(rows, 2, squeeze=False).flat)
    for axis, (title, names) in zip(axes, panels.items(), strict=False):
        for method, done in runs.items():
            _regret_line(axis, done, names, label=_plain(method), color=COLOURS.get(method))
        _finish(axis, f"{title.replace('`', '')} ({len(names)} {problems})", "trials", TICKS)
    for axis in axes[len(panels) :]:
        axis.set_axis_off()
    _legend(figure, 3)
    return figure


def regrets_of_workers(store: Path) -> Figure:
    """Regret against finished trials with several workers."""
    names = _headline()
    sequential = stored_runs(store, "tables", "sequential")
    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for axis, (suffix, title) in zip(
        axes, (("", "durations of the tables"), ("-stragglers", "with stragglers")), strict=True
    ):
        for method in ("gp", "optuna-5.0.0-tpe"):
            by_workers = {1: sequential} | {
                workers: stored_runs(store, "tables", f"{workers}-workers{suffix}")
                for workers in WORKERS
            }
            for (workers, runs), style in zip(
                by_workers.items(), ("-", "--", "-.", ":"), strict=True
            ):
                _regret_line(
                    axis,
                    runs.get(method, {}),
                    names,
                    band=False,
                    most=100,
                    label=f"{_plain(method)}, {workers} worker{'s'[: workers > 1]}",
                    color=COLOURS[method],
                    linestyle=style,
                )
        _finish(axis, title, "trials", TICKS[:-1])
    _legend(figure, 2)
    return figure


def regrets_over_time(store: Path) -> Figure:
    """Regret against simulated time, in mean durations of a trial."""
    names = _headline()
    figure = Figure(figsize=(9.0, 6.0), layout="constrained")
    axes = figure.subplots(2, len(WORKERS), sharey=True, sharex="row")
    sequential = stored_runs(store, "tables", "sequential")
    for row, (suffix, title) in zip(
        axes, (("", "durations of the tables"), ("-stragglers", "with stragglers")), strict=True
    ):
        units = {name: 1.0 if suffix else _median_seconds(name) for name in names}
        for axis, workers in zip(row, WORKERS, strict=True):
            runs = stored_runs(store, "tables", f"{workers}-workers{suffix}")
            for method in ("gp", "tpe", "optuna-5.0.0-tpe"):
                _time_line(
                    axis, runs.get(method, {}), names, units, label=_plain(method), method=method
                )
            if not suffix:
                for method in ("gp", "optuna-5.0.0-tpe"):
                    _time_line(
                        axis,
                        sequential.get(method, {}),
                        names,
                        units,
                        label=f"{_plain(method)}, one worker",
                        method=method,
                        linestyle=":",
                    )
            _finish(axis, f"{workers} workers, {title}", "median durations of a trial")
    _legend(figure, 3)
    return figure


def ask_times(store: Path) -> Figure:
    """CPU time of an ask and a tell against the number of finished trials."""
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    times = read_ask_times(store / "ask_times.json")
    for axis, (title, names) in zip(
        axes, (("six mixed parameters", ("mixed",)), ("tables", TABLES)), strict=True
    ):
        # Random search takes a twentieth of a millisecond: with it there is no telling the others.
        for method, problems in times.items():
            if method == "random":
                continue
            sizes = [n for n in SIZES if problems.get(names[0], {}).get(str(n))]
            measured = [[ms for name in names for ms in problems[name][str(n)]] for n in sizes]
            middle, high = (np.array([np.quantile(ms, q) for ms in measured]) for q in (0.5, 0.95))
            colour = COLOURS.get(method)
            axis.plot(sizes, middle, marker="o", label=_plain(method), color=colour)
            axis.fill_between(sizes, middle, high, color=colour, alpha=0.15, linewidth=0.0)
        _finish(axis, title, "trials", SIZES)
    axes[0].set_ylabel("CPU ms, median to 95 %")
    _legend(figure, 3)
    return figure


def _regret_line(
    axis: Any,
    runs: Runs,
    names: Sequence[str],
    *,
    band: bool = True,
    most: int = 200,
    **style: Any,
) -> None:
    """The mean regret with its interval, as far as enough seeds are complete."""
    enough = [n for n in (50, 100, 200) if len(complete_seeds(runs, names, n)) >= FEWEST_SEEDS]
    last = min(enough[-1], most) if enough else 0
    if not last:
        return
    trials = sorted({*range(TICKS[0], 10), *map(round, np.geomspace(10, last, 28))})
    mean, low, high = curve(runs, names, trials)
    axis.plot(trials, mean, **style)
    if band:
        axis.fill_between(trials, low, high, color=style["color"], alpha=0.15, linewidth=0.0)


def _time_line(
    axis: Any,
    runs: Runs,
    names: Sequence[str],
    units: dict[str, float],
    *,
    method: str,
    **style: Any,
) -> None:
    seeds = complete_seeds(runs, names, 100)
    if len(seeds) < FEWEST_SEEDS:
        return
    runs = {(name, seed): runs[name, seed] for name in names for seed in seeds}
    # Up to the time at which half of them were at their end; those keep their last regret.
    end = float(np.median([run.seconds / units[name] for (name, _), run in runs.items()]))
    times = np.geomspace(max(end / 30.0, 1.0), end, 40)
    mean, low, high = curve_over_time(runs, names, units, list(times))
    axis.plot(times, mean, color=COLOURS[method], **style)
    axis.fill_between(times, low, high, color=COLOURS[method], alpha=0.12, lw=0.0)


def _finish(axis: Any, title: str, xlabel: str, ticks: Sequence[int] = ()) -> None:
    axis.set(yscale="log", xscale="log", xlabel=xlabel)
    axis.set_title(title, fontsize="medium")
    axis.grid(alpha=0.3)
    for scale in (axis.xaxis, axis.yaxis):
        scale.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        scale.set_major_formatter("{x:g}")
        scale.set_minor_locator(NullLocator())
    if ticks:
        axis.set_xticks(ticks, labels=[f"{tick:,}" for tick in ticks])
    if axis.get_subplotspec().is_first_col():
        axis.set_ylabel("normalised regret")


def _shortened(tag: re.Match[str]) -> str:
    """A tag with two digits of each coordinate; labels stand outside of tags, and stay."""
    return re.sub(r"(\d\.\d\d)\d+", r"\1", tag[0])


def _legend(figure: Figure, columns: int) -> None:
    """One legend for all panels."""
    lines = {
        name: line
        for axis in figure.axes
        for line, name in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(lines.values()), list(lines), loc="outside lower center", ncols=columns)


def _headline() -> list[str]:
    return next(iter(groups(problem_set("tables")).values()))


@cache
def _median_seconds(name: str) -> float:
    from benchmarks.search.tables import load

    return float(np.median(load(name).seconds))


def _plain(method: str) -> str:
    return label(method).replace("`", "")


if __name__ == "__main__":
    main()
