"""The axis of metrics in plots of characters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from prefect_tuner.goal import Goal

# Where the worst metrics lie further from the best than this many times the better three quarters,
# the axis leaves them out: one loss of 1e6 would leave a flat line of all others.
_FAR = 5.0


@dataclass(frozen=True)
class TextAxis:
    """From metrics to rows; row 0 is the lowest.

    Attributes:
        low: The metric in the lowest row.
        high: The metric in the highest one.
        rows: How many there are.
    """

    low: float
    high: float
    rows: int

    @classmethod
    def of(
        cls, metrics: Sequence[float], goal: Goal, rows: int, shown: Sequence[float] = ()
    ) -> Self:
        """The axis for some metrics; of the worst, those far from most lie beyond its end.

        Args:
            metrics: One at least.
            goal: Which are better.
            rows: How many it has; one alone where all metrics are the same.
            shown: Metrics that are on the axis, however bad they are.
        """
        ranked = sorted(metrics, key=goal.loss)
        best, worst = ranked[0], ranked[-1]
        usual = ranked[math.ceil(len(ranked) * 0.75) - 1]
        # Halves, since the distance of two floats may be no float.
        reach = abs(usual / 2 - best / 2) * _FAR
        if 0 < reach < abs(worst / 2 - best / 2):
            worst = next(m for m in reversed(ranked) if abs(m / 2 - best / 2) <= reach)
        low, high = min(best, worst, *shown), max(best, worst, *shown)
        return cls(low, high, 1 if low == high else rows)

    def holds(self, metric: float) -> bool:
        """Whether a metric is not beyond an end."""
        return self.low <= metric <= self.high

    def row(self, metric: float) -> int:
        """The row of a metric; of one beyond the ends, the last one there."""
        metric = min(max(metric, self.low), self.high)
        if self.rows == 1:
            return 0
        low, high = self.low, self.high
        if math.isinf(high - low):
            metric, low, high = metric / 2, low / 2, high / 2
        return round((metric - low) / (high - low) * (self.rows - 1))

    def labels(self) -> tuple[str, str]:
        """Lowest and highest value, with the digits that tell them apart."""
        for digits in range(3, 18):
            low, high = f"{self.low:.{digits}g}", f"{self.high:.{digits}g}"
            blur = abs(float(low) - self.low) + abs(float(high) - self.high)
            if self.rows == 1 or blur <= (self.high - self.low) / 100:
                return low, high
        return repr(self.low), repr(self.high)
