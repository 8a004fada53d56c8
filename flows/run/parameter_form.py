"""The types of `tune`'s parameters: wide for callers in Python, plain JSON for Prefect's form.

Prefect builds the form of a deployment from the JSON schema of the flow's signature. There an
objective is a string, a strategy a drop-down of names, a search space a JSON editor; unions of
models are left out, since the form cannot submit them. From Python the same parameters take
callables, `Float(...)` and classes as they are; `plan_study` checks both alike.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, TypeAlias

from pydantic import Field, WithJsonSchema

from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.hyper_value import LARGEST, HyperValue
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.factory import StrategySpec, strategy_names
from prefect_tuner.tasks.objectives.objective import TrainableModel
from prefect_tuner.trial import Trial

_DEEPEST = 6
"""Levels of lists and mappings in each other that a server looks into."""


def _storable(depth: int) -> dict[str, Any]:
    """The schema of JSON without numbers that Prefect's database would not give back."""
    schema: dict[str, Any] = {"minimum": -LARGEST - 1, "maximum": LARGEST}
    if depth > 0:
        schema["items"] = schema["additionalProperties"] = _storable(depth - 1)
    return schema


ObjectiveParameter: TypeAlias = Annotated[
    str | Callable[..., Any] | TrainableModel,
    WithJsonSchema({"type": "string", "pattern": r"^.+:.+$"}),
]
"""A callable, an object with `train`, or the path of one."""

SpaceParameter: TypeAlias = Annotated[
    SearchSpace | Mapping[str, Parameter | Sequence[HyperValue] | Mapping[str, Any]],
    WithJsonSchema({"type": "object", "additionalProperties": _storable(_DEEPEST)}),
]
"""A search space, or what `SearchSpace` takes."""

StrategyParameter: TypeAlias = Annotated[
    StrategySpec, WithJsonSchema({"type": "string", "enum": strategy_names()})
]
"""A registered name, a mapping with the name and options, or a subclass of `SearchStrategy`."""

SeedParameter: TypeAlias = Annotated[int, Field(ge=0, le=LARGEST)]
"""A whole number, at least 0, that Prefect can store."""

OptionsParameter: TypeAlias = Annotated[
    Mapping[str, Any],
    WithJsonSchema({"type": "object", "additionalProperties": _storable(_DEEPEST)}),
]
"""Options by name."""

InitialTrialsParameter: TypeAlias = Annotated[
    str | Sequence[str | Trial | Mapping[str, Any]],
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": ["object", "string"],
                "required": ["params"],
                "additionalProperties": _storable(_DEEPEST),
            },
        }
    ),
]
"""Mappings with `params` and perhaps `metric`, trials of another study, or where such are."""

ObserversParameter: TypeAlias = Annotated[
    Sequence[TuningObserver | type[TuningObserver] | str],
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
"""Observers, their classes, or the paths of either."""
