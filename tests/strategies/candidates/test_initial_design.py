"""The first candidates of `gp` and `tpe`: in the middle of the ranges, wherever that is allowed."""

from __future__ import annotations

import pytest

from prefect_tuner import (
    Categorical,
    Float,
    History,
    Int,
    Params,
    SearchSpace,
    Study,
    Trial,
)
from prefect_tuner.strategies.candidates.initial_design import InitialDesign
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.encoding.user_prior import UserPrior
from tests.objective_functions import number, run_study

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
    params = [asked(study) for _ in range(12)]
    # A fifth of the way from either end, on the scale of the parameter.
    assert all(1e-4 <= number(each["lr"]) <= 1e-1 for each in params)
    assert all(3 <= number(each["layers"]) <= 8 for each in params)
    assert {each["size"] for each in params} == {"s", "m", "l"}
    assert {each["kind"] for each in params} == {"a", "b", "c"}
    momenta = [number(each["momentum"]) for each in params if "momentum" in each]
    assert all(0.2 <= momentum <= 0.8 for momentum in momenta)
    # And spread out there: some of twelve points in each third of it.
    assert {(int(number(each["layers"])) - 3) // 2 for each in params} == {0, 1, 2}


@pytest.mark.parametrize("strategy", ["gp", "tpe"])
def test_the_ends_of_the_ranges_are_found_all_the_same(strategy: str) -> None:
    def toward_an_end(params: Params) -> float:
        return -number(params["x"]) - number(params["n"])

    study = run_study(strategy, toward_an_end, {"x": Float(0.0, 1.0), "n": Int(0, 9)}, 40, 1)
    assert study.best_params is not None
    assert number(study.best_params["x"]) > 0.95
    assert study.best_params["n"] == 9


def test_a_parameter_with_a_prior_is_drawn_from_it_and_the_others_from_the_middle() -> None:
    space = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    prior = UserPrior(space, Encoding(space), {"x": {"center": 0.95, "spread": 0.01}})
    design = InitialDesign(space, 2, prior)
    history = History()
    for place in range(20):
        candidate = design.next_candidate(history)
        assert candidate is not None
        history.add(Trial(place, candidate))
    assert sum(number(trial.params["x"]) > 0.9 for trial in history) >= 15
    assert all(0.2 <= number(trial.params["y"]) <= 0.8 for trial in history)


def test_where_constraints_leave_the_edge_alone_the_candidates_come_from_there() -> None:
    space = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}, constraints=["x >= 0.9"])
    candidate = InitialDesign(space, 0).next_candidate(History())
    assert candidate is not None
    assert number(candidate["x"]) >= 0.9
    study = Study(space, "gp", seed=0)
    assert all(number(asked(study)["x"]) >= 0.9 for _ in range(6))


def asked(study: Study) -> Params:
    trial = study.ask()
    assert trial is not None
    return trial.params
