"""A study: ask for candidates, tell what came of them. Pure: no Prefect, no clock, no I/O.

```
study.ask()              -> trial, recorded as running      (None: exhausted)
study.tell(trial, 0.93)  -> the same trial, finished        (in any order)
study.best_trial         -> the best by metric, or with noise by what is expected of it
```
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, final

import numpy as np

from prefect_tuner.errors import InternalTunerError, InvalidConfiguration
from prefect_tuner.flows.study.best_trial import BestTrial
from prefect_tuner.flows.study.lagged_history import LaggedHistory
from prefect_tuner.flows.study.trial_ending import told_ending, with_known_outcome
from prefect_tuner.history import History
from prefect_tuner.hyper_value import HyperValue, Params, copied, copied_params
from prefect_tuner.redaction import shown
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.factory import (
    DEFAULT_STRATEGY,
    StrategySpec,
    build_strategy,
    parse_arguments,
)
from prefect_tuner.strategies.strategy import Budget, Proposal
from prefect_tuner.trial import Direction, ExtraValue, Outcome, Trial

# The strategy draws from the streams [seed, number]; this sets the trials' own seeds apart.
_TRIAL_SEED_STREAM = 1


@final
class Study:
    """Finds the best parameters by asking a strategy and remembering every trial.

    Args:
        space: The search space, or what `SearchSpace` takes.
        strategy: A strategy's name, a mapping with its `name` and options, or a subclass of
            `SearchStrategy`. The default goes by the space.
        direction: `"minimize"` or `"maximize"`.
        seed: Everything random follows from it; at least 0.
        lag: None lets every suggestion use all that was told. A number makes the study
            reproducible with up to that many trials at a time: suggestion k is made from the
            results of the trials up to k - lag alone, however many more are known.

    Attributes:
        space: The parameters that are searched.
        direction: Whether a larger or a smaller metric is better.
        goal: The same, as what says which of two metrics is better.
        seed: What everything random follows from.
        strategy: The strategy that was built.
        history: All trials asked so far, running ones included. To be read only.

    Raises:
        InvalidConfiguration: Lists all the mistakes in the arguments.

    Example:
        ```python
        from prefect_tuner import Float, Int, Study

        study = Study({"x": Float(-1.0, 1.0), "n": Int(0, 3)}, direction="minimize", seed=3)
        for _ in range(20):
            trial = study.ask()
            study.tell(trial, trial.params["x"] ** 2 + trial.params["n"])
        assert study.best_params["n"] == 0
        ```
    """

    def __init__(
        self,
        space: SearchSpace | Mapping[str, Any],
        strategy: StrategySpec = DEFAULT_STRATEGY,
        direction: Direction = "minimize",
        seed: int = 0,
        lag: int | None = None,
    ) -> None:
        if lag is not None and (isinstance(lag, bool) or not isinstance(lag, int) or lag < 1):
            raise InvalidConfiguration(
                f"lag: must be None or a whole number above 0, got {shown(lag)}"
            )
        parsed, self.space, self.goal, self.seed = parse_arguments(strategy, space, direction, seed)
        self.direction: Direction = self.goal.direction
        self.strategy = build_strategy(parsed, self.space, self.direction, self.seed)
        self.history = History()
        self.lag = lag
        self._lagged = None if lag is None else LaggedHistory(self.history, lag)
        self._enqueued: deque[Params] = deque()
        self._best = BestTrial(self.goal, self.strategy)

    @property
    def best_trial(self) -> Trial | None:
        """The trial to rely on, None before the first completed trial.

        It is the leader by metric, unless the strategy takes metrics for noisy: then it is the
        completed trial that the strategy expects to be best, since the best of many noisy metrics
        is mostly a lucky one.
        """
        return self._best.best(self.history)

    @property
    def leader(self) -> Trial | None:
        """The completed trial with the best metric, the one told first among equals."""
        return self._best.leader

    @property
    def best_params(self) -> Params | None:
        """The parameters of the best trial, as the caller's own copy."""
        best = self.best_trial
        return None if best is None else copied_params(best.params)

    @property
    def best_metric(self) -> float | None:
        """The metric of the best trial."""
        best = self.best_trial
        return None if best is None else best.metric

    @property
    def can_ask(self) -> bool:
        """Whether `ask` may be called now: with a lag, not before what it depends on was told."""
        return self._lagged is None or self._lagged.missing() is None

    def ask(self, budget: Budget | None = None) -> Trial | None:
        """The next trial to run, None when the strategy is exhausted.

        Any number of trials may be asked before the first is told, up to the lag if there is one.

        Args:
            budget: What the study may spend, for strategies that plan for it.

        Returns:
            A running trial, whose `params` are the caller's own copy.

        Raises:
            InvalidConfiguration: The suggestion depends on a trial that was not told yet.
            InternalTunerError: The strategy gave values that are not in the search space.
        """
        visible = self._visible()
        if self._enqueued:
            proposal: Proposal | None = Proposal(self._enqueued.popleft())
        else:
            proposal = self.strategy.propose(visible, budget)
        if proposal is None:
            return None
        candidate = proposal.params
        if not isinstance(candidate, Mapping) or not self.space.contains(candidate):
            raise InternalTunerError(
                f"strategy {type(self.strategy).__name__} gave a candidate that is not in the "
                f"search space: {self._misfit(candidate)}"
            )
        number = len(self.history)
        params = self._ordered(candidate)
        trial = Trial(
            number=number,
            params=params,
            seed=_trial_seed(self.seed, number),
            proposer=proposal.proposer,
        )
        self._add(trial)
        return replace(trial, params=copied_params(params))

    def enqueue(self, params: Mapping[str, HyperValue]) -> None:
        """Have `ask` give these values next, before it asks the strategy again.

        Raises:
            InvalidConfiguration: They are not in the search space.

        Example:
            ```python
            from prefect_tuner import Float, Study

            study = Study({"x": Float(0.0, 1.0)})
            study.enqueue({"x": 0.5})
            assert study.ask().params == {"x": 0.5}
            ```
        """
        if mistakes := self.space.mistakes_in(params):
            raise InvalidConfiguration(*mistakes)
        self._enqueued.append(self._ordered(params))

    def add_trial(self, trial: Trial) -> None:
        """Put in a trial that was asked elsewhere: by this study before a break, or by another.

        A running one is told later, like those that `ask` gives.

        Args:
            trial: Its number must be the next one, its `params` must lie in the search space.

        Raises:
            InvalidConfiguration: They do not, or the metric does not go with the outcome.

        Example:
            ```python
            from prefect_tuner import Float, Study, Trial

            study = Study({"x": Float(0.0, 1.0)})
            study.add_trial(Trial(0, {"x": 0.5}, outcome="completed", metric=3.0))
            assert study.best_metric == 3.0
            assert study.ask().number == 1
            ```
        """
        if trial.number != len(self.history):
            raise InvalidConfiguration(
                f"trial {trial.number}: the next trial must have the number {len(self.history)}"
            )
        if mistakes := self.space.mistakes_in(trial.params):
            raise InvalidConfiguration(*(f"trial {trial.number}: {m}" for m in mistakes))
        trial = replace(trial, params=copied_params(trial.params))
        if trial.outcome is None:
            self._add(trial)
            return
        finished = with_known_outcome(trial)
        self._add(replace(trial, outcome=None, metric=None))
        self._finish(finished)
        if self._lagged is not None:  # It was known before anything was suggested.
            self._lagged.give(finished)
            self.strategy.report_result(finished)

    def tell(
        self,
        trial: Trial | int,
        metric: object = None,
        *,
        outcome: Outcome | str | None = None,
        extra: Mapping[str, ExtraValue] | None = None,
        duration: float | None = None,
        attempts: int = 1,
        message: str = "",
    ) -> Trial:
        """Record what came of a trial.

        Args:
            trial: What `ask` returned, or its number.
            metric: What the objective returned. A number that is not finite, or something that is
                no number, makes the outcome `invalid_metric`.
            outcome: How the trial ended; `completed` when left out. With any other outcome there
                is no metric.
            extra: What else the objective returned: numbers, texts and bools.
            duration: Seconds that the last attempt ran.
            attempts: How many times the objective was started.
            message: Why the trial failed, in a sentence.

        Returns:
            The finished trial, as it now stands in the history.

        Raises:
            InvalidConfiguration: The trial was never asked or is told a second time, the outcome
                is not known, or the metric does not go with it.

        Example:
            ```python
            from prefect_tuner import Float, Study

            study = Study({"x": Float(0.0, 1.0)})
            first, second = study.ask(), study.ask()
            study.tell(second, 0.25)
            study.tell(first, outcome="failed", message="ValueError: singular matrix")
            assert study.best_trial.number == 1
            ```
        """
        running = self._running(trial)
        ending = told_ending(
            running.number,
            metric,
            outcome,
            extra=extra or {},
            duration=duration,
            attempts=attempts,
            message=message,
        )
        finished = ending.of(running)
        self._finish(finished)
        return finished

    def finish(self, trial: Trial) -> Trial:
        """Record what came of a trial that was asked, as `tell` does, in one value.

        Args:
            trial: As it ended. What was asked stays as it was.

        Raises:
            InvalidConfiguration: It was never asked or is told a second time, or the metric does
                not go with the outcome.
        """
        asked = self._running(trial)
        finished = with_known_outcome(replace(trial, params=asked.params))
        self._finish(finished)
        return finished

    def _add(self, trial: Trial) -> None:
        self.history.add(trial)
        if self._lagged is not None:
            self._lagged.add(trial)

    def _finish(self, trial: Trial) -> None:
        self.history.finish(trial)
        self._best.add(trial)
        if self._lagged is None:
            self.strategy.report_result(trial)

    def _visible(self) -> History:
        """What the strategy sees when it makes the next suggestion."""
        if self._lagged is None:
            return self.history
        missing = self._lagged.missing()
        if missing is not None:
            raise InvalidConfiguration(
                f"trial {len(self.history)} cannot be asked before trial {missing} is told: the "
                f"study has a lag of {self.lag}"
            )
        for trial in self._lagged.show():
            self.strategy.report_result(trial)
        return self._lagged.visible

    def _running(self, trial: Trial | int) -> Trial:
        number = trial.number if isinstance(trial, Trial) else trial
        whole = isinstance(number, int | np.integer) and not isinstance(number, bool)
        if not whole or not 0 <= number < len(self.history):
            raise InvalidConfiguration(
                f"trial {number!r} was never asked: this study has asked {len(self.history)} trials"
            )
        known = self.history[int(number)]
        if known.outcome is not None:
            raise InvalidConfiguration(
                f"trial {number} was told already: its outcome is {known.outcome.value!r}"
            )
        return known

    def _ordered(self, params: Mapping[str, HyperValue]) -> Params:
        """The active parameters in the order in which the space declares them, as a copy."""
        return {name: copied(params[name]) for name in self.space if name in params}

    def _misfit(self, candidate: object) -> str:
        if not isinstance(candidate, Mapping):
            return f"got {shown(candidate)}, which is no mapping of names to values"
        return ", ".join(self.space.mistakes_in(candidate))


def _trial_seed(seed: int, number: int) -> int:
    stream = np.random.SeedSequence([seed, number], spawn_key=(_TRIAL_SEED_STREAM,))
    return int(stream.generate_state(1)[0])
