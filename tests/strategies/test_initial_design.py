"""The first candidates of `gp` and `tpe`: in the middle of the ranges, wherever that is allowed."""

from __future__ import annotations

import pytest

from prefect_tuner import Categorical, Float, History, Int, SearchSpace, Study
from prefect_tuner.strategies.encoding import Encoding
from prefect_tuner.strategies.initial_design import InitialDesign
from prefect_tuner.strategies.user_prior import UserPrior

SPACE = SearchSpace(
    {
        "lr": Float(1e-5, 1.0, log=True),
        "layers": Int(1, 10),
        "size": Categorical(["xs", "s", "m", "l", "xl"], ordered=True),
        "kind": Categorical(["a", "b", "c"]),
        "momentum": Float(0.0, 1.0, when={"kind": ["c"]}),
    }
)


@pytest.mark.parametrize("strategy", ["gp", "tpe"])
def test_the_first_numbers_are_in_the_middle_and_the_first_choices_are_all_there_are(
    strategy: str,
) -> None:
    study = Study(SPACE, {"name": strategy, "initial": 12}, seed=4)
    params = [study.ask().params for _ in range(12)]
    # A fifth of the way from either end, on the scale of the parameter.
    assert all(1e-4 <= each["lr"] <= 1e-1 for each in params)
    assert all(3 <= each["layers"] <= 8 for each in params)
    assert {each["size"] for each in params} == {"s", "m", "l"}
    assert {each["kind"] for each in params} == {"a", "b", "c"}
    assert all(0.2 <= each["momentum"] <= 0.8 for each in params if "momentum" in each)
    # And spread out there: some of twelve points in each third of it.
    assert {(each["layers"] - 3) // 2 for each in params} == {0, 1, 2}


@pytest.mark.parametrize("strategy", ["gp", "tpe"])
def test_the_ends_of_the_ranges_are_found_all_the_same(strategy: str) -> None:
    study = Study({"x": Float(0.0, 1.0), "n": Int(0, 9)}, strategy, "maximize", seed=1)
    for _ in range(40):
        trial = study.ask()
        study.tell(trial, trial.params["x"] + trial.params["n"])
    assert study.best_params["x"] > 0.95
    assert study.best_params["n"] == 9


def test_a_parameter_with_a_prior_is_drawn_from_it_and_the_others_from_the_middle() -> None:
    space = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    prior = UserPrior(space, Encoding(space), {"x": {"center": 0.95, "spread": 0.01}})
    design = InitialDesign(space, 2, prior)
    study = Study(space, "gp", seed=2)
    candidates = []
    for _ in range(20):
        candidate = design.next_candidate(study.history)
        assert candidate is not None
        candidates.append(candidate)
        study.tell(study.ask().number, 0.0)
    assert sum(candidate["x"] > 0.9 for candidate in candidates) >= 15
    assert all(0.2 <= candidate["y"] <= 0.8 for candidate in candidates)


def test_where_constraints_leave_the_edge_alone_the_candidates_come_from_there() -> None:
    space = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}, constraints=["x >= 0.9"])
    candidate = InitialDesign(space, 0).next_candidate(History())
    assert candidate is not None
    assert candidate["x"] >= 0.9
    study = Study(space, "gp", seed=0)
    assert all(study.ask().params["x"] >= 0.9 for _ in range(6))
