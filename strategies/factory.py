"""The factory: from a strategy's name and options to the strategy.

Third parties register a strategy by an entry point, after which its name works everywhere:

```toml
[project.entry-points."prefect_tuner.strategies"]
annealing = "my_package.annealing:Annealing"
```
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, TypeAlias, TypeVar

import numpy as np
from pydantic import ValidationError

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.goal import Goal
from prefect_tuner.plug_ins import Registry, subclass_mistake
from prefect_tuner.redaction import redacted, shown
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.strategy import NamedStrategy, ParsedStrategy, SearchStrategy
from prefect_tuner.trial import Direction
from prefect_tuner.validation import field_mistakes

StrategySpec: TypeAlias = str | Mapping[str, Any] | type[SearchStrategy]
"""A strategy's name, a mapping with its `name` and options, or a subclass of `SearchStrategy`."""

T = TypeVar("T")

# Before there was a budget, they were made without it.
_TAKE_THE_BUDGET = {"propose": ("history", "budget"), "reason": ("budget",)}

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
    parsed, known_space, goal, known_seed = parse_arguments(spec, space, direction, seed)
    return build_strategy(parsed, known_space, goal.direction, known_seed)


def read_strategy(spec: object) -> NamedStrategy:
    """Which strategy a spec asks for, with nothing looked up: it may be installed elsewhere.

    Raises:
        InvalidConfiguration: It is no spec.

    Example:
        ```python
        from prefect_tuner.strategies.factory import read_strategy

        portfolio = read_strategy({"name": "portfolio", "strategies": ["gp", "their_search"]})
        assert [member.name for member in portfolio.members] == ["gp", "their_search"]
        ```
    """
    named, given = spec, dict[str, Any]()
    if isinstance(spec, Mapping):
        if "name" not in spec:
            names = ", ".join(map(repr, strategy_names()))
            said = f"name is required, one of {names}, got {redacted(spec)}"
            raise InvalidConfiguration(f"strategy: {said}")
        named, given = spec["name"], {key: spec[key] for key in spec if key != "name"}
    if not isinstance(named, str | type):
        raise InvalidConfiguration(
            "strategy: must be a name, a mapping with a name and options, or a subclass of "
            f"SearchStrategy, got {redacted(spec)}"
        )
    return NamedStrategy(named, given, tuple(_members(given.get("strategies"))))


def parse_strategy(spec: StrategySpec) -> ParsedStrategy:
    """The class and the validated options that `spec` stands for, with no search space needed.

    Raises:
        InvalidConfiguration: The strategy is not known, cannot be loaded, or an option is wrong.

    Example:
        ```python
        from prefect_tuner.strategies.factory import parse_strategy

        parsed = parse_strategy({"name": "grid", "points": 3, "shuffle": False})
        assert parsed.recorded == {"name": "grid", "points": 3}
        ```
    """
    read = read_strategy(spec)
    named, label = read.named, _label(read.named)
    strategy = strategy_class(named) if isinstance(named, str) else _checked(named)
    try:
        options = strategy.Options.model_validate(read.given)
    except ValidationError as error:
        raise InvalidConfiguration(
            *(
                f"{label}: option {field} {rule}" if field else f"{label}: options {rule}"
                for field, rule in field_mistakes(error, strategy.Options)
            )
        ) from error
    return ParsedStrategy(named, read.given, read.members, strategy, options)


def build_strategy(
    parsed: ParsedStrategy, space: SearchSpace, direction: Direction, seed: int
) -> SearchStrategy:
    """Make a strategy of what was found right.

    Raises:
        InvalidConfiguration: The strategy lacks what the search space needs, or refuses it.
    """
    label = _label(parsed.named)
    if refusal := _refusal(parsed.strategy, space):
        raise InvalidConfiguration(f"{label}: {refusal}")
    try:
        return parsed.strategy(space, direction, seed, parsed.options)
    except InvalidConfiguration as error:
        raise InvalidConfiguration(*(f"{label}: {m}" for m in error.mistakes)) from error


