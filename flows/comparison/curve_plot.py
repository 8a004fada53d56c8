"""The best so far of several studies as one plot of characters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prefect_tuner.flows.comparison.curve import Curve
from prefect_tuner.flows.reports.text_axis import TextAxis

HEIGHT = 11
"""Rows of the plot, without its axis."""

BEYOND_LOW, BEYOND_HIGH = "▾", "▴"
"""Where curves come from that begin beyond the axis."""

_FEWEST_COLUMNS = 10


def curve_plot(curves: Sequence[Curve], width: int = 80) -> str:
    """Curves by trials, each drawn by its letter; empty where none has a metric.

    Where several curves share a place, their letters take turns; a curve that is nowhere else, such
    as one of a single trial, comes first.

    Args:
        curves: With one direction, and letters of one character.
        width: Columns that the plot may take.

    Returns:
        Lines of text. Metrics far worse than most lie beyond the axis, and are marked as such;
        where each of the curves ends, is on it.

    Example:
        ```python
        from prefect_tuner import Float, Study
        from prefect_tuner.flows.comparison.curve import curves_of
        from prefect_tuner.flows.comparison.curve_plot import curve_plot
        from prefect_tuner.flows.study_report.trials_view import study_view

        views = []
        for metrics in ((3.0, 1.0), (2.0, 2.5)):
            study = Study({"x": Float(0.0, 1.0)})
            for metric in metrics:
                study.tell(study.ask(), metric)
            views.append(study_view(study))
        plot = curve_plot(curves_of(views, "trial"), 40)
        assert plot.startswith("3 ┫AAAA") and "BBBB" in plot
        ```
    """
    drawn = [curve for curve in curves if curve.records]
    if not drawn:
        return ""
    metrics = [metric for curve in drawn for metric in curve.sampled()]
    last_ones = [curve.metrics[-1] for curve in drawn]
    axis = TextAxis.of(metrics, drawn[0].goal, HEIGHT, shown=last_ones)
    low, high = axis.labels()
    margin = max(len(low), len(high))
    last = max(int(curve.end) for curve in drawn)
    grid = _Grid(axis, last, max(_FEWEST_COLUMNS, width - margin - 2))
    for curve in drawn:
        grid.draw(curve)
    names = {0: low, axis.rows - 1: high}
    # The lines of tables are others: nobody who reads them takes this for one.
    lines = [
        f"{names.get(row, ''):>{margin}} {'┫' if row in names else '┃'}{text}"
        for row, text in grid.lines()
    ]
    lines.append(f"{'':>{margin}} ┗{'━' * grid.columns}")
    ends = f"1{last:>{grid.columns - 1}}" if last > 1 else "1"
    lines.append(f"{'':>{margin}}  {ends}")
    beyond = [m for curve in drawn for m in curve.metrics if not axis.holds(m)]
    if beyond:
        worst = max(beyond, key=drawn[0].goal.loss)
        sign = BEYOND_LOW if worst < axis.low else BEYOND_HIGH
        lines.append(f"{'':>{margin}}  {sign} worse, up to {worst:.3g}")
    return "\n".join(line.rstrip() for line in lines)


@dataclass(frozen=True)
class _Grid:
    """Which curves are where.

    Attributes:
        axis: Of the metrics.
        last: The number of trials at the right end; at the left, it is 1.
        columns: How many there are.
        cells: The letters at each row and column.
    """

    axis: TextAxis
    last: int
    columns: int
    cells: dict[tuple[int, int], list[str]] = field(default_factory=dict)

    def draw(self, curve: Curve) -> None:
        """Put a curve where it belongs."""
        ends = [*curve.places[1:], curve.end]
        before = -1
        for metric, begin, end in zip(curve.metrics, curve.places, ends, strict=True):
            first, last = self._column(begin), self._column(end)
            row = self.axis.row(metric)
            for between in range(min(before, row) + 1, max(before, row)) if before >= 0 else ():
                self._put(between, first, curve.letter)
            before = row
            if not self.axis.holds(metric):
                self._put(row, first, BEYOND_HIGH if row else BEYOND_LOW)
                continue
            for column in range(first, last + 1):
                self._put(row, column, curve.letter)

    def lines(self) -> Iterator[tuple[int, str]]:
        """Each row with its text, the highest first."""
        shown = self._shown()
        for row in reversed(range(self.axis.rows)):
            yield row, "".join(shown.get((row, column), " ") for column in range(self.columns))

    def _put(self, row: int, column: int, letter: str) -> None:
        letters = self.cells.setdefault((row, column), [])
        if letter not in letters:
            letters.append(letter)

    def _shown(self) -> dict[tuple[int, int], str]:
        """The letter at each row and column: that of a short curve where it would be nowhere."""
        shown = {
            (row, column): letters[(row + column) % len(letters)]
            for (row, column), letters in self.cells.items()
        }
        times = Counter(shown.values())
        for place, letters in self.cells.items():
            for letter in letters:
                if not times[letter] and times[shown[place]] > 1:
                    times.subtract([shown[place]])
                    times[letter] += 1
                    shown[place] = letter
        return shown

    def _column(self, count: float) -> int:
        if self.last <= 1:
            return 0
        return round((count - 1) / (self.last - 1) * (self.columns - 1))
