"""What models learn from: the history as arrays.

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

from dataclasses import dataclass, replace
from functools import cached_property
from operator import is_not

import numpy as np

from prefect_tuner.goal import Goal
from prefect_tuner.history import History
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray, IntArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.encoding.output_warp import Warp, half_ranked
from prefect_tuner.trial import Outcome, Trial

_PENALTY_VARIANCE = 0.1
# From _PRUNED on they say something.
_RUNNING, _CANCELLED, _PRUNED, _FAILED, _COMPLETED = range(5)


@dataclass(frozen=True)
class Observations:
    """The finished trials that say something.

    Attributes:
        codes: Their candidates, shape (n, A).
        metrics: Their metrics, smaller is better, NaN where there is none, shape (n,).
        is_failure: Whether something went wrong, shape (n,).
        numbers: The numbers of their trials, shape (n,).
        warp: From metrics to what is modelled.
    """

    codes: FloatArray
    metrics: FloatArray
    is_failure: BoolArray
    numbers: IntArray
    warp: Warp = half_ranked

    @property
    def is_complete(self) -> BoolArray:
        """Which have a metric, shape (n,)."""
        return np.isfinite(self.metrics)

    def take(self, rows: IntArray | slice) -> Observations:
        """Some of them, in the order given."""
        return Observations(
            self.codes[rows],
            self.metrics[rows],
            self.is_failure[rows],
            self.numbers[rows],
            self.warp,
        )

    def warped_by(self, warp: Warp) -> Observations:
        """The same, with the targets of this warp."""
        return self if warp is self.warp else replace(self, warp=warp)

    @cached_property
    def targets(self) -> tuple[FloatArray, FloatArray]:
        """Warped metrics and the variances that observations have beyond the noise, each (n,).

        At least one observation is complete.
        """
        complete = self.is_complete
        y = np.empty(len(self.metrics))
        y[complete] = self.warp(self.metrics[complete])
        y[~complete] = np.quantile(y[complete], 0.75)
        y[self.is_failure] = np.max(y[complete])
        y.flags.writeable = False
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

    What was made of a trial is kept for as long as the same object stands in its place; so a long
    history costs a look at each of its trials, and arithmetic for the new ones alone.

    Args:
        encoding: The encoding of the space.
        goal: Which of two metrics is better.
    """

    def __init__(self, encoding: Encoding, goal: Goal) -> None:
        self._encoding = encoding
        self._goal = goal
        # By number. They are held with their rows: the identity of what is gone says nothing.
        self._known: list[Trial] = []
        self._codes = np.empty((0, len(encoding.axes)))
        self._metrics = np.empty(0)
        self._states = np.empty(0, dtype=np.int8)

    def codes(self, history: History) -> FloatArray:
        """The candidates of all trials, shape (len(history), A)."""
        self._learn(history)
        return self._codes[: len(history)].copy()

    def observations(self, history: History, codes: FloatArray) -> Observations:
        """The finished trials that say something, given the candidates of all trials."""
        self._learn(history)
        states = self._states[: len(history)]
        rows = np.flatnonzero(states >= _PRUNED)
        return Observations(codes[rows], self._metrics[rows], states[rows] == _FAILED, rows)

    def running(self, history: History) -> IntArray:
        """The numbers of the running trials, in order."""
        self._learn(history)
        return np.flatnonzero(self._states[: len(history)] == _RUNNING)

    def _learn(self, history: History) -> None:
        """Bring the arrays up to date where trials are new or have changed."""
        trials = history[:]
        fresh = np.flatnonzero(list(map(is_not, self._known, trials))).tolist()
        fresh += range(len(self._known), len(trials))
        self._make_room(len(trials))
        for number in fresh:
            trial = trials[number]
            known = self._known[number] if number < len(self._known) else None
            # A trial that finished keeps its parameters.
            if known is None or known.params is not trial.params:
                row = np.array([self._encoding.encode(trial.params)])
                self._codes[number] = self._encoding.snap(row)[0]
            loss = np.nan if trial.metric is None else self._goal.loss(trial.metric)
            self._metrics[number] = loss
            self._states[number] = _state(trial.outcome)
            self._known[number : number + 1] = [trial]

    def _make_room(self, count: int) -> None:
        if count > len(self._metrics):
            more = max(count, 2 * len(self._metrics)) - len(self._metrics)
            self._codes = np.concatenate([self._codes, np.empty((more, self._codes.shape[1]))])
            self._metrics = np.concatenate([self._metrics, np.empty(more)])
            self._states = np.concatenate([self._states, np.empty(more, dtype=np.int8)])


def _state(outcome: Outcome | None) -> int:
    if outcome is None:
        return _RUNNING
    if outcome.is_failure:
        return _FAILED
    return {Outcome.CANCELLED: _CANCELLED, Outcome.PRUNED: _PRUNED}.get(outcome, _COMPLETED)
