"""What the model of `gp` learns from: the history as arrays.

Notation:
    n: observations in the order of their trials: completed, failed and pruned trials.
    p: pending candidates, those of running trials.
    A: axes of the encoding.

A trial that failed, timed out, ran out of memory, crashed or gave no number counts as bad as the
worst that completed, a pruned one as bad as the worst quarter begins; neither is taken at its
word: such an observation has a variance of its own, so that one accident does not condemn what is
around it, and several do. A cancelled trial says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prefect_tuner.history import History
from prefect_tuner.strategies.array_types import BoolArray, FloatArray, IntArray
from prefect_tuner.strategies.encoding import Encoding
from prefect_tuner.strategies.output_warp import warped
from prefect_tuner.trial import Direction, Outcome, Trial

_PENALTY_VARIANCE = 0.1


@dataclass(frozen=True)
class Observations:
    """The finished trials that say something.

    Attributes:
        codes: Their candidates, shape (n, A).
        metrics: Their metrics, smaller is better, NaN where there is none, shape (n,).
        is_failure: Whether something went wrong, shape (n,).
    """

    codes: FloatArray
    metrics: FloatArray
    is_failure: BoolArray

    @property
    def is_complete(self) -> BoolArray:
        """Which have a metric, shape (n,)."""
        return np.isfinite(self.metrics)

    def take(self, rows: IntArray | slice) -> Observations:
        """Some of them, in the order given."""
        return Observations(self.codes[rows], self.metrics[rows], self.is_failure[rows])

    def targets(self) -> tuple[FloatArray, FloatArray]:
        """Warped metrics and the variances that observations have beyond the noise, each (n,).

        At least one observation is complete.
        """
        complete = self.is_complete
        y = np.empty(len(self.metrics))
        y[complete] = warped(self.metrics[complete])
        y[~complete] = np.quantile(y[complete], 0.75)
        y[self.is_failure] = np.max(y[complete])
        return y, np.where(complete, 0.0, _PENALTY_VARIANCE)

    def subset(self, most: int) -> Observations:
        """At most so many of them: the best, the newest, and some of all times in between.

        Half of the places are for the best, a quarter for the newest of those that failed or not,
        the rest are spread evenly over the others in the order of their trials.
        """
        n = len(self.metrics)
        if n <= most:
            return self
        ranked = np.argsort(np.where(self.is_complete, self.metrics, np.inf), kind="stable")
        kept = np.zeros(n, dtype=bool)
        kept[ranked[: min(most // 2, int(self.is_complete.sum()))]] = True
        kept[n - most // 4 :] = True
        others = np.flatnonzero(~kept)
        free = most - int(kept.sum())
        kept[others[np.linspace(0, len(others) - 1, free).astype(int)]] = True
        return self.take(np.flatnonzero(kept))


class HistoryEncoder:
    """Turns histories into arrays, each trial once.

    Args:
        encoding: The encoding of the space.
        direction: Whether a larger or a smaller metric is better.
    """

    def __init__(self, encoding: Encoding, direction: Direction) -> None:
        self._encoding = encoding
        self._sign = 1.0 if direction == "minimize" else -1.0
        # By number, with what was encoded: another history may have other parameters there.
        self._known: list[tuple[object, FloatArray]] = []

    def codes(self, history: History) -> FloatArray:
        """The candidates of all trials, shape (len(history), A)."""
        rows = [self._row(trial) for trial in history]
        return np.array(rows).reshape(len(rows), len(self._encoding.axes))

    def observations(self, history: History, codes: FloatArray) -> Observations:
        """The finished trials that say something, given the candidates of all trials."""
        rows = [trial.number for trial in history if trial.outcome not in (None, Outcome.CANCELLED)]
        metrics = [np.nan if (m := history[row].metric) is None else self._sign * m for row in rows]
        failures = [o is not None and o.is_failure for o in (history[row].outcome for row in rows)]
        return Observations(codes[rows], np.array(metrics, float), np.array(failures, bool))

    def _row(self, trial: Trial) -> FloatArray:
        if trial.number < len(self._known):
            params, known = self._known[trial.number]
            if params is trial.params:
                return known
        row: FloatArray = self._encoding.snap(np.array([self._encoding.encode(trial.params)]))[0]
        # Held with the row: the identity of parameters that are gone would say nothing.
        self._known[trial.number : trial.number + 1] = [(trial.params, row)]
        return row
