"""From a flow's parameters to a study that can run: every check before the first trial."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from prefect.utilities.importtools import import_object

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.confirmation.looks import FIRST
from prefect_tuner.flows.ledger.initial_trials import parse_initial_trials, split_sources
from prefect_tuner.flows.ledger.ledger_records import InitialTrial, StudyDefinition
from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.flows.preflight.preflight_run import Preflight
from prefect_tuner.flows.run.plug_in_parameters import NO_OPTIONS
from prefect_tuner.flows.run.study_parameters import (
    DEFAULT_CONFIG,
    OnCodeChange,
    OnConflict,
    StudyParameters,
)
from prefect_tuner.flows.study.study import Study
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.redaction import redacted, shown, shown_error
from prefect_tuner.strategies.factory import StrategySpec, parse_strategy
from prefect_tuner.strategies.strategy import Budget
from prefect_tuner.tasks.engine import Engine, EngineOptions
from prefect_tuner.tasks.engines.engine_registry import parse_engine
from prefect_tuner.tasks.objectives.allowed_objectives import (
    check_allowed,
    check_definition,
    check_device_variable,
)
from prefect_tuner.tasks.objectives.objective import objective_label
from prefect_tuner.tasks.objectives.objective_code import objective_code
from prefect_tuner.tasks.source_code.static_code import Code

T = TypeVar("T")


@dataclass(frozen=True)
class StudyPlan:
    """A study whose parameters were all found right.

    Attributes:
        given: The parameters of `tune`, as they were given.
        name: The study's name; empty for one that belongs to its flow run alone.
        objective: What to call: a callable, an object with `train`, or a path.
        study: The study, nothing asked yet.
        strategy: The strategy's name.
        config: Budget, limits and stop rules.
        observers: The user's own.
        observer_paths: Those of them that were given by path.
        storage: Where the ledger is kept.
        on_conflict: What to do when the study's name belongs to another one.
        fresh: Whether every flow run begins a study of its own.
        on_code_change: What to do when the code of the objective has changed.
        code: What that is now.
        definition: What makes the study the study that it is.
        spec: The strategy and its options as they were given.
        engine: The name of the engine that runs the trials.
        parsed_engine: Its class, and its options, validated.
        confirm: How many of the best trials are evaluated anew.
        preflight: Whether the run makes a preflight, and whether it makes anything else.
    """

    given: Mapping[str, Any]
    name: str
    objective: Any
    study: Study
    strategy: str
    config: TunerConfig
    observers: list[TuningObserver]
    observer_paths: list[str]
    storage: str
    on_conflict: OnConflict
    fresh: bool
    on_code_change: OnCodeChange
    code: Code
    definition: StudyDefinition
    spec: StrategySpec
    engine: str
    parsed_engine: tuple[type[Engine], EngineOptions]
    confirm: int
    preflight: Preflight

    @property
    def engine_options(self) -> dict[str, Any]:
        """The engine's options that were given, as plain JSON data."""
        _, options = self.parsed_engine
        return options.model_dump(mode="json", by_alias=True, exclude_unset=True, round_trip=True)

    @property
    def budget(self) -> Budget:
        """What the strategy plans for: with a lag, the same for any number of trials at a time."""
        return Budget(self.config.max_trials, self.study.lag or self.config.max_concurrency)

    def with_lag(self, lag: int | None) -> StudyPlan:
        """The same plan with another lag."""
        built = self.study
        study = Study(built.space, self.spec, built.direction, built.seed, lag)
        definition = self.definition.model_copy(update={"lag": lag})
        return replace(self, study=study, definition=definition)


def plan_study(
    given: Mapping[Any, Any], model: type[StudyParameters] = StudyParameters
) -> StudyPlan:
    """Check the parameters of a study, all of them, and make what they describe.

    Observers given by path are imported, the objective is not.

    Args:
        given: Parameters of `tune`, by name.
        model: What they have to be, and what stands for those that are not given.

    Raises:
        InvalidConfiguration: Lists all the mistakes, in the order of the parameters.

    Example:
        ```python
        from prefect_tuner.flows.run.study_plan import plan_study

        plan = plan_study({"objective": "json:loads", "space": {"x": [1, 2]}, "strategy": "grid"})
        assert plan.study.ask().params == {"x": 1}
        assert plan.config.max_trials == 20
        ```
    """
    right, mistakes = model.checked(given)
    spec = _strategy_spec(right["strategy"], right.get("strategy_options", NO_OPTIONS))
    study = _made(lambda: _study(right, spec), right, mistakes)
    observers = _made(lambda: _observers(right["observers"]), right, mistakes)
    initial = _made(lambda: _initial_trials(right), right, mistakes)
    engine = _made(lambda: _engine(right), right, mistakes)
    _made(lambda: _check_config(right), right, mistakes)
    if mistakes or study is None or observers is None or initial is None or engine is None:
        raise InvalidConfiguration(*sorted(mistakes, key=_place))
    parameters = StudyParameters.model_construct(**right)
    return _plan(given, parameters, study, spec, observers, initial, engine)


