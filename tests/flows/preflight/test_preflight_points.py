"""The candidates by which a study is judged lie where they should, in any space."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, Int, SearchSpace, Study, make_strategy
from prefect_tuner.flows.preflight.preflight_points import preflight_points
from prefect_tuner.history import History
from prefect_tuner.hyper_value import Params
from prefect_tuner.strategies.strategy import SearchStrategy
from prefect_tuner.testing.spaces import (
    CHOICES_SPACE,
    CONDITIONAL_CHOICES_SPACE,
    CONDITIONAL_SPACE,
    CONSTRAINED_CHOICES_SPACE,
    CONSTRAINED_SPACE,
    PLAIN_SPACE,
    search_spaces,
)
from prefect_tuner.trial import Trial


def strategy(space: object, name: str = "random", **options: object) -> SearchStrategy:
    parsed = space if isinstance(space, SearchSpace) else SearchSpace(space)  # type: ignore[arg-type]
    return make_strategy({"name": name, **options}, parsed)


def placed(searching: SearchStrategy, max_trials: int = 20) -> dict[str, Params]:
    return {point.place: point.params for point in preflight_points(searching, max_trials)}


@settings(max_examples=60, deadline=None)
@given(space=search_spaces(conditional=True), max_trials=st.integers(1, 6))
def test_they_are_candidates_each_once_within_the_budget(
    space: SearchSpace, max_trials: int
) -> None:
    points = preflight_points(strategy(space), max_trials)
    assert points == preflight_points(strategy(space), max_trials)
    assert 1 <= len(points) <= min(4, max_trials)
    assert points[0].place == "middle"
    tried = History()
    for point in points:
        assert space.contains(point.params)
        assert list(point.params) == [name for name in space if name in point.params]
        is_again = point.place == "middle again"
        assert tried.has_candidate(point.params) == is_again
        assert not is_again or point.params == points[0].params
        tried.add(Trial(len(tried), point.params))


@pytest.mark.parametrize(
    "space",
    [
        PLAIN_SPACE,
        CHOICES_SPACE,
        CONDITIONAL_SPACE,
        CONDITIONAL_CHOICES_SPACE,
        CONSTRAINED_SPACE,
        CONSTRAINED_CHOICES_SPACE,
    ],
    ids=str,
)
def test_a_space_of_some_size_has_all_four(space: SearchSpace) -> None:
    points = preflight_points(strategy(space), 20)
    assert [point.place for point in points] == [
        "middle",
        "low corner",
        "high corner",
        "middle again",
    ]
    assert all(space.contains(point.params) for point in points)


def test_corners_have_the_ends_of_the_ranges_to_the_last_bit() -> None:
    found = placed(strategy(PLAIN_SPACE))
    assert found["low corner"] == {
        "rate": 1e-4,
        "momentum": 0.0,
        "depth": 2,
        "width": 16,
        "kind": True,
    }
    assert found["high corner"] == {
        "rate": 1.0,
        "momentum": 0.9,
        "depth": 10,
        "width": 1024,
        "kind": "one",
    }
    assert found["middle"]["rate"] == pytest.approx(0.01)
    assert found["middle"]["depth"] == 6


def test_a_constraint_that_cuts_a_corner_off_leaves_what_is_next_to_it() -> None:
    high = placed(strategy(CONSTRAINED_SPACE))["high corner"]
    assert high["a"] + high["b"] > 0.99
    assert (high["kind"], high["n"]) in {("y", 50), ("x", 20)}
    middle = placed(strategy(CONSTRAINED_SPACE))["middle"]
    assert 0.3 < middle["a"] < 0.7


def test_a_candidate_that_is_hard_to_find_is_the_strategys_own() -> None:
    space = SearchSpace({"a": Float(0.0, 1.0), "b": ["x", "y"]}, constraints=["a <= 0.00004"])
    found = placed(strategy(space))
    assert found
    assert all(space.contains(each) for each in found.values())


def test_of_a_grid_they_are_cells_and_take_no_place_of_another() -> None:
    space = {"x": Float(0.0, 1.0), "kind": ["a", "b"]}
    searching = strategy(space, "grid", points=4)
    cells = [tuple(cell.items()) for cell in searching.cells()]  # type: ignore[attr-defined]
    found = placed(searching, 20)
    assert list(found) == ["middle", "low corner", "high corner", "middle again"]
    assert all(tuple(params.items()) in cells for params in found.values())
    assert "middle again" not in placed(searching, max_trials=8)  # As many as there are cells.
    assert "middle again" in placed(searching, max_trials=7)


def test_with_them_a_grid_still_visits_each_cell_once_within_its_budget() -> None:
    study = Study({"n": Int(1, 4), "kind": ["a", "b"]}, "grid")
    for point in preflight_points(study.strategy, max_trials=8):
        study.enqueue(point.params)
    trials = [study.ask() for _ in range(9)]
    assert trials.pop() is None
    asked = [tuple(trial.params.values()) for trial in trials if trial is not None]
    assert sorted(asked) == [(n, kind) for n in (1, 2, 3, 4) for kind in "ab"]


@pytest.mark.parametrize(("choices", "places"), [(["a"], 1), (["a", "b"], 2), (["a", "b", "c"], 3)])
def test_a_tiny_space_has_no_more_of_them_than_candidates(choices: list[str], places: int) -> None:
    found = placed(strategy({"kind": Categorical(choices)}))
    assert len(found) == places + 1  # And the middle again.
    assert found["middle again"] == found["middle"]
