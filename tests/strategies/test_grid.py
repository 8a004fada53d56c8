from __future__ import annotations

import math
import re
import tracemalloc
from itertools import islice, product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from prefect_tuner import (
    Categorical,
    Float,
    History,
    Int,
    InvalidConfiguration,
    Params,
    SearchSpace,
    Study,
    Trial,
    make_strategy,
)
from prefect_tuner.strategies.grid import GridSearch
from prefect_tuner.testing.spaces import search_spaces
from tests.search_spaces import UNHURRIED, small_grids

HUGE = {name: Int(0, 999) for name in "abcd"}


def grid(space: Any, seed: int = 0, **options: Any) -> GridSearch:
    strategy = make_strategy({"name": "grid", **options}, space, "minimize", seed)
    assert isinstance(strategy, GridSearch)
    return strategy


def cartesian_product(space: SearchSpace) -> list[Params]:
    values = [
        [parameter.value_at(index) for index in range(parameter.cardinality or 0)]
        for parameter in space.values()
    ]
    return [dict(zip(space, cell, strict=True)) for cell in product(*values)]


def walked(space: Any, **options: Any) -> list[Params]:
    """The candidates of a study that asks until the grid is exhausted."""
    study, params = Study(space, strategy={"name": "grid", **options}), []
    while (trial := study.ask()) is not None:
        params.append(trial.params)
    return params


def exactly(cells: list[Params]) -> list[str]:
    """The cells so that `True`, `1` and `1.0` differ."""
    return [repr(list(cell.items())) for cell in cells]


@UNHURRIED
@given(small_grids())
def test_the_cells_are_the_cartesian_product_in_its_order(space: SearchSpace) -> None:
    expected = exactly(cartesian_product(space))
    assert exactly(list(grid(space).cells())) == expected
    assert exactly(walked(space)) == expected
    assert grid(space).cardinality == len(expected)


@UNHURRIED
@given(small_grids(), st.integers(0, 2**32))
def test_a_shuffled_grid_has_every_cell_once(space: SearchSpace, seed: int) -> None:
    shuffled = exactly(list(grid(space, seed, shuffle=True).cells()))
    assert sorted(shuffled) == sorted(exactly(cartesian_product(space)))


def test_the_seed_decides_the_shuffled_order() -> None:
    space = {"a": Int(0, 9), "b": Int(0, 9)}
    orders = [exactly(list(grid(space, seed, shuffle=True).cells())) for seed in (1, 1, 2)]
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
    assert orders[0] != exactly(list(grid(space).cells()))
    assert exactly(walked(space, shuffle=True)) == exactly(list(grid(space, shuffle=True).cells()))


