"""Several strategies on one history, the trials given to each by what it brought."""

from __future__ import annotations

from typing import Any, ClassVar, final

from pydantic import BaseModel, Field, field_serializer

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.credit import CreditBandit
from prefect_tuner.strategies.factory import build_strategy, parse_strategy, read_strategy
from prefect_tuner.strategies.strategy import (
    Budget,
    ParsedStrategy,
    Proposal,
    SearchStrategy,
    StrategyOptions,
)
from prefect_tuner.trial import Direction, Trial


class PortfolioOptions(StrategyOptions):
    """Options of the strategy `portfolio`."""

    strategies: list[str | dict[str, Any] | type] = Field(
        default=["gp", "tpe"],
        min_length=1,
        max_length=10,
        description=(
            'The strategies, each a name, or a mapping with its name and options such as {"name": '
            '"gp", "noisy": true}.'
        ),
    )

    @field_serializer("strategies", when_used="json")
    def _recorded(self, strategies: list[str | dict[str, Any] | type]) -> list[Any]:
        """Classes by their names, so that a ledger can hold them."""
        names = [read_strategy(each).name for each in strategies]
        return [
            {**each, "name": name} if isinstance(each, dict) else name
            for each, name in zip(strategies, names, strict=True)
        ]


@final
class PortfolioSearch(SearchStrategy):
    """Lets several strategies take turns on one history, by the improvements that each brought.

    Each of them sees all trials, whoever proposed them. The next trial is given to the one whose
    trials have lately been better than all before most often; one that was hardly used gets its
    chance, and so does every other when the one in the lead brings nothing more. Whose trial it was
    is kept with the trial, as its `proposer`. When a strategy is exhausted, the others go on.

    Raises:
        InvalidConfiguration: A strategy is not known, cannot search the space, or is a portfolio.

    Example:
        ```python
        from prefect_tuner import Float, Study

        portfolio = {"name": "portfolio", "strategies": ["gp", "sobol"]}
        study = Study({"x": Float(-1.0, 1.0)}, strategy=portfolio)
        for _ in range(20):
            trial = study.ask()
            study.tell(trial, (trial.params["x"] - 0.3) ** 2)
        proposers = [trial.proposer for trial in study.history]
        assert proposers[:2] == ["gp", "sobol"]
        assert proposers.count("gp") > proposers.count("sobol")
        ```
    """

    Options: ClassVar[type[BaseModel]] = PortfolioOptions
    # Each of the strategies is asked when it is made.
    supports_conditions = True
    supports_constraints = True

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: PortfolioOptions
    ) -> None:
        super().__init__(space, direction, seed, options)
        self._members: dict[str, SearchStrategy] = {}
        mistakes: list[str] = []
        for spec in options.strategies:
            try:
                parsed = _parse_member(spec)
                member = build_strategy(parsed, space, direction, seed)
                self._members[self._label(parsed.name)] = member
            except InvalidConfiguration as error:
                mistakes += error.mistakes
        if mistakes:
            raise InvalidConfiguration(*mistakes)
        self._bandit = CreditBandit(list(self._members), self.goal)

    def reason(self, budget: Budget | None = None) -> str:  # noqa: ARG002
        """Who takes part."""
        *others, last = self._members
        names = f"{', '.join(others)} and {last}" if others else last
        return f"{names} take turns, by the improvements that their trials bring"

    def next_candidate(self, history: History) -> Params | None:
        """The candidate of the strategy whose turn it is."""
        proposal = self.propose(history)
        return None if proposal is None else proposal.params

    def propose(self, history: History, budget: Budget | None = None) -> Proposal | None:  # noqa: ARG002
        """The candidate of the strategy whose turn it is, of the next one if it is exhausted.

        They decide by the history and their own options, whatever the budget.
        """
        for name in self._bandit.ranking(history):
            params = self._members[name].next_candidate(history)
            if params is not None:
                return Proposal(params, name)
        return None

    def expected_best(self, history: History) -> Trial | None:
        """What the first of them that models noise says."""
        expected = (member.expected_best(history) for member in self._members.values())
        return next((trial for trial in expected if trial is not None), None)

    def report_result(self, trial: Trial) -> None:
        """Tell all of them."""
        for member in self._members.values():
            member.report_result(trial)

    def _label(self, name: str) -> str:
        """The name, or the first of `gp-2`, `gp-3` and so on that is free."""
        number, label = 1, name
        while label in self._members:
            number += 1
            label = f"{name}-{number}"
        return label


def _parse_member(spec: str | dict[str, Any] | type[SearchStrategy]) -> ParsedStrategy:
    parsed = parse_strategy(spec)
    if issubclass(parsed.strategy, PortfolioSearch):
        raise InvalidConfiguration(
            "option strategies: must not hold a portfolio, name its strategies instead"
        )
    return parsed
