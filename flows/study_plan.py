"""From a flow's parameters to a study that can run: every check before the first trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prefect.utilities.importtools import import_object

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.observer import TuningObserver
from prefect_tuner.flows.study import Study
from prefect_tuner.flows.tuner_config import TunerConfig
from prefect_tuner.strategies.factory import StrategySpec
from prefect_tuner.tasks.objective import check_objective

LONGEST_STUDY_NAME = 200
"""Characters of a study's name."""


@dataclass(frozen=True)
class StudyPlan:
    """A study whose parameters were all found right.

    Attributes:
        objective: What to call: a callable, an object with `train`, or a path.
        study: The study, nothing asked yet.
        strategy: The strategy's name.
        config: Budget, limits and stop rules.
        observers: The user's own.
    """

    objective: Any
    study: Study
    strategy: str
    config: TunerConfig
    observers: list[TuningObserver]


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
    mistakes_in_options = _mistakes_in_options(strategy, strategy_options)
    try:
        spec = strategy if mistakes_in_options else _strategy_spec(strategy, strategy_options)
        built = Study(space, strategy=spec, direction=direction, seed=seed)
    except InvalidConfiguration as error:
        mistakes += error.mistakes
    mistakes += mistakes_in_options
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
    if mistakes or built is None or checked is None:
        raise InvalidConfiguration(*mistakes)
    return StudyPlan(objective, built, _strategy_name(strategy), checked, own)


def _mistakes_in_options(strategy: Any, options: Any) -> list[str]:
    if not isinstance(options, Mapping):
        return [f"strategy_options: must be a mapping, got {options!r}"]
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


def _strategy_name(strategy: Any) -> str:
    named = strategy.get("name") if isinstance(strategy, Mapping) else strategy
    return named if isinstance(named, str) else str(getattr(named, "__name__", named))


def _config(config: Any) -> TunerConfig:
    if isinstance(config, TunerConfig):
        return config
    if isinstance(config, Mapping):
        return TunerConfig(**{str(name): value for name, value in config.items()})
    raise InvalidConfiguration(f"config: must be a TunerConfig or a mapping, got {config!r}")


def _mistakes_in_name(study: object) -> list[str]:
    if isinstance(study, str) and len(study) <= LONGEST_STUDY_NAME and study.isprintable():
        return []
    return [
        f"study: must be a name of at most {LONGEST_STUDY_NAME} printable characters, got {study!r}"
    ]


def _observers(observers: Any) -> list[TuningObserver]:
    if not isinstance(observers, list | tuple):
        raise InvalidConfiguration(f"observers: must be a list, got {observers!r}")
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
                f"object, got {error!r}"
            ) from error
    if not isinstance(found, TuningObserver):
        raise InvalidConfiguration(
            f"{field}: must be a TuningObserver, a subclass of it or the path of one, "
            f"got {observer!r}"
        )
    return found


def _imported(path: str, field: str) -> Any:
    try:
        return import_object(path)
    except Exception as error:
        raise InvalidConfiguration(
            f'{field}: must look like "package.module:attribute" or "path/to/file.py:attribute" '
            f"and be importable, got {path!r} ({error!r})"
        ) from error
