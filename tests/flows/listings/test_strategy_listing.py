"""What `prefect-tuner strategies` lists."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from prefect_tuner import History, Int, InvalidConfiguration, Params, SearchStrategy, make_strategy
from prefect_tuner.flows.listings.option_listing import OptionDescription
from prefect_tuner.flows.listings.strategy_listing import (
    StrategyDescription,
    describe_strategies,
    strategy_listing,
)
from prefect_tuner.strategies.grid import GridSearch

PLUG_INS = {
    "broken.py": "raise RuntimeError('this plug-in needs a licence key')",
    "annealing.py": '''
"""Cooling."""
from typing import Any, Literal
from pydantic import Field
from prefect_tuner import SearchStrategy
from prefect_tuner.strategies.strategy import StrategyOptions

class AnnealingOptions(StrategyOptions):
    start: float
    scheme: Literal["fast", "slow"] = "fast"
    stages: list[int] = Field(default_factory=lambda: [3, 2], description="Steps in\\n each.")
    weights: dict[str, float] | None = None
    anything: Any = None

class Annealing(SearchStrategy):
    """Cools down
    slowly.

    And more.
    """
    Options = AnnealingOptions
    def next_candidate(self, history):
        return None
''',
    "test_plug_ins-1.0.dist-info/METADATA": "Name: test_plug_ins\nVersion: 1.0\n",
    "test_plug_ins-1.0.dist-info/entry_points.txt": (
        "[prefect_tuner.strategies]\nbroken = broken:Broken\nannealing = annealing:Annealing\n"
    ),
}


class Unconditional(SearchStrategy):
    def next_candidate(self, history: History) -> Params | None:
        raise NotImplementedError


@pytest.fixture
def _plug_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two strategies of a third party, installed: one that works, one that does not."""
    for name, text in PLUG_INS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)


def described(name: str) -> StrategyDescription:
    (found,) = [strategy for strategy in describe_strategies() if strategy.name == name]
    return found


def test_the_built_in_strategies_are_listed_with_what_they_do_and_their_options() -> None:
    grid, random = described("grid"), described("random")
    assert re.match(r"Visits every cell", grid.summary)
    assert [(o.name, o.type, o.default) for o in grid.options] == [
        ("points", "int | mapping of str to int | null", "null"),
        ("shuffle", "bool", "false"),
    ]
    (max_iters,) = random.options
    assert max_iters.type == "int | null"
    assert re.match(r"Exhausted after.* trials", max_iters.description)


@pytest.mark.usefixtures("_plug_ins")
def test_every_kind_of_option_is_described_in_words_of_yaml() -> None:
    annealing = described("annealing")
    assert annealing.summary == "Cools down slowly."
    assert annealing.options == (
        OptionDescription("start", "float", None, ""),
        OptionDescription("scheme", '"fast" | "slow"', '"fast"', ""),
        OptionDescription("stages", "list of int", "[3, 2]", "Steps in each."),
        OptionDescription("weights", "mapping of str to float | null", "null", ""),
        OptionDescription("anything", "Any", "null", ""),
    )


@pytest.mark.usefixtures("_plug_ins")
def test_a_broken_plug_in_is_listed_with_its_problem() -> None:
    broken = described("broken")
    assert re.search(r"cannot be loaded.*RuntimeError.*licence key", broken.problem)
    assert "test_plug_ins 1.0" in broken.problem
    text = " ".join(strategy_listing([broken]).split())
    assert text == f"broken cannot be used: {broken.problem}"


def test_what_each_strategy_can_search_is_listed() -> None:
    grid = described("grid")
    assert (grid.conditions, grid.constraints) == (True, True)
    assert "    conditions: yes, constraints: yes" in strategy_listing([grid]).splitlines()
    limited = replace(grid, conditions=False)
    assert "    conditions: no, constraints: yes" in strategy_listing([limited]).splitlines()


def test_a_strategy_without_its_package_is_listed_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(GridSearch, "package", "not_installed_here")
    grid = described("grid")
    install = 'pip install "prefect-tuner[not_installed_here]"'
    assert re.fullmatch(rf"\w+ not_installed_here: {re.escape(install)}", grid.problem)
    text = " ".join(strategy_listing([grid]).split())
    assert text.startswith(f"grid {grid.summary}")
    assert text.endswith(f"cannot be used: {grid.problem}")
    with pytest.raises(InvalidConfiguration) as caught:
        make_strategy(Unconditional, {"a": [1, 2], "b": Int(0, 3, when={"a": [1]})})
    assert "'grid'" not in str(caught.value)


def test_the_listing_has_no_line_longer_than_the_terminal() -> None:
    text = strategy_listing(describe_strategies(), width=50)
    assert max(map(len, text.splitlines())) <= 50
    assert text.splitlines()[0] == "auto (default)"
    assert "gp" in text.splitlines()
    assert "    shuffle: bool, default false" in text.splitlines()
    assert re.search(r"\n\nrandom\n    Draws.*uniformly", text)
