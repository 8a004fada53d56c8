"""The metric of each trial as a small plot of characters."""

from __future__ import annotations

from collections.abc import Sequence

from prefect_tuner.flows.reports.text_axis import TextAxis
from prefect_tuner.goal import Goal
from prefect_tuner.trial import Outcome, Trial

HEIGHT = 9
"""Rows of the plot, without axis and legend."""

METRIC, BEST, FAILURE = "•", "●", "x"
"""A trial with a metric, one that was better than all before, one that has none."""

_FEWEST_COLUMNS = 10


def metric_plot(trials: Sequence[Trial], goal: Goal, width: int = 80) -> str:
    """Metrics by trial number, with the best so far as a line; empty where no trial has a metric.

    Args:
        trials: In the order asked. Those that run or were cancelled are not shown.
        goal: Which of two metrics is better.
        width: Columns that it may take.

    Returns:
        Lines of text. Metrics far worse than most lie beyond the axis, and are marked as such.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.flows.reports.metric_plot import metric_plot
        from prefect_tuner.goal import Goal

        trials = [
            Trial(n, {"x": x}, outcome=Outcome.COMPLETED, metric=x)
            for n, x in enumerate([0.1, 0.7, 0.4])
        ]
        assert metric_plot(trials, Goal("maximize"), 40).startswith("0.7 ┤")
        ```
    """
    shown = [t for t in trials if t.outcome not in (None, Outcome.CANCELLED)]
    metrics = [t.metric for t in shown if t.metric is not None]
    if not metrics:
        return ""
    axis = TextAxis.of(metrics, goal, HEIGHT)
    low, high = axis.labels()
    margin = max(len(low), len(high))
    columns = max(_FEWEST_COLUMNS, width - margin - 2)
    grid = [[" "] * columns for _ in range(axis.rows)]
    failures = [" "] * columns
    first, last = shown[0].number, shown[-1].number
    places = {t.number: _column(t.number, first, last, columns) for t in shown}
    records = _draw_best(grid, shown, places, axis, goal)
    worst = max(metrics, key=goal.loss)
    beyond = "▾" if worst < axis.low else "▴"
    for trial in shown:
        column = places[trial.number]
        if trial.metric is None:
            failures[column] = FAILURE
        elif not axis.holds(trial.metric):
            grid[axis.row(trial.metric)][column] = beyond
        elif trial.number not in records and grid[axis.row(trial.metric)][column] != BEST:
            grid[axis.row(trial.metric)][column] = METRIC
    names = {0: low, axis.rows - 1: high}
    lines = [
        f"{names.get(row, ''):>{margin}} {'┤' if row in names else '│'}{''.join(grid[row])}"
        for row in reversed(range(axis.rows))
    ]
    if FAILURE in failures:
        lines.append(f"{'':>{margin}} │{''.join(failures)}")
    lines.append(f"{'':>{margin}} └{'─' * columns}")
    ends = f"{first}{last:>{columns - len(str(first))}}" if last > first else f"{first}"
    lines.append(f"{'':>{margin}}  {ends}")
    legend = [f"{METRIC} metric by trial", f"{BEST} best so far"]
    if FAILURE in failures:
        legend.append(f"{FAILURE} no metric")
    if not axis.holds(worst):
        legend.append(f"{beyond} worse, up to {worst:.3g}")
    lines += _wrapped(legend, margin + 2, width)
    return "\n".join(line.rstrip() for line in lines)


def _wrapped(legend: Sequence[str], indent: int, width: int) -> list[str]:
    lines = [f"{'':>{indent}}{legend[0]}"]
    for each in legend[1:]:
        if len(lines[-1]) + len(each) + 3 <= width:
            lines[-1] += f"   {each}"
        else:
            lines.append(f"{'':>{indent}}{each}")
    return lines


def _column(number: int, first: int, last: int, columns: int) -> int:
    return 0 if last == first else round((number - first) / (last - first) * (columns - 1))


def _draw_best(
    grid: list[list[str]],
    trials: Sequence[Trial],
    places: dict[int, int],
    axis: TextAxis,
    goal: Goal,
) -> set[int]:
    """Draw the line of the best so far; the numbers of the trials that improved it."""
    records: dict[int, tuple[int, int]] = {}
    best: float | None = None
    for trial in trials:
        metric = trial.metric
        if metric is not None and goal.is_better(metric, than=best):
            best = metric
            records[trial.number] = (places[trial.number], axis.row(metric))
    points = list(records.values())
    ends = [*(column for column, _ in points[1:]), len(grid[0])]
    before: int | None = None
    for (column, row), end in zip(points, ends, strict=True):
        if before is not None:
            for between in range(min(row, before), max(row, before)):
                grid[between][column] = "│"
            if row != before:
                grid[before][column] = "┘" if row > before else "┐"
        for each in range(column, end):
            grid[row][each] = "─"
        before = row
    for column, row in points:
        grid[row][column] = BEST
    return set(records)
