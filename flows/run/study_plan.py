"""From a flow's parameters to a study that can run: every check before the first trial."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

from prefect.utilities.importtools import import_object

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.ledger.initial_trials import parse_initial_trials, split_sources
from prefect_tuner.flows.ledger.ledger_records import InitialTrial, StudyDefinition
from prefect_tuner.flows.observers.observer import TuningObserver
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.storage.storage_address import check_storage
from prefect_tuner.flows.study.study import Study
from prefect_tuner.flows.study.tuner_config import TunerConfig
from prefect_tuner.hyper_value import LARGEST
from prefect_tuner.redaction import redacted, shown, shown_error
from prefect_tuner.strategies.factory import StrategySpec, parse_strategy
from prefect_tuner.strategies.strategy import Budget
from prefect_tuner.tasks.objectives.allowed_objectives import check_allowed, check_definition
from prefect_tuner.tasks.objectives.objective import check_objective, objective_label
from prefect_tuner.tasks.objectives.objective_code import objective_code
from prefect_tuner.tasks.source_code.static_code import Code

LONGEST_STUDY_NAME = 200
"""Characters of a study's name."""

OnConflict: TypeAlias = Literal["error", "new", "adopt"]
"""What to do when the study's name belongs to another one."""

OnCodeChange: TypeAlias = Literal["continue", "error", "new"]
"""What to do when the code of the objective is not what it was in the study's last run."""


@dataclass(frozen=True)
class StudyPlan:
    """A study whose parameters were all found right.

    Attributes:
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
    """

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
    *,
    objective: object,
    space: Any,
    strategy: Any,
    strategy_options: Any,
    direction: Any,
    seed: Any,
    study: Any,
    config: Any,
    observers: Any,
    storage: Any,
    on_conflict: Any,
    initial_trials: Any,
    fresh: Any,
    on_code_change: Any = "continue",
) -> StudyPlan:
    """Check the parameters of a study, all of them, and build what they describe.

    The parameters are those of `tune`. Observers given by path are imported, the objective is
    not.

    Raises:
        InvalidConfiguration: Lists all the mistakes.
    """
    mistakes: list[str] = []
    try:
        check_objective(objective)
    except InvalidConfiguration as error:
        mistakes += error.mistakes
    built: Study | None = None
    spec: StrategySpec = strategy
    mistakes_in_options = _mistakes_in_options(strategy, strategy_options)
    try:
        spec = strategy if mistakes_in_options else _strategy_spec(strategy, strategy_options)
        built = Study(space, strategy=spec, direction=direction, seed=seed)
    except InvalidConfiguration as error:
        mistakes += error.mistakes
    mistakes += mistakes_in_options
    if isinstance(seed, int) and seed > LARGEST:
        mistakes.append(f"seed: must be at most {LARGEST}, which Prefect can store, got {seed}")
    mistakes += _mistakes_in_name(study)
    checked: TunerConfig | None = None
    try:
        checked = _config(config)
    except InvalidConfiguration as error:
        mistakes += error.mistakes
    own: list[TuningObserver] = []
    try:
        own = _observers(observers)
    except InvalidConfiguration as error:
        mistakes += error.mistakes
    mistakes += _mistakes_in_storage(storage)
    mistakes += _mistakes_in_choice("on_conflict", on_conflict, OnConflict)
    mistakes += _mistakes_in_choice("on_code_change", on_code_change, OnCodeChange)
    if not isinstance(fresh, bool):
        mistakes.append(f"fresh: must be true or false, got {shown(fresh)}")
    elif fresh and study == "":
        mistakes.append(
            "fresh: needs a name for the study; without one, every flow run has its own"
        )
    initial: list[InitialTrial] = []
    given, sources = split_sources(initial_trials)
    try:
        initial = parse_initial_trials(given, None if built is None else built.space)
    except InvalidConfiguration as error:
        mistakes += error.mistakes
    if mistakes or built is None or checked is None:
        raise InvalidConfiguration(*mistakes)
    parsed = parse_strategy(spec)
    plan = StudyPlan(
        objective=objective,
        study=built,
        strategy=parsed.shown_name,
        config=checked,
        observers=own,
        observer_paths=[observer for observer in observers if isinstance(observer, str)],
        storage=storage_or_default(storage),
        on_conflict=on_conflict,
        fresh=fresh,
        on_code_change=on_code_change,
        code=objective_code(objective),
        definition=StudyDefinition(
            objective=objective_label(objective),
            space=built.space.to_json(),
            strategy=parsed.recorded,
            direction=built.direction,
            seed=built.seed,
            initial_trials=initial,
            initial_sources=sources,
        ),
        spec=spec,
    )
    return plan.with_lag(checked.lag or checked.max_concurrency) if checked.reproducible else plan


def _mistakes_in_options(strategy: Any, options: Any) -> list[str]:
    if not isinstance(options, Mapping):
        return [f"strategy_options: must be a mapping, got {redacted(options)}"]
    taken = strategy.keys() if isinstance(strategy, Mapping) else {"name"}
    return [
        f"strategy_options: {name!r} is given in strategy already, leave one out"
        for name in options
        if name in taken
    ]


def _strategy_spec(strategy: Any, options: Mapping[str, Any]) -> StrategySpec:
    """The strategy and its options in one, as the factory takes it."""
    if not options:
        spec: StrategySpec = strategy
        return spec
    named = strategy if isinstance(strategy, Mapping) else {"name": strategy}
    return {**named, **options}


def _mistakes_in_storage(storage: Any) -> list[str]:
    try:
        check_storage(storage_or_default(storage) if isinstance(storage, str) else storage)
    except InvalidConfiguration as error:
        return list(error.mistakes)
    return []


def _mistakes_in_choice(name: str, given: Any, choices: Any) -> list[str]:
    known = get_args(choices)
    if isinstance(given, str) and given in known:
        return []
    listed = f"{', '.join(map(repr, known[:-1]))} or {known[-1]!r}"
    return [f"{name}: must be {listed}, got {redacted(given)}"]


def _config(config: Any) -> TunerConfig:
    if isinstance(config, TunerConfig):
        return config
    if isinstance(config, Mapping):
        return TunerConfig(**{str(name): value for name, value in config.items()})
    raise InvalidConfiguration(
        f"config: must be a TunerConfig or a mapping, got {redacted(config)}"
    )


def _mistakes_in_name(study: object) -> list[str]:
    if isinstance(study, str) and len(study) <= LONGEST_STUDY_NAME and study.isprintable():
        return []
    rule = f"a name of at most {LONGEST_STUDY_NAME} printable characters"
    return [f"study: must be {rule}, got {shown(study)}"]


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


_planned: ContextVar[StudyPlan | None] = ContextVar("prefect_tuner_plan", default=None)


@contextmanager
def planned(plan: StudyPlan) -> Iterator[None]:
    """Have the next call of `tune` inside of the `with` block run this study, its parameters aside.

    What is checked, imported and made for a plan is so once.
    """
    token = _planned.set(plan)
    try:
        yield
    finally:
        _planned.reset(token)


def take_planned_study() -> StudyPlan | None:
    """The plan of the block around the caller; the first who asks has it."""
    plan = _planned.get()
    if plan is not None:
        _planned.set(None)
    return plan
