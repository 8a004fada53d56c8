"""What strategies there are, with their options: built in and installed, broken ones, too."""

from __future__ import annotations

from dataclasses import dataclass

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.listings.option_listing import (
    PartDescription,
    describe_options,
    listing,
    summary_of,
)
from prefect_tuner.strategies.factory import (
    DEFAULT_STRATEGY,
    missing_package,
    strategy_class,
    strategy_names,
)


@dataclass(frozen=True)
class StrategyDescription(PartDescription):
    """One strategy.

    Attributes:
        conditions: Whether it can search spaces with conditional parameters.
        constraints: Whether it can search spaces with constraints.
    """

    conditions: bool = False
    constraints: bool = False

    @property
    def told(self) -> str:
        """Which spaces it can search."""
        supported = {"conditions": self.conditions, "constraints": self.constraints}
        return ", ".join(f"{name}: {'yes' if able else 'no'}" for name, able in supported.items())


def describe_strategies() -> list[StrategyDescription]:
    """All strategies, sorted by name.

    Example:
        ```python
        from prefect_tuner.flows.listings.strategy_listing import describe_strategies

        assert "random" in [strategy.name for strategy in describe_strategies()]
        ```
    """
    return [_describe(name) for name in strategy_names()]


def strategy_listing(strategies: list[StrategyDescription], width: int = 80) -> str:
    """The strategies as text.

    Args:
        strategies: What to list.
        width: Characters in a line.
    """
    return listing(strategies, DEFAULT_STRATEGY, width)


def _describe(name: str) -> StrategyDescription:
    try:
        strategy = strategy_class(name)
    except InvalidConfiguration as error:
        label = f'strategy "{name}": '
        return StrategyDescription(name, problem=str(error).removeprefix(label))
    return StrategyDescription(
        name,
        summary=summary_of(strategy),
        options=describe_options(strategy.Options),
        conditions=strategy.supports_conditions,
        constraints=strategy.supports_constraints,
        problem=missing_package(strategy),
    )