def test_cells_of_more_than_one_block_are_the_product_too() -> None:
    wide = SearchSpace({"a": [True, 1], "b": Int(0, 4999), "c": ["x"]})
    assert exactly(list(grid(wide).cells())) == exactly(cartesian_product(wide))
    long = SearchSpace({"a": Int(0, 2), "b": Int(0, 40), "c": Int(0, 40), "d": Int(0, 4)})
    assert exactly(list(grid(long).cells())) == exactly(cartesian_product(long))


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_million_million_cells_start_at_once_in_constant_memory(shuffle: bool) -> None:
    tracemalloc.start()
    try:
        cells = list(islice(grid(HUGE, shuffle=shuffle).cells(), 2000))
        study = Study(HUGE, strategy={"name": "grid", "shuffle": shuffle})
        asked = [study.ask() for _ in range(200)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grid(HUGE).cardinality == 10**12
    assert len(set(exactly(cells))) == 2000
    assert [trial.params for trial in asked if trial is not None] == cells[:200]
    assert peak < 4_000_000


def test_one_parameter_may_have_a_million_million_values() -> None:
    space = {"a": Int(0, 10**12), "b": ["x", "y"]}
    assert list(islice(grid(space).cells(), 3)) == [
        {"a": 0, "b": "x"},
        {"a": 0, "b": "y"},
        {"a": 1, "b": "x"},
    ]
    last = Study({"b": ["x", "y"], "a": Int(0, 10**12)}, strategy="grid")
    assert [trial.params["a"] for trial in (last.ask(), last.ask()) if trial] == [0, 1]
    assert grid(space, shuffle=True).next_candidate(History()) is not None


def test_cells_are_the_callers_to_change() -> None:
    strategy = grid({"a": Int(0, 1), "b": [1, 2]})
    for cell in strategy.cells():
        cell.clear()
    assert len([cell for cell in strategy.cells() if len(cell) == 2]) == 4


@UNHURRIED
@given(small_grids(), st.data(), st.booleans())
def test_cells_that_were_tried_before_are_neither_repeated_nor_skipped(
    space: SearchSpace, data: st.DataObject, shuffle: bool
) -> None:
    cells = list(grid(space, shuffle=shuffle).cells())
    foreign = data.draw(st.lists(st.sampled_from(cells), max_size=4))
    history = History(Trial(number, params) for number, params in enumerate(foreign))
    strategy = grid(space, shuffle=shuffle)
    while (candidate := strategy.next_candidate(history)) is not None:
        history.add(Trial(len(history), candidate))
    told = exactly([trial.params for trial in history[len(foreign) :]])
    assert told == [cell for cell in exactly(cells) if cell not in exactly(foreign)]


def test_cells_tried_by_others_on_the_way_are_left_out() -> None:
    strategy, history = grid({"a": Int(0, 4)}), History()
    for tried in (0, 3, 1, 7):
        history.add(Trial(len(history), {"a": tried}))
    assert strategy.next_candidate(history) == {"a": 2}
    history.add(Trial(len(history), {"a": 2}))
    assert strategy.next_candidate(history) == {"a": 4}
    history.add(Trial(len(history), {"a": 4}))
    assert strategy.next_candidate(history) is None


def test_a_long_grid_is_walked_without_looking_back() -> None:
    class CountingHistory(History):
        looks = 0

        def has_candidate(self, params: Any) -> bool:
            self.looks += 1
            return super().has_candidate(params)

    strategy, history = grid({"a": Int(0, 10**6)}), CountingHistory()
    for number in range(2000):
        candidate = strategy.next_candidate(history)
        assert candidate == {"a": number}
        history.add(Trial(number, candidate))
    assert history.looks <= 2 * 2000


def test_points_make_a_continuous_parameter_finite() -> None:
    space = {"x": Float(0.0, 1.0), "rate": Float(1e-3, 0.1, log=True), "n": Int(0, 1)}
    cells = list(grid(space, points=3).cells())
    assert {cell["x"] for cell in cells} == {0.0, 0.5, 1.0}
    assert {cell["rate"] for cell in cells} == {0.001, 0.01, 0.1}
    assert len(cells) == 18


def test_points_by_name_thin_out_ints_and_steps_too() -> None:
    space = {"x": Float(0.0, 1.0), "n": Int(0, 100), "m": Float(0.0, 0.9, step=0.1)}
    cells = list(grid(space, points={"x": 2, "n": 3, "m": 2}).cells())
    assert {cell["n"] for cell in cells} == {0, 50, 100}
    assert {cell["m"] for cell in cells} == {0.0, 0.9}
    assert len(cells) == 12


def test_a_continuous_parameter_without_points_is_refused_with_both_remedies() -> None:
    space = {"lr": Float(0.0, 1.0), "depth": Int(2, 3), "drop": Float(0.0, 0.5)}
    with pytest.raises(InvalidConfiguration) as caught:
        Study(space, strategy={"name": "grid", "points": {"drop": 3}})
    (said,) = caught.value.mistakes
    assert re.match(r'strategy "grid": .*\blr\b.* continuous', said)
    assert "give it a step" in said
    assert '{"lr": 5}' in said


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (0, "option points must be greater than or equal to 1, got 0"),
        (True, "option points must be a valid integer or a valid dictionary, got True"),
        ("5", "option points must be a valid integer or a valid dictionary, got '5'"),
        ({"lr": 0}, "option points.lr must be greater than or equal to 1, got 0"),
        ({"lr": 10**9}, "option points.lr must be less than or equal to 100000"),
        ({"rl": 3, "lr": 3}, "option points.rl is not known, did you mean 'lr'? Known are 'lr'"),
        ({"lr": 3, "kind": 2}, "option points.kind must be left out: all the choices"),
    ],
)
def test_wrong_points_are_named(points: Any, said: str) -> None:
    space = {"lr": Float(0.0, 1.0), "kind": Categorical(["a", "b"])}
    with pytest.raises(InvalidConfiguration) as caught:
        Study(space, strategy={"name": "grid", "points": points})
    assert said in str(caught.value)


