"""What engines there are, with their options: built in and installed, broken ones, too."""

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
from prefect_tuner.tasks.engines.engine_registry import (
    DEFAULT_ENGINE,
    engine_class,
    engine_names,
)


@dataclass(frozen=True)
class EngineDescription:
    """One engine.

    Attributes:
        name: Its name.
        summary: Where it runs trials, in a sentence.
        options: Its options.
        problem: Why it cannot be used; empty when it can.
    """

    name: str
    summary: str = ""
    options: tuple[OptionDescription, ...] = ()
    problem: str = ""


def describe_engines() -> list[EngineDescription]:
    """All engines, sorted by name.

    Example:
        ```python
        from prefect_tuner.flows.commands.engine_listing import describe_engines

        assert "local" in [engine.name for engine in describe_engines()]
        ```
    """
    return [_describe(name) for name in engine_names()]


def engine_listing(engines: list[EngineDescription], width: int = 80) -> str:
    """The engines as text.

    Args:
        engines: What to list.
        width: Characters in a line.
    """
    return "\n\n".join("\n".join(_engine_lines(engine, width)) for engine in engines)


def _engine_lines(engine: EngineDescription, width: int) -> list[str]:
    is_default = engine.name == DEFAULT_ENGINE
    lines = [f"{engine.name} (default)" if is_default else engine.name]
    lines += indented(engine.summary, width, 1)
    if engine.problem:
        return lines + indented(f"cannot be used: {engine.problem}", width, 1)
    return lines + option_lines(engine.options, width)


def _describe(name: str) -> EngineDescription:
    try:
        engine = engine_class(name)
    except InvalidConfiguration as error:
        label = f"engine: {name!r} cannot be used: "
        return EngineDescription(name, problem=str(error).removeprefix(label))
    return EngineDescription(name, summary_of(engine), describe_options(engine.Options))
