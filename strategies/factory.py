"""The factory: from a strategy's name and options to the strategy.

Third parties register a strategy by an entry point, after which its name works everywhere:

```toml
[project.entry-points."prefect_tuner.strategies"]
annealing = "my_package.annealing:Annealing"
```
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, get_args

import numpy as np
from pydantic import BaseModel, ValidationError

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.redaction import redacted, shown
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.strategy import SearchStrategy
from prefect_tuner.trial import Direction
from prefect_tuner.validation import field_mistakes, unknown_name

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

StrategySpec: TypeAlias = str | Mapping[str, Any] | type[SearchStrategy]
"""A strategy's name, a mapping with its `name` and options, or a subclass of `SearchStrategy`."""

T = TypeVar("T")

ENTRY_POINT_GROUP = "prefect_tuner.strategies"
"""Where installed packages register strategies of their own."""

DEFAULT_STRATEGY = "auto"
"""The strategy of studies that name none."""

_BUILT_IN = {
    "auto": "prefect_tuner.strategies.auto:AutoSearch",
    "cmaes": "prefect_tuner.strategies.cma_es:CmaEsSearch",
    "gp": "prefect_tuner.strategies.gp:GaussianProcessSearch",
    "grid": "prefect_tuner.strategies.grid:GridSearch",
    "optuna": "prefect_tuner.strategies.optuna_search:OptunaSearch",
    "portfolio": "prefect_tuner.strategies.portfolio:PortfolioSearch",
    "random": "prefect_tuner.strategies.random_search:RandomSearch",
    "sobol": "prefect_tuner.strategies.sobol:SobolSearch",
    "tpe": "prefect_tuner.strategies.tpe:TreeParzenSearch",
}


def make_strategy(
    spec: StrategySpec,
    space: SearchSpace | Mapping[str, Any],
    direction: Direction = "minimize",
    seed: int = 0,
) -> SearchStrategy:
    """Build a strategy.

    Args:
        spec: A name such as `"random"`, a mapping such as `{"name": "random", "max_iters": 200}`,
            or a subclass of `SearchStrategy`, which may also stand as the mapping's name.
        space: The search space, or what `SearchSpace` takes.
        direction: `"maximize"` or `"minimize"`.
        seed: Seed of the study, at least 0.

    Raises:
        InvalidConfiguration: Lists all the mistakes in the arguments, or the strategy lacks what
            the search space needs.

    Example:
        ```python
        from prefect_tuner import Float, History, make_strategy

        strategy = make_strategy({"name": "grid", "points": 3}, {"lr": Float(0.0, 1.0)})
        assert strategy.next_candidate(History()) == {"lr": 0.0}
        ```
    """
    mistakes: list[str] = []
    known_space = _attempt(mistakes, lambda: _search_space(space))
    parsed = _attempt(mistakes, lambda: parse_strategy(spec))
    mistakes += [*_direction_mistakes(direction), *_seed_mistakes(seed)]
    if mistakes or known_space is None or parsed is None:
        raise InvalidConfiguration(*mistakes)
    strategy, options = parsed
    label = _label(spec["name"] if isinstance(spec, Mapping) else spec)
    if lacking := _lacking(strategy, known_space):
        raise InvalidConfiguration(f"{label}: {lacking}")
    try:
        return strategy(known_space, direction, int(seed), options)
    except InvalidConfiguration as error:
        raise InvalidConfiguration(*(f"{label}: {m}" for m in error.mistakes)) from error


def parse_strategy(spec: StrategySpec) -> tuple[type[SearchStrategy], BaseModel]:
    """The class and the validated options that `spec` stands for, with no search space needed.

    Raises:
        InvalidConfiguration: The strategy is not known, cannot be loaded, or an option is wrong.
    """
    name, given = _split(spec)
    if isinstance(name, str):
        strategy = strategy_class(name)
    else:
        strategy = _checked(name, _label(name), "it")
    try:
        return strategy, strategy.Options.model_validate(given)
    except ValidationError as error:
        label = _label(name)
        raise InvalidConfiguration(
            *(
                f"{label}: option {field} {rule}" if field else f"{label}: options {rule}"
                for field, rule in field_mistakes(error, strategy.Options)
            )
        ) from error


def with_budget(spec: StrategySpec, max_trials: int, max_concurrency: int) -> StrategySpec:
    """The spec, with the budget of its study where the strategy plans for it and has none given.

    What is wrong with a spec is left for `make_strategy` to say.

    Args:
        spec: As `make_strategy` takes it.
        max_trials: How many trials the study is to have.
        max_concurrency: How many of them run at a time.

    Example:
        ```python
        from prefect_tuner.strategies.factory import with_budget

        assert with_budget({"name": "auto", "max_trials": 9}, 200, 4) == {
            "name": "auto", "max_trials": 9, "max_concurrency": 4
        }
        assert with_budget("random", 200, 4) == "random"
        ```
    """
    try:
        name, given = _split(spec)
        strategy, _ = parse_strategy(spec)
    except InvalidConfiguration:
        return spec
    if not strategy.plans_for_budget:
        return spec
    return {"name": name, "max_trials": max_trials, "max_concurrency": max_concurrency, **given}