def feasible_candidates(space: SearchSpace) -> set[str]:
    """All candidates of a finite space, from the product of all values."""
    found = set()
    for full in cartesian_product(space):
        active = space.active(full)
        candidate = {name: full[name] for name in space if name in active}
        if space.meets_constraints(candidate):
            found.add(repr(list(candidate.items())))
    return found


@UNHURRIED
@given(search_spaces(conditional=True), st.booleans())
def test_conditional_cells_are_all_candidates_each_once(space: SearchSpace, shuffle: bool) -> None:
    assume(math.prod(p.cardinality or 10**6 for p in space.values()) <= 2000)
    cells = exactly(list(grid(space, shuffle=shuffle).cells()))
    assert len(set(cells)) == len(cells)
    assert set(cells) == feasible_candidates(space)
    assert exactly(walked(space, shuffle=shuffle)) == cells


CONSTRAINTS = ["a + b <= 3", "not (a == 1 and c > 1)", "b != 2 or c == 0", "d < c"]


@UNHURRIED
@given(st.lists(st.sampled_from(CONSTRAINTS), max_size=3), st.booleans(), st.permutations("abcd"))
def test_cells_that_violate_a_constraint_are_left_out(
    constraints: list[str], shuffle: bool, order: list[str]
) -> None:
    parameters: dict[str, Any] = {
        "a": Int(0, 3),
        "b": Int(0, 3, when={"a": [1, 2, 3]}),
        "c": Int(0, 4),
        "d": Categorical([0, 2, 3], when={"b": [0, 1], "c": [2, 3]}),
    }
    space = SearchSpace({name: parameters[name] for name in order}, constraints=constraints)
    cells = exactly(list(grid(space, shuffle=shuffle).cells()))
    assert len(set(cells)) == len(cells)
    assert set(cells) == feasible_candidates(space)
    assert exactly(walked(space, shuffle=shuffle)) == cells


def test_a_conditional_parameter_turns_within_the_values_it_depends_on() -> None:
    space = {"kind": ["a", "b"], "x": Float(0.0, 1.0, when={"kind": ["b"]}), "n": Int(0, 1)}
    assert list(grid(space, points=2).cells()) == [
        {"kind": "a", "n": 0},
        {"kind": "a", "n": 1},
        {"kind": "b", "x": 0.0, "n": 0},
        {"kind": "b", "x": 0.0, "n": 1},
        {"kind": "b", "x": 1.0, "n": 0},
        {"kind": "b", "x": 1.0, "n": 1},
    ]


def test_blocks_of_cells_that_violate_a_constraint_are_jumped_over() -> None:
    space = SearchSpace(HUGE, constraints=["a >= 900", "a + b >= 1500"])
    cells = list(islice(grid(space).cells(), 3))
    assert cells[0] == {"a": 900, "b": 600, "c": 0, "d": 0}
    assert cells[2] == {"a": 900, "b": 600, "c": 0, "d": 2}
    shuffled = list(islice(grid(space, shuffle=True).cells(), 20))
    assert all(space.contains(cell) for cell in shuffled)


def test_a_grid_without_a_feasible_cell_is_refused_before_a_trial() -> None:
    with pytest.raises(InvalidConfiguration, match=r"none of.* 100 cells\b"):
        grid(SearchSpace({"a": Int(0, 9), "b": Int(0, 9)}, constraints=["a + b > 18"]))
    with pytest.raises(InvalidConfiguration, match=r"none of.* 1,000,000,000,000 cells\b"):
        grid(SearchSpace(HUGE, constraints=["a + b + c + d > 9999"]))


def test_few_feasible_cells_among_very_many_are_found_in_their_order() -> None:
    whole = {f"x{i}": Int(0, 9) for i in range(8)}
    constraints = [f"{' + '.join(whole)} == 71", "x0 == 9 or x1 < 9"]
    cells = grid(SearchSpace(whole, constraints=constraints)).cells()
    assert [list(cell.values()).index(8) for cell in cells] == [1, 2, 3, 4, 5, 6, 7]
    points = {f"x{i}": Float(0.0, 1.0) for i in range(6)}
    space = SearchSpace(points, constraints=[" < ".join(points), "x0 >= 0.4"])
    (first, *_) = grid(space, points=11).cells()
    assert list(first.values()) == [0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
