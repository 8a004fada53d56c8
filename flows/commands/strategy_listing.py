"""What strategies there are, with their options: built in and installed, broken ones, too."""

from __future__ import annotations

import inspect
import json
import textwrap
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.strategies.factory import (
    DEFAULT_STRATEGY,
    missing_package,
    strategy_class,
    strategy_names,
)


@dataclass(frozen=True)
class OptionDescription:
    """One option of a strategy.

    Attributes:
        name: Its name.
        type: What values it takes, such as `int | null`.
        default: Its default as it is written in YAML and JSON; None for a required option.
        description: What it does.
    """

    name: str
    type: str
    default: str | None
    description: str


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
    lines += _indented(strategy.summary, width, 1)
    if strategy.problem:
        return [*lines, *_indented(f"cannot be used: {strategy.problem}", width, 1)]
    supported = {"conditions": strategy.conditions, "constraints": strategy.constraints}
    told = ", ".join(f"{name}: {'yes' if able else 'no'}" for name, able in supported.items())
    lines += _indented(told, width, 1)
    for option in strategy.options:
        default = "required" if option.default is None else f"default {option.default}"
        lines += _indented(f"{option.name}: {option.type}, {default}", width, 1)
        lines += _indented(option.description, width, 2)
    return lines


def _indented(text: str, width: int, depth: int) -> list[str]:
    margin = " " * 4 * depth
    return textwrap.wrap(
        text,
        width,
        initial_indent=margin,
        subsequent_indent=margin,
        break_on_hyphens=False,  # A command is to be copied in one piece.
    )


def _describe(name: str) -> StrategyDescription:
    try:
        strategy = strategy_class(name)
    except InvalidConfiguration as error:
        label = f'strategy "{name}": '
        return StrategyDescription(name, problem=str(error).removeprefix(label))
    first_paragraph = (inspect.getdoc(strategy) or "").partition("\n\n")[0]
    return StrategyDescription(
        name,
        summary=" ".join(first_paragraph.split()) or strategy.__qualname__,
        options=tuple(
            _describe_option(option, field)
            for option, field in strategy.Options.model_fields.items()
        ),
        conditions=strategy.supports_conditions,
        constraints=strategy.supports_constraints,
        problem=missing_package(strategy),
    )


def _describe_option(name: str, field: FieldInfo) -> OptionDescription:
    default = None
    if not field.is_required():
        value = field.get_default(call_default_factory=True, validated_data={})
        value = value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        default = json.dumps(value, default=repr)
    return OptionDescription(
        name, _type_name(field.annotation), default, " ".join((field.description or "").split())
    )


def _type_name(annotation: Any) -> str:
    """An annotation in few words: `int | null`, `list of str`, `mapping of str to int`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(arguments[0])
    if origin is Literal:
        return " | ".join(map(json.dumps, arguments))
    names = [_type_name(argument) for argument in arguments]
    if origin in (Union, UnionType):
        return " | ".join(names)
    if origin is dict:
        return f"mapping of {names[0]} to {names[1]}"
    if origin in (list, set, tuple):
        return f"list of {names[0]}"
    return "null" if annotation is NoneType else getattr(annotation, "__name__", str(annotation))
