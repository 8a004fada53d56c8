"""The first candidates of `gp` and `tpe`: the centre of the space, then some all over it."""

from __future__ import annotations

import math

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
def test_the_first_candidate_is_the_centre_and_the_next_are_all_over_the_space(
    strategy: str,
) -> None:
    study = Study(SPACE, {"name": strategy, "initial": 13}, seed=4)
    first, *others = [asked(study) for _ in range(13)]
    assert number(first["lr"]) == pytest.approx(10**-2.5)
    assert first["layers"] in {5, 6}
    assert first["size"] == "m"
    assert {each["size"] for each in others} == {"xs", "s", "m", "l", "xl"}
    assert {each["kind"] for each in others} == {"a", "b", "c"}
    # Each quarter of a range has some of twelve.
    assert {int((math.log10(number(each["lr"])) + 5.0) / 1.25) for each in others} == {0, 1, 2, 3}
    assert min(number(each["layers"]) for each in others) <= 2
    assert max(number(each["layers"]) for each in others) >= 9


@pytest.mark.parametrize("strategy", ["gp", "tpe"])
def test_the_choices_of_the_first_candidate_differ_with_the_seed(strategy: str) -> None:
    kinds = {asked(Study(SPACE, strategy, seed=seed))["kind"] for seed in range(12)}
    assert kinds == {"a", "b", "c"}


@pytest.mark.parametrize("strategy", ["gp", "tpe"])
def test_a_centre_that_was_tried_or_is_not_allowed_is_not_asked_for(strategy: str) -> None:
    space = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}
    tried = Study(space, strategy)
    tried.enqueue({"x": 0.5, "y": 0.5})
    assert asked(tried) == {"x": 0.5, "y": 0.5}
    assert asked(tried) != {"x": 0.5, "y": 0.5}
    forbidden = Study(SearchSpace(space, constraints=["x + y <= 0.9"]), strategy)
    first = asked(forbidden)
    assert number(first["x"]) + number(first["y"]) <= 0.9


@pytest.mark.parametrize("strategy", ["gp", "tpe"])
def test_a_plateau_around_which_only_the_middle_is_better_is_left_at_once(strategy: str) -> None:
    def mostly_flat(params: Params) -> float:
        far = max(abs(number(value) - 0.5) for value in params.values())
        return min(far, 0.2)

    study = run_study(strategy, mostly_flat, {f"x{i}": Float(0.0, 1.0) for i in range(6)}, 5, 0)
    assert study.best_metric is not None
    assert study.best_metric < 0.2


@pytest.mark.parametrize("strategy", ["gp", "tpe"])
def test_the_ends_of_the_ranges_are_found_all_the_same(strategy: str) -> None:
    def toward_an_end(params: Params) -> float:
        return -number(params["x"]) - number(params["n"])

    study = run_study(strategy, toward_an_end, {"x": Float(0.0, 1.0), "n": Int(0, 9)}, 40, 1)
    assert study.best_params is not None
    assert number(study.best_params["x"]) > 0.95
    assert study.best_params["n"] == 9


def test_a_parameter_with_a_prior_is_drawn_from_it_and_the_others_from_everywhere() -> None:
    space = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    prior = UserPrior(space, Encoding(space), {"x": {"center": 0.95, "spread": 0.01}})
    design = InitialDesign(space, 2, prior)
    history = History()
    for place in range(20):
        candidate = design.next_candidate(history)
        assert candidate is not None
        history.add(Trial(place, candidate))
    assert number(history[0].params["x"]) == pytest.approx(0.95, abs=0.01)
    assert history[0].params["y"] == 0.5
    assert sum(number(trial.params["x"]) > 0.9 for trial in history) >= 15
    assert min(number(trial.params["y"]) for trial in history) < 0.1
    assert max(number(trial.params["y"]) for trial in history) > 0.9


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
