"""The parameters of `tune`: of each its type, its default, its form in Prefect, and what is right.

A type is wide for callers in Python, who give callables, `Float(...)` and classes as they are. With
it stands
- what is wrong with a value on its own; what several make together is for `plan_study` to check,
- the JSON that Prefect stores of it, in the form in which a deployment would be given it,
- its JSON schema, from which Prefect builds the form of a deployment: an objective is a string
  there, a strategy a drop-down of names, a search space a JSON editor; the form cannot submit
  unions of models.

The signature of `tune` has the types and defaults once more, for type checkers, the form and
readers; a test compares the two.
"""

# No `annotations` from `__future__`: pydantic 2.10.1 looks those of a serializer up in Prefect.
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    PlainValidator,
    SkipValidation,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.example import SPACE
from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.run.plug_in_parameters import (
    NO_OPTIONS,
    EngineOptionsParameter,
    EngineParameter,
    StrategyOptionsParameter,
    StrategyParameter,
    storable,
)
from prefect_tuner.flows.storage.storage_address import check_storage
from prefect_tuner.flows.study.study_name import check_study_name
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.hyper_value import LARGEST, HyperValue
from prefect_tuner.redaction import redacted, shown
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.factory import DEFAULT_STRATEGY
from prefect_tuner.tasks.engines.engine_registry import DEFAULT_ENGINE
from prefect_tuner.tasks.objectives.objective import (
    TrainableModel,
    check_objective,
    objective_label,
)
from prefect_tuner.trial import Direction, Trial
from prefect_tuner.validation import mistakes_from

DEFAULT_CONFIG = TunerConfig()


def _passing(check: Callable[[Any], None]) -> Callable[[Any], Any]:
    """Hands a value on that passes a check."""

    def checked(given: Any) -> Any:
        check(given)
        return given

    return checked


ObjectiveParameter: TypeAlias = Annotated[
    str | Callable[..., Any] | TrainableModel,
    PlainValidator(_passing(check_objective)),
    PlainSerializer(objective_label),
    WithJsonSchema({"type": "string", "pattern": r"^.+:.+$"}),
]
"""A callable, an object with `train`, or the path of one."""


def _space(given: Any) -> SearchSpace:
    return given if isinstance(given, SearchSpace) else SearchSpace(given)


def _stored_space(space: Any) -> Any:
    try:
        return _space(space).to_json()
    except (InvalidConfiguration, TypeError, ValueError):  # It is told what is wrong with it.
        return space


SpaceParameter: TypeAlias = Annotated[
    SearchSpace | Mapping[str, Parameter | Sequence[HyperValue] | Mapping[str, Any]],
    PlainValidator(_space),
    PlainSerializer(_stored_space),
    WithJsonSchema({"type": "object", "additionalProperties": storable()}),
]
"""A search space, or what `SearchSpace` takes."""


def _seed(given: Any) -> Any:
    if isinstance(given, int) and given > LARGEST:
        rule = f"must be at most {LARGEST}, which Prefect can store"
        raise InvalidConfiguration(f"seed: {rule}, got {shown(given)}")
    return given


SeedParameter: TypeAlias = Annotated[
    int,
    PlainValidator(_seed),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": LARGEST}),
]
"""A whole number, at least 0, that Prefect can store."""


StudyNameParameter: TypeAlias = Annotated[str, BeforeValidator(_passing(check_study_name))]
"""A name that can be shown; empty for a study that belongs to its flow run alone."""


def _config(given: Any) -> TunerConfig:
    if isinstance(given, TunerConfig):
        return given
    if isinstance(given, Mapping):
        return TunerConfig(**{str(name): value for name, value in given.items()})
    raise InvalidConfiguration(f"config: must be a TunerConfig or a mapping, got {redacted(given)}")


ConfigParameter: TypeAlias = Annotated[TunerConfig, BeforeValidator(_config)]
"""A configuration, or a mapping of what it takes."""


def _stored_observers(observers: Any) -> Any:
    if not isinstance(observers, list | tuple):
        return observers
    return [each if isinstance(each, str) else objective_label(each) for each in observers]