def strategy_class(name: str) -> type[SearchStrategy]:
    """The strategy registered under `name`, imported when asked for.

    Built-in names come first: a plug-in cannot replace them.

    Raises:
        InvalidConfiguration: The name is not known, or its plug-in cannot be loaded.
    """
    if name in _BUILT_IN:
        module, _, attribute = _BUILT_IN[name].partition(":")
        return _checked(getattr(import_module(module), attribute), _label(name), "it")
    plug_ins = {(_distribution(p), p.value): p for p in _plug_ins().select(name=name)}
    if not plug_ins:
        raise InvalidConfiguration(f"strategy: {name!r} {unknown_name(name, strategy_names())}")
    if len(plug_ins) > 1:
        sources = " and ".join(sorted(distribution for distribution, _ in plug_ins))
        raise InvalidConfiguration(
            f"{_label(name)}: is registered more than once, by {sources}; keep only one installed"
        )
    return _load(next(iter(plug_ins.values())))


def missing_package(strategy: type[SearchStrategy]) -> str:
    """What has to be installed before a strategy can be used; empty when nothing has."""
    if not strategy.package or find_spec(strategy.package) is not None:
        return ""
    return f'needs {strategy.package}: pip install "prefect-tuner[{strategy.package}]"'


def strategy_names() -> list[str]:
    """The names of all strategies, built in and installed, sorted. Imports none of them."""
    return sorted({*_BUILT_IN, *_plug_ins().names})


def _lacking(strategy: type[SearchStrategy], space: SearchSpace) -> str:
    """What the space needs and the strategy has not, with those that have it; empty if nothing."""
    if _can_search(strategy, space):
        return ""
    lacking = []
    if space.is_conditional and not strategy.supports_conditions:
        conditional = [name for name, parameter in space.items() if parameter.when]
        lacking.append(f"conditional parameters ({', '.join(conditional)})")
    if space.constraints and not strategy.supports_constraints:
        lacking.append(f"constraints ({'; '.join(space.constraints)})")
    able = []
    for name in strategy_names():
        # One that cannot be loaded is no way out.
        with suppress(InvalidConfiguration):
            other = strategy_class(name)
            usable = _can_search(other, space) and not missing_package(other)
            able += [repr(name)] if usable else []
    return f"cannot search spaces with {' and '.join(lacking)}; use {' or '.join(able)}"


def _can_search(strategy: type[SearchStrategy], space: SearchSpace) -> bool:
    return (strategy.supports_conditions or not space.is_conditional) and (
        strategy.supports_constraints or not space.constraints
    )


def _attempt(mistakes: list[str], build: Callable[[], T]) -> T | None:
    """What `build` returns, or None with its mistakes noted."""
    try:
        return build()
    except InvalidConfiguration as error:
        mistakes += error.mistakes
        return None


def _search_space(space: SearchSpace | Mapping[str, Any]) -> SearchSpace:
    return space if isinstance(space, SearchSpace) else SearchSpace(space)


def _split(spec: Any) -> tuple[Any, Mapping[str, Any]]:
    """The name or class, and the options."""
    if isinstance(spec, Mapping):
        if "name" not in spec:
            names = ", ".join(map(repr, strategy_names()))
            raise InvalidConfiguration(
                f"strategy: name is required, one of {names}, got {redacted(spec)}"
            )
        name, given = spec["name"], {key: spec[key] for key in spec if key != "name"}
    else:
        name, given = spec, {}
    if not isinstance(name, str | type):
        raise InvalidConfiguration(
            "strategy: must be a name, a mapping with a name and options, or a subclass of "
            f"SearchStrategy, got {redacted(spec)}"
        )
    return name, given


def _plug_ins() -> EntryPoints:
    # Costs more to import than all of this package, and a built-in strategy does without.
    from importlib.metadata import entry_points

    return entry_points(group=ENTRY_POINT_GROUP)


def _load(plug_in: EntryPoint) -> type[SearchStrategy]:
    source = f"the plug-in {plug_in.value!r} of {_distribution(plug_in)}"
    # Whatever a third party's module raises at import is for its user to see, with its name.
    try:
        loaded = plug_in.load()
    except Exception as error:
        raise InvalidConfiguration(
            f"{_label(plug_in.name)}: {source} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return _checked(loaded, _label(plug_in.name), source)


def _checked(candidate: Any, label: str, source: str) -> type[SearchStrategy]:
    if not (isinstance(candidate, type) and issubclass(candidate, SearchStrategy)):
        raise InvalidConfiguration(
            f"{label}: {source} must be a subclass of SearchStrategy, got {shown(candidate)}"
        )
    if inspect.isabstract(candidate):
        missing = ", ".join(sorted(candidate.__abstractmethods__))
        raise InvalidConfiguration(f"{label}: {source} must define {missing}")
    return candidate


def _distribution(plug_in: EntryPoint) -> str:
    return f"{plug_in.dist.name} {plug_in.dist.version}" if plug_in.dist else "an unknown package"


def _label(name: str | type) -> str:
    return f'strategy "{name}"' if isinstance(name, str) else f"strategy {name.__name__}"


def _direction_mistakes(direction: object) -> list[str]:
    directions = get_args(Direction)
    if isinstance(direction, str) and direction in directions:
        return []
    return [f"direction: must be {' or '.join(map(repr, directions))}, got {shown(direction)}"]


def _seed_mistakes(seed: object) -> list[str]:
    whole = isinstance(seed, int | np.integer) and not isinstance(seed, bool)
    if whole and seed >= 0:  # type: ignore[operator]
        return []
    return [f"seed: must be a whole number of at least 0, got {shown(seed)}"]
