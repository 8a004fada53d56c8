from __future__ import annotations

import re
import subprocess
import sys

import pytest

from prefect_tuner import Categorical, Float, Int, InvalidConfiguration, SearchSpace, Study, Trial
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.strategies.auto import AutoSearch, choose_strategy
from prefect_tuner.strategies.gp import GaussianProcessSearch
from prefect_tuner.strategies.strategy import Budget

SPACE = SearchSpace({"x": Float(0.0, 1.0), "n": Int(0, 9)})
SMALL = SearchSpace({"n": Int(0, 5), "kind": ["a", "b"]})


def space_of(dimensions: int) -> SearchSpace:
    fixed: dict[str, Parameter] = {"fixed": Categorical(["one"])}
    return SearchSpace(fixed | {f"x{i}": Float(0.0, 1.0) for i in range(dimensions)})


@pytest.mark.parametrize(
    ("space", "max_trials", "max_concurrency", "stages"),
    [
        (SPACE, None, None, {0: "gp", 1_000: "tpe"}),
        (SPACE, 20, 1, {0: "gp", 1_000: "tpe"}),
        (SPACE, 5_000, 64, {0: "gp", 1_000: "tpe"}),
        (SPACE, 20, 65, {0: "tpe"}),
        (space_of(200), 300, 1, {0: "gp", 1_000: "tpe"}),
        (space_of(201), 300, 1, {0: "tpe"}),
        (SMALL, 50, 4, {0: "gp", 1_000: "tpe"}),
    ],
)
def test_the_choice_goes_by_what_is_declared(
    space: SearchSpace, max_trials: int | None, max_concurrency: int | None, stages: dict[int, str]
) -> None:
    assert choose_strategy(space, max_trials, max_concurrency).stages == stages


@pytest.mark.parametrize(
    ("space", "max_trials", "max_concurrency", "reason"),
    [
        (
            SPACE,
            20,
            1,
            (
                "auto chose gp, which needs the fewest trials where there are up to 200 parameters "
                "(here 2)"
            ),
        ),
        (
            SPACE,
            5_000,
            1,
            (
                "auto chose gp, which needs the fewest trials where there are up to 200 parameters "
                "(here 2); from trial 1,000 on tpe, which takes no longer with a longer history"
            ),
        ),
        (
            SMALL,
            50,
            1,
            (
                "auto chose gp, which visits the most promising candidates first: the budget of 50 "
                "trials is enough for all 12"
            ),
        ),
        (
            space_of(260),
            50,
            1,
            "auto chose tpe, since the space has 260 parameters, and gp is good for up to 200",
        ),
        (
            SPACE,
            500,
            100,
            (
                "auto chose tpe, since up to 100 trials run at a time, and gp is quick enough "
                "for up to 64"
            ),
        ),
    ],
)
def test_the_reason_is_told_in_a_sentence(
    space: SearchSpace, max_trials: int, max_concurrency: int, reason: str
) -> None:
    assert f"auto chose {choose_strategy(space, max_trials, max_concurrency).reason}" == reason


def test_a_long_study_goes_on_with_tpe_from_trial_1000_on() -> None:
    study = Study({"x": Float(0.0, 1.0)}, "auto", seed=1)
    for number in range(1_000):
        study.add_trial(
            Trial(number, {"x": number / 1_000}, outcome="completed", metric=float(number))  # type: ignore[arg-type]
        )
    asked = study.ask()
    assert asked is not None
    assert asked.proposer == "tpe"
    tpe = Study({"x": Float(0.0, 1.0)}, "tpe", seed=1)
    for trial in study.history[:1_000]:
        tpe.add_trial(trial)
    expected = tpe.ask()
    assert expected is not None
    assert asked.params == expected.params


@pytest.mark.parametrize(("max_concurrency", "proposer"), [(4, "gp"), (100, "tpe")])
def test_a_study_gets_the_candidates_of_the_strategy_chosen(
    max_concurrency: int, proposer: str
) -> None:
    auto = Study(SPACE, {"name": "auto", "max_concurrency": max_concurrency}, seed=5)
    chosen = Study(SPACE, proposer, seed=5)
    for _ in range(7):
        ours, theirs = auto.ask(), chosen.ask()
        assert ours is not None
        assert theirs is not None
        assert (ours.params, ours.proposer) == (theirs.params, proposer)
        for study in (auto, chosen):
            study.tell(ours.number, float(ours.params["x"]))