def _made(make: Callable[[], T], right: Mapping[str, Any], mistakes: list[str]) -> T | None:
    """What several parameters make together; None, with its mistakes added, where they do not.

    Of a parameter that is wrong on its own, nothing more is told.
    """
    try:
        return make()
    except InvalidConfiguration as error:
        wrong = StudyParameters.model_fields.keys() - right.keys()
        mistakes += [mistake for mistake in error.mistakes if _parameter(mistake) not in wrong]
        return None


def _parameter(mistake: str) -> str:
    """The name with which a mistake begins, such as `space` of `space.lr: ...`."""
    return re.split(r"\W", mistake, maxsplit=1)[0]


def _place(mistake: str) -> int:
    """Where the parameter of a mistake stands; what is no parameter comes first."""
    names = list(StudyParameters.model_fields)
    name = _parameter(mistake)
    return names.index(name) if name in names else -1


def _study(right: Mapping[str, Any], spec: StrategySpec) -> Study:
    """The study; what is wrong with strategy, direction and seed is for it to say."""
    direction: Any = right.get("direction")
    config = right.get("config", DEFAULT_CONFIG)  # Where it is wrong, the study is not run.
    lag = config.lag or config.max_concurrency if config.reproducible else None
    return Study(right.get("space", {}), spec, direction, right.get("seed", 0), lag)


def _check_config(right: Mapping[str, Any]) -> None:
    config = right.get("config", DEFAULT_CONFIG)
    check_device_variable(config.device_variable)
    confirm, most = right.get("confirm", 0), config.confirm_evaluations
    if most is not None and most < FIRST * confirm:
        raise InvalidConfiguration(
            f"config.confirm_evaluations: must be at least {FIRST} for each of the {confirm} "
            f"trials to confirm, that is {FIRST * confirm}, got {most}"
        )


def _initial_trials(right: Mapping[str, Any]) -> list[InitialTrial]:
    listed, _ = split_sources(right["initial_trials"])
    return parse_initial_trials(listed, right.get("space"))


def _engine(right: Mapping[str, Any]) -> tuple[type[Engine], EngineOptions]:
    return parse_engine(right["engine"], right.get("engine_options", NO_OPTIONS))


def _plan(
    given: Mapping[str, Any],
    parameters: StudyParameters,
    study: Study,
    spec: StrategySpec,
    observers: list[TuningObserver],
    initial: list[InitialTrial],
    engine: tuple[type[Engine], EngineOptions],
) -> StudyPlan:
    parsed = parse_strategy(spec)
    return StudyPlan(
        given=dict(given),
        name=parameters.study,
        objective=parameters.objective,
        study=study,
        strategy=parsed.shown_name,
        config=parameters.config,
        observers=observers,
        observer_paths=[each for each in parameters.observers if isinstance(each, str)],
        storage=parameters.storage,
        on_conflict=parameters.on_conflict,
        fresh=parameters.fresh,
        on_code_change=parameters.on_code_change,
        code=objective_code(parameters.objective),
        definition=StudyDefinition(
            objective=objective_label(parameters.objective),
            space=study.space.to_json(),
            strategy=parsed.recorded,
            direction=study.direction,
            seed=study.seed,
            lag=study.lag,
            initial_trials=initial,
            initial_sources=split_sources(parameters.initial_trials)[1],
        ),
        spec=spec,
        engine=parameters.engine,
        parsed_engine=engine,
        confirm=parameters.confirm,
        preflight="first" if parameters.preflight else "none",
    )


def _strategy_spec(strategy: Any, options: Mapping[str, Any]) -> StrategySpec:
    """The strategy and its options in one, as the factory takes it."""
    if not options:
        spec: StrategySpec = strategy
        return spec
    named = strategy if isinstance(strategy, Mapping) else {"name": strategy}
    return {**named, **options}


def _observers(observers: Any) -> list[TuningObserver]:
    if not isinstance(observers, list | tuple):
        raise InvalidConfiguration(f"observers: must be a list, got {redacted(observers)}")
    built: list[TuningObserver] = []
    mistakes: list[str] = []
    for i, observer in enumerate(observers):
        try:
            built.append(_observer(observer, f"observers.{i}"))
        except InvalidConfiguration as error:
            mistakes += error.mistakes
    if mistakes:
        raise InvalidConfiguration(*mistakes)
    return built


def _observer(observer: Any, field: str) -> TuningObserver:
    found = _imported(observer, field) if isinstance(observer, str) else observer
    if isinstance(found, type) and issubclass(found, TuningObserver):
        try:
            return found()
        except Exception as error:
            raise InvalidConfiguration(
                f"{field}: {found.__name__} must be made without arguments, or be given as an "
                f"object, got {shown_error(error)}"
            ) from error
    if not isinstance(found, TuningObserver):
        raise InvalidConfiguration(
            f"{field}: must be a TuningObserver, a subclass of it or the path of one, "
            f"got {redacted(observer)}"
        )
    return found


def _imported(path: str, field: str) -> Any:
    check_allowed(path, field)
    try:
        found = import_object(path)
    except Exception as error:
        raise InvalidConfiguration(
            f'{field}: must look like "package.module:attribute" or "path/to/file.py:attribute" '
            f"and be importable, got {shown(path)} ({shown_error(error)})"
        ) from error
    check_definition(path, found, field)
    return found
