"""What the strategy of a reproducible study sees: results up to a lag, in trial order."""

from __future__ import annotations

from prefect_tuner.history import History
from prefect_tuner.trial import Trial


class LaggedHistory:
    """A history in which trials finish late: when the next suggestion depends on them.

    Suggestion k depends on the results of the trials up to k - lag. So what a strategy sees when
    it makes that suggestion is the same however many results are known by then.

    Args:
        history: All that is known.
        lag: At least 1.

    Attributes:
        visible: What the strategy sees.

    Example:
        ```python
        from prefect_tuner import History, Outcome, Trial
        from prefect_tuner.flows.study.lagged_history import LaggedHistory

        history = History([Trial(0, {"x": 1})])
        lagged = LaggedHistory(history, lag=1)
        lagged.add(history[0])
        assert lagged.missing() == 0
        history.finish(Trial(0, {"x": 1}, outcome=Outcome.COMPLETED, metric=2.0))
        assert [trial.metric for trial in lagged.show()] == [2.0]
        ```
    """

    def __init__(self, history: History, lag: int) -> None:
        self.visible = History()
        self._history = history
        self._lag = lag
        self._shown = 0

    def add(self, trial: Trial) -> None:
        """Take in a trial that was asked, as a running one."""
        self.visible.add(trial)

    def give(self, trial: Trial) -> None:
        """Show the result of a trial that was known before anything was suggested."""
        self.visible.finish(trial)

    def missing(self) -> int | None:
        """The first trial that the next suggestion depends on and that was not told."""
        needed = range(self._shown, len(self._history) - self._lag + 1)
        return next((number for number in needed if self._history[number].is_running), None)

    def show(self) -> list[Trial]:
        """Show the results that the next suggestion depends on, none of which is missing.

        Returns:
            Those that were not seen before.
        """
        fresh: list[Trial] = []
        for number in range(self._shown, len(self._history) - self._lag + 1):
            if self.visible[number].is_running:
                self.visible.finish(self._history[number])
                fresh.append(self._history[number])
            self._shown = number + 1
        return fresh