@pytest.mark.parametrize("max_concurrency", [1, 100])
def test_a_space_smaller_than_the_budget_is_searched_to_the_last_candidate(
    max_concurrency: int,
) -> None:
    spec = {"name": "auto", "max_trials": 20, "max_concurrency": max_concurrency}
    study = _exhausted(Study(SMALL, spec, "maximize"))
    assert len(study.history) == 12
    assert study.best_params == {"n": 5, "kind": "b"}


def test_one_trial_at_a_time_the_best_candidates_of_a_small_space_come_first() -> None:
    study = _exhausted(Study(SMALL, {"name": "auto", "max_trials": 20}, "maximize"))
    assert study.best_trial is not None
    assert study.best_trial.number < 8


def _exhausted(study: Study) -> Study:
    while (trial := study.ask()) is not None:
        study.tell(trial, float(trial.params["n"]) - (trial.params["kind"] == "a"))
    return study


def test_the_users_own_candidates_come_first_and_the_model_is_asked_soon_after() -> None:
    study = Study(SPACE, "auto", "minimize", seed=2)
    study.enqueue({"x": 0.5, "n": 5})
    first = study.ask()
    assert first is not None
    assert (first.params, first.proposer) == ({"x": 0.5, "n": 5}, "")
    study.tell(first, 1.0)
    for _ in range(3):
        study.tell(study.ask() or 0, 2.0)
    strategy = study.strategy
    assert isinstance(strategy, AutoSearch)
    gp = strategy._strategy("gp")
    assert isinstance(gp, GaussianProcessSearch)
    assert len(study.history) == gp._initial  # clip(D + 1, 4, 10)


def test_a_larger_budget_does_not_change_who_gives_a_trial() -> None:
    short, long = (choose_strategy(SPACE, max_trials) for max_trials in (20, 100_000))
    assert short.stages == long.stages


@pytest.mark.parametrize(
    ("options", "budget", "proposer"),
    [
        ({}, None, "gp"),
        ({}, Budget(200, 64), "gp"),
        ({}, Budget(200, 65), "tpe"),
        ({}, Budget(max_concurrency=65), "tpe"),
        ({"max_concurrency": 4}, Budget(200, 100), "gp"),
        ({"max_concurrency": 100}, Budget(200, 4), "tpe"),
        ({"max_trials": 9}, Budget(200, 100), "tpe"),
    ],
)
def test_the_budget_it_is_asked_with_counts_where_the_options_say_nothing(
    options: dict[str, int], budget: Budget | None, proposer: str
) -> None:
    auto, chosen = Study(SPACE, {"name": "auto", **options}, seed=5), Study(SPACE, proposer, seed=5)
    for _ in range(3):
        ours, theirs = auto.ask(budget), chosen.ask()
        assert ours is not None
        assert theirs is not None
        assert (ours.params, ours.proposer) == (theirs.params, proposer)


def test_a_study_that_goes_on_with_another_budget_is_asked_by_that_one() -> None:
    study = Study(SPACE, "auto", seed=5)
    asked = [study.ask(Budget(20, workers)) for workers in (4, 100, 4)]
    assert [trial.proposer for trial in asked if trial] == ["gp", "tpe", "gp"]


@pytest.mark.parametrize(
    ("options", "budget", "enough_for"),
    [
        ({}, Budget(50, 2), "50"),
        ({"max_trials": 30}, Budget(50, 2), "30"),
        ({"max_trials": 30}, None, "30"),
    ],
)
def test_the_reason_is_that_for_the_budget(
    options: dict[str, int], budget: Budget | None, enough_for: str
) -> None:
    strategy = Study(SMALL, {"name": "auto", **options}).strategy
    assert re.match(rf"auto chose gp.* {enough_for} trials\b.* 12$", strategy.reason(budget))


def test_a_space_that_no_strategy_can_search_is_refused_before_the_first_trial() -> None:
    space = SearchSpace({"x": Float(0.0, 1.0)}, constraints=["x > 1"])
    with pytest.raises(InvalidConfiguration, match='strategy "auto"'):
        Study(space, "auto")


def test_auto_is_the_default_of_a_study() -> None:
    assert type(Study(SPACE).strategy) is AutoSearch


def test_the_factory_imports_no_strategy_before_it_is_asked_for_one() -> None:
    program = (
        "import sys\nimport prefect_tuner.strategies.factory as f\nf.strategy_names()\n"
        "sys.exit(any(name.startswith('scipy') or name.endswith(('.auto', '.portfolio', '.gp')) "
        "for name in sys.modules))"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
