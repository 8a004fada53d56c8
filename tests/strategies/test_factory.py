from __future__ import annotations

import re
from typing import Any, ClassVar

import numpy as np
import pytest
from pydantic import BaseModel, Field

from prefect_tuner import (
    Float,
    History,
    InvalidConfiguration,
    Params,
    SearchStrategy,
    make_strategy,
)
from prefect_tuner.strategies.factory import (
    parse_strategy,
    read_strategy,
    strategy_class,
    strategy_names,
)
from prefect_tuner.strategies.gp import GaussianProcessSearch
from prefect_tuner.strategies.grid import GridSearch
from prefect_tuner.strategies.random_search import RandomSearch
from prefect_tuner.strategies.strategy import Proposal, StrategyOptions
from tests.messages import DIRECTION_IS_WRONG

SPACE = {"lr": Float(0.0, 1.0)}


class MiddleOptions(StrategyOptions):
    shift: float = Field(default=0.0, ge=0.0, description="How far from the middle.")


class MiddleSearch(SearchStrategy):
    Options: ClassVar[type[BaseModel]] = MiddleOptions

    def next_candidate(self, history: History) -> Params | None:
        assert isinstance(self.options, MiddleOptions)
        return {"lr": 0.5 + self.options.shift} if not history else None


class ProposesWithoutBudget(MiddleSearch):
    def propose(self, history: History) -> Proposal | None:  # type: ignore[override]
        return super().propose(history)


class ReasonAsProperty(MiddleSearch):
    @property
    def reason(self) -> str:  # type: ignore[override]
        return "the middle is in the middle"


def mistakes_of(spec: Any, *arguments: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidConfiguration) as caught:
        make_strategy(spec, *(arguments or (SPACE,)))
    return caught.value.mistakes


def test_a_name_makes_a_strategy() -> None:
    strategy = make_strategy("random", SPACE, "maximize", 3)
    assert type(strategy) is RandomSearch
    assert (strategy.direction, strategy.seed) == ("maximize", 3)
    assert strategy.space["lr"] == Float(0.0, 1.0)


def test_a_mapping_makes_a_strategy_with_options() -> None:
    strategy = make_strategy({"name": "grid", "points": 2}, SPACE)
    assert type(strategy) is GridSearch
    assert strategy.cardinality == 2


def test_a_class_makes_a_strategy_with_and_without_options() -> None:
    assert make_strategy(MiddleSearch, SPACE).next_candidate(History()) == {"lr": 0.5}
    shifted = make_strategy({"name": MiddleSearch, "shift": 0.25}, SPACE)
    assert shifted.next_candidate(History()) == {"lr": 0.75}


def test_the_built_in_names_are_listed_in_order() -> None:
    names = strategy_names()
    assert names == sorted(names)
    assert {"gp", "grid", "random"} <= set(names)
    assert strategy_class("grid") is GridSearch


def test_options_can_be_checked_without_a_space() -> None:
    parsed = parse_strategy({"name": "random", "max_iters": 5})
    assert parsed.strategy is RandomSearch
    assert parsed.options.model_dump() == {"max_iters": 5}


PATH = f"{__name__}:MiddleSearch"


@pytest.mark.parametrize(
    ("spec", "shown_name", "recorded"),
    [
        ("grid", "grid", {"name": "grid"}),
        ({"name": "grid"}, "grid", {"name": "grid"}),
        ({"name": "grid", "points": 3}, "grid", {"name": "grid", "points": 3}),
        ({"name": "grid", "points": None, "shuffle": False}, "grid", {"name": "grid"}),
        (MiddleSearch, "MiddleSearch", {"name": PATH}),
        ({"name": MiddleSearch, "shift": 0.0}, "MiddleSearch", {"name": PATH}),
        ({"shift": 0.5, "name": MiddleSearch}, "MiddleSearch", {"name": PATH, "shift": 0.5}),
    ],
)
def test_a_spec_in_any_form_is_shown_and_recorded_in_one(
    spec: Any, shown_name: str, recorded: dict[str, Any]
) -> None:
    parsed = parse_strategy(spec)
    assert (parsed.shown_name, parsed.recorded) == (shown_name, recorded)