def parse_arguments(
    spec: StrategySpec, space: SearchSpace | Mapping[str, Any], direction: Direction, seed: int
) -> tuple[ParsedStrategy, SearchSpace, Goal, int]:
    """What a study is made of, given as `make_strategy` takes it.

    Raises:
        InvalidConfiguration: Lists all the mistakes.
    """
    mistakes: list[str] = []
    known_space = (
        space if isinstance(space, SearchSpace) else _attempt(mistakes, lambda: SearchSpace(space))
    )
    parsed = _attempt(mistakes, lambda: parse_strategy(spec))
    goal = _attempt(mistakes, lambda: Goal(direction))
    known_seed = _attempt(mistakes, lambda: _whole_seed(seed))
    if known_space is None or parsed is None or goal is None or known_seed is None:
        raise InvalidConfiguration(*mistakes)
    return parsed, known_space, goal, known_seed


def strategy_class(name: str) -> type[SearchStrategy]:
    """The strategy registered under `name`, imported when asked for.

    Built-in names come first: a plug-in cannot replace them.

    Raises:
        InvalidConfiguration: The name is not known, or its plug-in cannot be loaded.
    """
    found: type[SearchStrategy] = _REGISTRY.load(name)
    return found


def missing_package(strategy: type[SearchStrategy]) -> str:
    """What has to be installed before a strategy can be used; empty when nothing has."""
    if not strategy.package or find_spec(strategy.package) is not None:
        return ""
    return f'needs {strategy.package}: pip install "prefect-tuner[{strategy.package}]"'


def strategy_names() -> list[str]:
    """The names of all strategies, built in and installed, sorted. Imports none of them."""
    return _REGISTRY.names()


def _refusal(strategy: type[SearchStrategy], space: SearchSpace) -> str:
    """Why a strategy cannot search a space, and which can; empty where it can."""
    lacking = strategy.lacking(space)
    if not lacking:
        return ""
    able = []
    for name in strategy_names():
        # One that cannot be loaded is no way out.
        with suppress(InvalidConfiguration):
            other = strategy_class(name)
            able += [] if other.lacking(space) or missing_package(other) else [repr(name)]
    return f"cannot search spaces with {' and '.join(lacking)}; use {' or '.join(able)}"


def _attempt(mistakes: list[str], build: Callable[[], T]) -> T | None:
    """What `build` returns, or None with its mistakes noted."""
    try:
        return build()
    except InvalidConfiguration as error:
        mistakes += error.mistakes
        return None


def _members(given: object) -> Iterator[NamedStrategy]:
    """The strategies of which another one consists by its option `strategies`."""
    for spec in given if isinstance(given, list) else []:
        # A plug-in's option of that name may hold something else.
        with suppress(InvalidConfiguration):
            yield read_strategy(spec)


def _mistake(candidate: Any) -> str:
    """What is wrong with a candidate for a strategy; empty where nothing is."""
    if mistake := subclass_mistake(candidate, SearchStrategy):
        return mistake
    for method, arguments in _TAKE_THE_BUDGET.items():
        try:
            inspect.signature(getattr(candidate, method)).bind("self", *arguments)
        except TypeError:
            return f"must define {method}({', '.join(arguments)})"
    return ""


def _checked(candidate: type[SearchStrategy]) -> type[SearchStrategy]:
    """A class that was handed over as it is."""
    if mistake := _mistake(candidate):
        raise InvalidConfiguration(f"{_label(candidate)}: it {mistake}")
    return candidate


def _label(name: str | type) -> str:
    return f'strategy "{name}"' if isinstance(name, str) else f"strategy {name.__name__}"


def _whole_seed(seed: object) -> int:
    if isinstance(seed, int | np.integer) and not isinstance(seed, bool) and seed >= 0:
        return int(seed)
    raise InvalidConfiguration(f"seed: must be a whole number of at least 0, got {shown(seed)}")


_REGISTRY = Registry(
    parameter="strategy",
    group=ENTRY_POINT_GROUP,
    built_in=_BUILT_IN,
    check=_mistake,
    told=lambda name, what: f"{_label(name)}: {what}",
)