ObserversParameter: TypeAlias = Annotated[
    Sequence[TuningObserver | type[TuningObserver] | str],
    SkipValidation,
    PlainSerializer(_stored_observers),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
"""Observers, their classes, or the paths of either."""


def _storage(given: Any) -> str:
    storage = storage_or_default(given) if isinstance(given, str) else given
    check_storage(storage)
    return str(storage)


StorageParameter: TypeAlias = Annotated[str, BeforeValidator(_storage)]
"""A folder or an address; where nothing is said, the default stands for it."""

OnConflict: TypeAlias = Literal["error", "new", "adopt"]
"""What to do when the study's name belongs to another one."""


def _stored_initial_trials(trials: Any) -> Any:
    if not isinstance(trials, list | tuple):
        return trials
    return [
        {"params": each.params, "metric": each.metric} if isinstance(each, Trial) else each
        for each in trials
    ]


InitialTrialsParameter: TypeAlias = Annotated[
    str | Sequence[str | Trial | Mapping[str, Any]],
    SkipValidation,
    PlainSerializer(_stored_initial_trials),
    WithJsonSchema(
        {
            "type": "array",
            "items": {
                "type": ["object", "string"],
                "required": ["params"],
                "additionalProperties": storable(),
            },
        }
    ),
]
"""Mappings with `params` and perhaps `metric`, trials of another study, or where such are."""


def _fresh(given: Any, info: ValidationInfo) -> bool:
    if not isinstance(given, bool):
        raise InvalidConfiguration(f"fresh: must be true or false, got {shown(given)}")
    if given and info.data.get("study") == "":
        needs = "needs a name for the study; without one, every flow run has its own"
        raise InvalidConfiguration(f"fresh: {needs}")
    return given


FreshParameter: TypeAlias = Annotated[bool, BeforeValidator(_fresh)]
"""Whether every flow run begins a study of its own; that takes a name."""


def _preflight(given: Any) -> bool:
    if not isinstance(given, bool):
        raise InvalidConfiguration(f"preflight: must be true or false, got {shown(given)}")
    return given


PreflightParameter: TypeAlias = Annotated[bool, BeforeValidator(_preflight)]
"""Whether the study is judged by its first trials before its budget is spent."""

OnCodeChange: TypeAlias = Literal["continue", "error", "new"]
"""What to do when the code of the objective is not what it was in the study's last run."""


def _confirm(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= LARGEST:
        rule = "must be how many of the best trials to evaluate anew, a whole number from 0 on"
        raise InvalidConfiguration(f"confirm: {rule}, got {shown(given)}")
    return given


ConfirmParameter: TypeAlias = Annotated[
    int,
    PlainValidator(_confirm),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": LARGEST}),
]
"""How many of the best trials are evaluated anew."""


class StudyParameters(BaseModel):
    """The parameters of `tune`, by name.

    Example:
        ```python
        from prefect_tuner.flows.run.study_parameters import StudyParameters

        right, mistakes = StudyParameters.checked({"study": "churn", "fresh": 1})
        assert mistakes == ["fresh: must be true or false, got 1"]
        assert right["study"] == "churn"
        assert right["config"].max_trials == 20
        ```
    """

    model_config = ConfigDict(
        arbitrary_types_allowed=True, extra="forbid", frozen=True, validate_default=True
    )

    objective: ObjectiveParameter = "prefect_tuner.example:train"
    space: SpaceParameter = SPACE
    strategy: StrategyParameter = DEFAULT_STRATEGY
    strategy_options: StrategyOptionsParameter = NO_OPTIONS
    direction: Direction = "maximize"
    seed: SeedParameter = 0
    study: StudyNameParameter = ""
    config: ConfigParameter = DEFAULT_CONFIG
    observers: ObserversParameter = ()
    storage: StorageParameter = ""
    on_conflict: OnConflict = "error"
    initial_trials: InitialTrialsParameter = ()
    fresh: FreshParameter = False
    on_code_change: OnCodeChange = "continue"
    engine: EngineParameter = DEFAULT_ENGINE
    engine_options: EngineOptionsParameter = NO_OPTIONS
    confirm: ConfirmParameter = 0
    preflight: PreflightParameter = False

    @classmethod
    def checked(cls, given: Mapping[Any, Any]) -> tuple[dict[str, Any], list[str]]:
        """Check parameters, each on its own.

        Args:
            given: Those that are given; for the others, their defaults stand.

        Returns:
            All that are right, by name, and what is wrong with the others.
        """
        right: dict[str, Any] = {}
        try:
            cls.model_validate({str(name): given[name] for name in given}, context=right)
        except ValidationError as error:
            return right, mistakes_from(error, "", cls)
        return right, []

    @field_validator("*")
    @classmethod
    def _note_what_is_right(cls, value: Any, info: ValidationInfo) -> Any:
        """Have `checked` know it, whatever is wrong with others."""
        if info.context is not None:
            info.context[info.field_name] = value
        return value