def test_what_a_ledger_holds_can_be_read_where_the_strategy_is_not_installed() -> None:
    read = read_strategy({"name": "their_search", "strategies": ["gp", 3, {"points": 3}]})
    assert read.name == read.shown_name == "their_search"
    assert read.given == {"strategies": ["gp", 3, {"points": 3}]}
    # Their option may mean something else.
    assert [member.name for member in read.members] == ["gp"]


def test_every_option_is_described() -> None:
    for strategy in (GaussianProcessSearch, GridSearch, RandomSearch):
        assert all(field.description for field in strategy.Options.model_fields.values())


def test_an_unknown_name_lists_the_known_ones_nearest_first() -> None:
    (said,) = mistakes_of("gird")
    assert re.match(r"strategy: 'gird' .*'grid'\? .*'grid', ", said)
    assert "'random'" in said


def test_an_unknown_option_lists_the_known_ones_nearest_first() -> None:
    (said,) = mistakes_of({"name": "grid", "point": 3})
    assert re.match(r'strategy "grid": option point .*not known\b', said)
    assert re.search(r" 'points'\? .*'points', 'shuffle'$", said)


def test_a_wrong_option_says_what_would_be_right() -> None:
    (said,) = mistakes_of({"name": "random", "max_iters": "many"})
    assert re.match(r'strategy "random": option max_iters\b', said)
    assert re.search(r" must .*integer.* 'many'$", said)
    (said,) = mistakes_of({"name": MiddleSearch, "shift": -1.0})
    assert re.match(r"strategy MiddleSearch: option shift\b", said)
    assert re.search(r" must .*greater.*\b0\b.* -1\.0$", said)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (3, "strategy: must be a name, a mapping with a name and options, or a subclass"),
        (None, "strategy: must be a name"),
        ({"points": 3}, "strategy: name is required, one of 'auto', 'cmaes', 'gp', 'grid', "),
        ({"name": 3}, "strategy: must be a name"),
        (int, "strategy int: it must be a subclass of SearchStrategy, got <class 'int'>"),
        (SearchStrategy, "strategy SearchStrategy: it must define next_candidate"),
        (ProposesWithoutBudget, "strategy ProposesWithoutBudget: it must define propose(history, "),
        (ReasonAsProperty, "strategy ReasonAsProperty: it must define reason(budget)"),
    ],
)
def test_what_is_no_strategy_is_refused(spec: Any, said: str) -> None:
    (mistake,) = mistakes_of(spec)
    assert mistake.startswith(said)


@pytest.mark.parametrize("direction", ["up", "MAXIMIZE", None, 1, ["minimize"]])
def test_a_wrong_direction_is_named(direction: Any) -> None:
    (mistake,) = mistakes_of("random", SPACE, direction)
    assert re.fullmatch(DIRECTION_IS_WRONG + re.escape(repr(direction)), mistake)


@pytest.mark.parametrize("seed", [-1, True, 1.0, "1", None, np.int64(-1)])
def test_a_wrong_seed_is_named(seed: Any) -> None:
    (mistake,) = mistakes_of("random", SPACE, "minimize", seed)
    assert re.fullmatch(rf"seed: must .*\b0\b.* {re.escape(repr(seed))}", mistake)


def test_a_numpy_integer_is_a_seed() -> None:
    seed: Any = np.int64(7)
    assert type(make_strategy("random", SPACE, "minimize", seed).seed) is int


def test_all_mistakes_are_told_at_once_in_the_order_of_the_arguments() -> None:
    said = mistakes_of({"name": "random", "max_iters": 0, "n": 1}, {"lr": []}, "up", -1)
    assert [mistake.split(":")[0] for mistake in said] == [
        "space.lr",
        'strategy "random"',
        'strategy "random"',
        "direction",
        "seed",
    ]


def test_a_generator_of_any_seed_is_made() -> None:
    assert make_strategy("random", SPACE, "minimize", 2**80).next_candidate(History()) is not None
