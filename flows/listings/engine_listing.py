"""What engines there are, with their options: built in and installed, broken ones, too."""

from __future__ import annotations

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.listings.option_listing import (
    PartDescription,
    describe_options,
    listing,
    summary_of,
)
from prefect_tuner.tasks.engines.engine_registry import (
    DEFAULT_ENGINE,
    engine_class,
    engine_names,
)


def describe_engines() -> list[PartDescription]:
    """All engines, sorted by name.

    Example:
        ```python
        from prefect_tuner.flows.listings.engine_listing import describe_engines

        assert "local" in [engine.name for engine in describe_engines()]
        ```
    """
    return [_describe(name) for name in engine_names()]


def engine_listing(engines: list[PartDescription], width: int = 80) -> str:
    """The engines as text.

    Args:
        engines: What to list.
        width: Characters in a line.
    """
    return listing(engines, DEFAULT_ENGINE, width)


def _describe(name: str) -> PartDescription:
    try:
        engine = engine_class(name)
    except InvalidConfiguration as error:
        label = f"engine: {name!r} cannot be used: "
        return PartDescription(name, problem=str(error).removeprefix(label))
    return PartDescription(name, summary_of(engine), describe_options(engine.Options))
