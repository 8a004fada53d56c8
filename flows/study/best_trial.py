"""The best trial of a study, as it goes on: by metric, or by what the strategy expects."""

from __future__ import annotations

from typing import final

from prefect_tuner.goal import Goal
from prefect_tuner.history import History
from prefect_tuner.strategies.strategy import SearchStrategy
from prefect_tuner.trial import Trial


@final
class BestTrial:
    """Keeps the best of the trials that it is shown.

    Args:
        goal: Which of two metrics is better.
        strategy: What may expect another trial to be best than the one with the best metric.

    Attributes:
        leader: The completed trial with the best metric, the one shown first among equals; None
            before there is one.
    """

    def __init__(self, goal: Goal, strategy: SearchStrategy) -> None:
        self._goal = goal
        self._strategy = strategy
        self.leader: Trial | None = None
        self._finished = 0
        # The trial that the strategy expects to be best, and after how many results it did.
        self._expected: tuple[int, Trial | None] = (0, None)

    def add(self, trial: Trial) -> None:
        """Take a finished trial into account."""
        self._finished += 1
        lead = None if self.leader is None else self.leader.metric
        if self._goal.is_better(trial.metric, than=lead):
            self.leader = trial

    def best(self, history: History) -> Trial | None:
        """What the strategy expects to be best of a history, the leader if it expects nothing.

        It is asked once after each result.

        Args:
            history: All trials, of which the finished ones were added.
        """
        if self._expected[0] != self._finished:
            self._expected = (self._finished, self._strategy.expected_best(history))
        return self._expected[1] or self.leader
