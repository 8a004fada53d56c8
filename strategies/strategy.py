"""What a search strategy is: a pure function of the search space, the seed and the history.

```
SearchStrategy(space, direction, seed, options)
    next_candidate(history)  -> params of the next trial, or None: exhausted
    propose(history, budget) -> the same, with who proposed it; for strategies made of others
    report_result(trial)     -> told of each finished trial; optional
    expected_best(history)   -> the trial to rely on, where the best metric may be a lucky one
```
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from prefect_tuner.goal import Goal
from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.trial_rng import trial_rng
from prefect_tuner.trial import Direction, Trial

__all__ = ["Budget", "Proposal", "SearchStrategy", "StrategyOptions", "trial_rng"]


class StrategyOptions(BaseModel):
    """The options of a strategy that has none; the base of those that have.

    Types are strict and unknown options are refused, so that a mistake in a flow's parameters is
    answered before a trial starts. Give every field a description.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


@dataclass(frozen=True)
class Budget:
    """What a study may spend. It may be another one when the study goes on.

    Attributes:
        max_trials: How many trials there are to be; None if that is not known.
        max_concurrency: How many trials run at a time; None if that is not known.
    """

    max_trials: int | None = None
    max_concurrency: int | None = None


@dataclass(frozen=True)
class Proposal:
    """A candidate, and where it comes from.

    Attributes:
        params: The values to try.
        proposer: Which of the strategies within a strategy gave it; empty when there are none. It
            is kept with the trial, and is there in every later history.
    """

    params: Params
    proposer: str = ""


class SearchStrategy(ABC):
    """Decides which candidate a study tries next.

    A strategy keeps no truth of its own. What it answers follows from its arguments and the
    history alone; whatever it remembers from call to call may save time and nothing else. A study
    rebuilt from its history therefore goes on exactly as it would have without the break.

    Subclasses are final and named in the entry-point group `prefect_tuner.strategies`, or handed
    to a study as a class. One with an `__init__` of its own calls this one.

    Attributes:
        Options: The pydantic model of the strategy's options.
        supports_conditions: Whether it can search spaces with conditional parameters.
        supports_constraints: Whether it can search spaces with constraints.
        package: A package beyond those that every installation has, without which it cannot be
            used. The extra of `prefect-tuner` that brings it has the same name.
        goal: Which of two metrics is better, by the direction.

    Args:
        space: The parameters to search.
        direction: Whether a larger or a smaller metric is better.
        seed: Seed of the study, at least 0.
        options: An instance of `Options`.

    Example:
        ```python
        from prefect_tuner import Float, History, Params, SearchStrategy, Study
        from prefect_tuner.strategies.strategy import trial_rng

        class UniformSearch(SearchStrategy):
            def next_candidate(self, history: History) -> Params | None:
                units = trial_rng(self.seed, len(history)).random(len(self.space)).tolist()
                parameters = self.space.items()
                return {name: p.from_unit(u) for (name, p), u in zip(parameters, units)}

        trial = Study({"lr": Float(0.0, 1.0)}, strategy=UniformSearch).ask()
        assert 0.0 <= trial.params["lr"] <= 1.0
        ```
    """

    Options: ClassVar[type[BaseModel]] = StrategyOptions
    supports_conditions: ClassVar[bool] = False
    supports_constraints: ClassVar[bool] = False
    package: ClassVar[str] = ""

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: BaseModel
    ) -> None:
        self.space = space
        self.direction: Direction = direction
        self.goal = Goal(direction)
        self.seed = seed
        self.options = options

    @property
    def axes(self) -> Mapping[str, Parameter]:
        """For each parameter one with the values that it may be given, by default all of them.

        To be overridden by strategies that try some of them alone.
        """
        return self.space

    @classmethod
    def lacking(cls, space: SearchSpace) -> list[str]:
        """What a search space needs and the strategy has not; empty where it can search it."""
        lacking = []
        if space.is_conditional and not cls.supports_conditions:
            conditional = [name for name, parameter in space.items() if parameter.when]
            lacking.append(f"conditional parameters ({', '.join(conditional)})")
        if space.constraints and not cls.supports_constraints:
            lacking.append(f"constraints ({'; '.join(space.constraints)})")
        return lacking

    @abstractmethod
    def next_candidate(self, history: History) -> Params | None:
        """The values to try next, None when there is nothing left to try.

        Args:
            history: All trials asked so far in order, those still running and those that failed
                included. The candidate becomes trial number `len(history)`; draw its random
                numbers from `trial_rng(seed, len(history))`. Asked twice with an equal history,
                a strategy answers the same.

        Returns:
            A value of its domain for every active parameter, as native Python types, and no other.
            All of them meet the constraints of the space.
        """

    def propose(self, history: History, budget: Budget | None = None) -> Proposal | None:  # noqa: ARG002
        """What a study asks: the next candidate, and who within the strategy proposed it.

        To be overridden by strategies that consist of others, or that plan for the budget. Which of
        them is to give a candidate may follow from the proposers of the trials in the history.

        Args:
            history: As in `next_candidate`.
            budget: What the study may spend, as far as that is known.

        Example:
            ```python
            from prefect_tuner import Float, History, make_strategy

            proposal = make_strategy("random", {"lr": Float(0.0, 1.0)}).propose(History())
            assert (list(proposal.params), proposal.proposer) == (["lr"], "")
            ```
        """
        params = self.next_candidate(history)
        return None if params is None else Proposal(params)

    def reason(self, budget: Budget | None = None) -> str:  # noqa: ARG002
        """Why it decides as it does in this study, a sentence for the log; empty by default.

        Args:
            budget: As in `propose`.
        """
        return ""

    def expected_best(self, history: History) -> Trial | None:  # noqa: ARG002
        """The completed trial that would do best if all were run anew.

        To be overridden by strategies that model noise: among many noisy metrics, the best is
        mostly a lucky one. None, the default, leaves it to the metrics.

        Args:
            history: As in `next_candidate`.

        Example:
            ```python
            from prefect_tuner import Float, History, make_strategy

            assert make_strategy("random", {"lr": Float(0.0, 1.0)}).expected_best(History()) is None
            ```
        """
        return None

    def report_result(self, trial: Trial) -> None:  # noqa: B027
        """Hear of a finished trial; the history already holds it. Does nothing by default."""


@dataclass(frozen=True)
class NamedStrategy:
    """What a spec says, in whichever form: which strategy, with which options.

    Attributes:
        named: The name by which the strategy is registered, or its class.
        given: Its options as they were given.
        members: The strategies of which it consists, as far as its options say so.
    """

    named: str | type
    given: Mapping[str, Any]
    members: tuple[NamedStrategy, ...]

    @property
    def name(self) -> str:
        """As it is recorded: the name by which it is registered; of a class the path."""
        if isinstance(self.named, str):
            return self.named
        return f"{self.named.__module__}:{self.named.__qualname__}"

    @property
    def shown_name(self) -> str:
        """As a person reads it: the name by which it is registered; of a class its own."""
        return self.named if isinstance(self.named, str) else self.named.__name__


@dataclass(frozen=True)
class ParsedStrategy(NamedStrategy):
    """A strategy that was found, with options that are right.

    Attributes:
        strategy: Its class.
        options: Its options, those left out with their defaults.
    """

    strategy: type[SearchStrategy]
    options: BaseModel

    @property
    def recorded(self) -> dict[str, Any]:
        """As a ledger holds it: its name, and those of its options that are not the default."""
        return {"name": self.name, **self.options.model_dump(mode="json", exclude_defaults=True)}
