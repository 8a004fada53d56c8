"""The parameters of `tune` that name a part with options, such as packages may add: see `tune`."""

# No `annotations` from `__future__`: pydantic 2.10.1 looks those of a serializer up in Prefect.
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import (
    PlainSerializer,
    PlainValidator,
    SkipValidation,
    ValidationInfo,
    WithJsonSchema,
)

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import LARGEST
from prefect_tuner.redaction import redacted
from prefect_tuner.strategies.factory import StrategySpec, strategy_names
from prefect_tuner.tasks.engines.engine_registry import engine_names
from prefect_tuner.tasks.objectives.objective import objective_label

NO_OPTIONS: dict[str, Any] = {}


def storable(depth: int = 6) -> dict[str, Any]:
    """The schema of JSON whose numbers Prefect's database gives back, for so many levels of it."""
    schema: dict[str, Any] = {"minimum": -LARGEST - 1, "maximum": LARGEST}
    if depth > 0:
        schema["items"] = schema["additionalProperties"] = storable(depth - 1)
    return schema


def _stored_strategy(strategy: Any) -> Any:
    if isinstance(strategy, Mapping) and "name" in strategy:
        return {**strategy, "name": _stored_strategy(strategy["name"])}
    return objective_label(strategy) if isinstance(strategy, type) else strategy


StrategyParameter: TypeAlias = Annotated[
    StrategySpec,
    SkipValidation,
    PlainSerializer(_stored_strategy),
    WithJsonSchema({"type": "string", "enum": strategy_names()}),
]
"""A registered name, a mapping with the name and options, or a subclass of `SearchStrategy`."""


def _strategy_options(given: Any, info: ValidationInfo) -> Any:
    if not isinstance(given, Mapping):
        raise InvalidConfiguration(f"strategy_options: must be a mapping, got {redacted(given)}")
    strategy = info.data.get("strategy")
    taken = strategy.keys() if isinstance(strategy, Mapping) else {"name"}
    again = "is given in strategy already, leave one out"
    twice = [f"strategy_options: {name!r} {again}" for name in given if name in taken]
    if twice:
        raise InvalidConfiguration(*twice)
    return given


StrategyOptionsParameter: TypeAlias = Annotated[
    Mapping[str, Any],
    PlainValidator(_strategy_options),
    WithJsonSchema({"type": "object", "additionalProperties": storable()}),
]
"""Options by name, none of which stands in the strategy as well."""


EngineParameter: TypeAlias = Annotated[
    str,
    SkipValidation,
    WithJsonSchema({"type": "string", "enum": engine_names()}),
]
"""A registered name."""


def _engine_options(given: Any) -> Any:
    if not isinstance(given, Mapping):
        raise InvalidConfiguration(f"engine_options: must be a mapping, got {redacted(given)}")
    return given


EngineOptionsParameter: TypeAlias = Annotated[
    Mapping[str, Any],
    PlainValidator(_engine_options),
    WithJsonSchema({"type": "object", "additionalProperties": storable()}),
]
"""Options of the engine by name, as JSON data; what they have to be, the engine knows."""
