"""What strategies there are, with their options: built in and installed, broken ones, too."""

from __future__ import annotations

from dataclasses import dataclass

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.commands.option_listing import (
    OptionDescription,
    describe_options,
    indented,
    option_lines,
    summary_of,
)
from prefect_tuner.strategies.factory import (
    DEFAULT_STRATEGY,
    missing_package,
    strategy_class,
    strategy_names,
)


@dataclass(frozen=True)
class StrategyDescription:
    """One strategy.

    Attributes:
        name: Its name.
        summary: What it does, in a sentence.
        options: Its options.
        conditions: Whether it can search spaces with conditional parameters.
        constraints: Whether it can search spaces with constraints.
        problem: Why it cannot be used; empty when it can.
    """

    name: str
    summary: str = ""
    options: tuple[OptionDescription, ...] = ()
    conditions: bool = False
    constraints: bool = False
    problem: str = ""


def describe_strategies() -> list[StrategyDescription]:
    """All strategies, sorted by name.

    Example:
        ```python
        from prefect_tuner.flows.commands.strategy_listing import describe_strategies

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
    return "\n\n".join("\n".join(_strategy_lines(strategy, width)) for strategy in strategies)


def _strategy_lines(strategy: StrategyDescription, width: int) -> list[str]:
    is_default = strategy.name == DEFAULT_STRATEGY
    lines = [f"{strategy.name} (default)" if is_default else strategy.name]
    lines += indented(strategy.summary, width, 1)
    if strategy.problem:
        return [*lines, *indented(f"cannot be used: {strategy.problem}", width, 1)]
    supported = {"conditions": strategy.conditions, "constraints": strategy.constraints}
    told = ", ".join(f"{name}: {'yes' if able else 'no'}" for name, able in supported.items())
    lines += indented(told, width, 1)
    return lines + option_lines(strategy.options, width)


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
