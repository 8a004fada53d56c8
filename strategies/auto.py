"""The strategy `auto`: another one, chosen by what is declared of the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

from pydantic import BaseModel, Field

from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.factory import make_strategy
from prefect_tuner.strategies.strategy import Budget, Proposal, SearchStrategy, StrategyOptions
from prefect_tuner.trial import Direction, Trial

MOST_GP_TRIALS = 1_000
"""From this trial on, a Gaussian process takes longer than it is worth."""

MOST_GP_PARAMETERS = 200
"""Up to so many parameters, a Gaussian process was measured to need fewer trials."""

MOST_GP_CONCURRENCY = 64
"""With more trials at a time, workers would wait for the suggestions of a Gaussian process."""


class AutoOptions(StrategyOptions):
    """Options of the strategy `auto`."""

    max_trials: int | None = Field(
        default=None,
        ge=1,
        description="How many trials there are to be; the study's own budget when left out.",
    )
    max_concurrency: int | None = Field(
        default=None,
        ge=1,
        description="How many trials are to run at a time; as the study has it when left out.",
    )


@dataclass(frozen=True)
class Choice:
    """Which strategies are to give the candidates of a study, and why.

    Attributes:
        stages: The strategies by the number of the first trial that each gives.
        reason: Why, in a sentence.
    """

    stages: Mapping[int, str]
    reason: str

    def strategy(self, number: int) -> str:
        """The strategy that gives trial `number`."""
        return self.stages[max(first for first in self.stages if first <= number)]


def choose_strategy(
    space: SearchSpace, max_trials: int | None = None, max_concurrency: int | None = None
) -> Choice:
    """Choose by what is declared: the space, the budget, and how many trials run at a time.

    Who gives a trial does not depend on the budget: a study that is extended goes on as one that
    had the larger budget from the start.

    Args:
        space: The search space.
        max_trials: How many trials there are to be, None if that is not known.
        max_concurrency: How many trials run at a time, None if that is not known.

    Example:
        ```python
        from prefect_tuner import Float, SearchSpace
        from prefect_tuner.strategies.auto import choose_strategy

        choice = choose_strategy(SearchSpace({"lr": Float(0.0, 1.0)}), max_trials=5_000)
        assert choice.stages == {0: "gp", 1_000: "tpe"}
        ```
    """
    parameters = sum(parameter.cardinality != 1 for parameter in space.values())
    if parameters > MOST_GP_PARAMETERS:
        return Choice(
            {0: "tpe"},
            f"tpe, since the space has {parameters} parameters, and gp is good for up to "
            f"{MOST_GP_PARAMETERS}",
        )
    if (max_concurrency or 1) > MOST_GP_CONCURRENCY:
        return Choice(
            {0: "tpe"},
            f"tpe, since up to {max_concurrency} trials run at a time, and gp is quick enough for "
            f"up to {MOST_GP_CONCURRENCY}",
        )
    stages = {0: "gp", MOST_GP_TRIALS: "tpe"}
    size = space.cardinality
    if size is not None and size <= min(max_trials or 0, MOST_GP_TRIALS):
        return Choice(
            stages,
            f"gp, which visits the most promising candidates first: the budget of {max_trials:,} "
            f"trials is enough for all {size:,}",
        )
    reason = (
        f"gp, which needs the fewest trials where there are up to {MOST_GP_PARAMETERS} parameters "
        f"(here {parameters})"
    )
    if max_trials is None or max_trials > MOST_GP_TRIALS:
        reason += (
            f"; from trial {MOST_GP_TRIALS:,} on tpe, which takes no longer with a longer history"
        )
    return Choice(stages, reason)


@final
class AutoSearch(SearchStrategy):
    """Chooses the strategy by the search space, the budget, and how many trials run at a time.

    That is `gp`, which needs the fewest trials, for the first 1,000 trials of spaces of up to 200
    parameters, with up to 64 trials at a time; and `tpe` otherwise. A space smaller than the budget
    is searched to its last candidate, the most promising ones first. The study's log says what was
    chosen and why, and every trial's `proposer` which strategy gave it.

    Example:
        ```python
        from prefect_tuner import Float, Study

        study = Study({"x": Float(-1.0, 1.0)}, strategy={"name": "auto", "max_trials": 50})
        assert study.ask().proposer == "gp"
        assert study.strategy.reason().startswith("auto chose gp")
        ```
    """

    Options: ClassVar[type[BaseModel]] = AutoOptions
    supports_conditions = True
    supports_constraints = True

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: AutoOptions
    ) -> None:
        super().__init__(space, direction, seed, options)
        self._options = options
        self._made: dict[str, SearchStrategy] = {}
        # A space that cannot be searched is refused before the first trial.
        self._strategy(self._choice(None).strategy(0))

    def reason(self, budget: Budget | None = None) -> str:
        """What is chosen, and why."""
        return f"auto chose {self._choice(budget).reason}"

    def next_candidate(self, history: History) -> Params | None:
        """The candidate of the strategy that is chosen where no budget is known."""
        proposal = self.propose(history)
        return None if proposal is None else proposal.params

    def propose(self, history: History, budget: Budget | None = None) -> Proposal | None:
        """The candidate of the strategy that is chosen, with its name."""
        proposer = self._choice(budget).strategy(len(history))
        params = self._strategy(proposer).next_candidate(history)
        return None if params is None else Proposal(params, proposer)

    def report_result(self, trial: Trial) -> None:
        """Tell those that have been asked."""
        for strategy in self._made.values():
            strategy.report_result(trial)

    def _choice(self, budget: Budget | None) -> Choice:
        given, known = self._options, budget or Budget()
        return choose_strategy(
            self.space,
            given.max_trials or known.max_trials,
            given.max_concurrency or known.max_concurrency,
        )

    def _strategy(self, name: str) -> SearchStrategy:
        if name not in self._made:
            self._made[name] = make_strategy(name, self.space, self.direction, self.seed)
        return self._made[name]
