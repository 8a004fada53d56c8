from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import Any

import numpy as np
import pytest

from prefect_tuner import (
    Float,
    History,
    InvalidConfiguration,
    Outcome,
    Params,
    SearchSpace,
    SearchStrategy,
    Study,
    Trial,
)
from prefect_tuner.strategies.factory import parse_strategy, read_strategy
from prefect_tuner.strategies.strategy import trial_rng
from prefect_tuner.testing.spaces import CONDITIONAL_SPACE, PLAIN_SPACE

MINIMUM = {"x": 0.1, "y": 0.2}
SPACE = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})


class Downhill(SearchStrategy):
    """Goes some of the way from the best trial to the minimum, which it knows."""

    def next_candidate(self, history: History) -> Params | None:
        rng = trial_rng(self.seed, len(history))
        best = min(history.completed, key=lambda trial: trial.metric or 0.0, default=None)
        if best is None:
            return {"x": rng.random(), "y": rng.random()}
        share = rng.random() / 2
        return {
            name: float(best.params[name]) * (1.0 - share) + share * MINIMUM[name] for name in "xy"
        }


class Corner(SearchStrategy):
    """Never leaves the corner that is farthest from the minimum."""

    def next_candidate(self, history: History) -> Params | None:
        units = trial_rng(self.seed, len(history)).random(2) / 10
        return {"x": 1.0 - float(units[0]), "y": 1.0 - float(units[1])}


def portfolio(*strategies: Any) -> dict[str, Any]:
    return {"name": "portfolio", "strategies": list(strategies)}


def metric(params: Params) -> float:
    return sum((float(params[name]) - MINIMUM[name]) ** 2 for name in "xy")


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("members", [(Downhill, Corner), (Corner, Downhill)])
def test_trials_move_to_the_strategy_that_improves(members: tuple[type, ...], seed: int) -> None:
    study = Study(SPACE, portfolio(*members), "minimize", seed)
    for _ in range(60):
        trial = study.ask()
        assert trial is not None
        study.tell(trial, metric(trial.params))
    name = f"{__name__}:Downhill"
    assert study.best_trial is not None
    assert study.best_trial.proposer == name
    shares = [Counter(t.proposer for t in trials) for trials in (study.history[30:], study.history)]
    assert shares[0][name] > 0.8 * 30
    assert shares[1].total() - shares[1][name] >= 5


def run_concurrently(study: Study, random: Random, trials: int, workers: int = 16) -> None:
    """Up to `workers` trials at a time, which end in any order; one in eight fails."""
    running = list(study.history.running)
    while len(study.history) < trials or running:
        if len(study.history) < trials and len(running) < workers:
            trial = study.ask()
            assert trial is not None
            running.append(trial)
        else:
            ended = running.pop(random.randrange(len(running)))
            if random.random() < 0.125:
                study.tell(ended, outcome="failed")
            else:
                study.tell(ended, metric(ended.params))


@pytest.mark.parametrize(
    "spec", [portfolio(Downhill, "sobol"), portfolio("random", "sobol", Downhill)]
)
def test_a_study_with_16_running_is_rebuilt_exactly_at_any_moment(spec: Any) -> None:
    study = Study(SPACE, spec, "minimize", seed=3)
    random = Random(3)
    for length in (5, 17, 40, 41, 60):
        while len(study.history) < length:
            if len(study.history.running) < 16:
                study.ask()
            else:
                ended = random.choice(study.history.running)
                study.tell(ended, metric(ended.params))
        rebuilt = Study(SPACE, spec, "minimize", seed=3)
        for trial in study.history:
            rebuilt.add_trial(trial)
        asked, again = study.ask(), rebuilt.ask()
        assert asked is not None
        assert asked == again
        assert asked.proposer


def test_credit_comes_from_the_proposers_kept_with_the_trials_not_from_asking_again() -> None:
    study = Study(SPACE, portfolio("random", "sobol"), "minimize", seed=3)
    run_concurrently(study, Random(1), 50)
    other = Study(SPACE, portfolio("random", "sobol"), "minimize", seed=3)
    run_concurrently(other, Random(2), 50)
    # The same study, told in another order, gives its trials to others.
    assert [t.proposer for t in study.history] != [t.proposer for t in other.history]
    rebuilt = Study(SPACE, portfolio("random", "sobol"), "minimize", seed=3)
    for trial in study.history:
        rebuilt.add_trial(trial)
    asked = study.ask()
    assert asked is not None
    assert rebuilt.ask() == asked


def test_what_was_enqueued_is_credited_to_nobody() -> None:
    study = Study(SPACE, portfolio("random", "sobol"))
    study.enqueue({"x": 0.5, "y": 0.5})
    first, second = study.ask(), study.ask()
    assert first is not None
    assert second is not None
    assert (first.proposer, second.proposer) == ("", "random")


def test_others_go_on_when_one_is_exhausted() -> None:
    spec = portfolio({"name": "random", "max_iters": 4}, "sobol")
    study = Study(SPACE, spec)
    proposers = [trial.proposer for trial in (study.ask() for _ in range(8)) if trial]
    assert proposers == ["random", "sobol", "random", "sobol", *["sobol"] * 4]


def test_a_portfolio_is_exhausted_when_all_its_strategies_are() -> None:
    study = Study({"x": [1, 2, 3]}, portfolio("grid", "random"))
    assert sorted(trial.params["x"] for trial in (study.ask() for _ in range(3)) if trial) == [
        1,
        2,
        3,
    ]
    assert study.ask() is None


def test_the_same_strategy_with_other_options_is_told_apart() -> None:
    study = Study(SPACE, portfolio("gp", {"name": "gp", "noisy": True}))
    assert [trial.proposer for trial in (study.ask(), study.ask()) if trial] == ["gp", "gp-2"]


@pytest.mark.parametrize(
    ("strategies", "mistake"),
    [
        (["gird", "random"], "strategy: 'gird' is not known, did you mean 'grid'?"),
        ([{"name": "random", "max_iters": 0}], 'strategy "random": option max_iters must be'),
        ([{"max_iters": 3}], "strategy: name is required"),
        ([int], "strategy int: it must be a subclass of SearchStrategy"),
        (["random", "portfolio"], "option strategies: must not hold a portfolio"),
        ([], "option strategies must have at least 1 item"),
        ("random", "option strategies must be a valid list"),
    ],
)
def test_a_wrong_member_is_named(strategies: Any, mistake: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        Study(SPACE, {"name": "portfolio", "strategies": strategies})
    (said,) = caught.value.mistakes
    assert said.startswith('strategy "portfolio": ')
    assert mistake in said


def test_a_member_that_cannot_search_the_space_refuses_it() -> None:
    with pytest.raises(InvalidConfiguration, match=r"Downhill: cannot search\b.* conditional"):
        Study(CONDITIONAL_SPACE, portfolio("random", Downhill))


def test_the_options_can_be_written_down() -> None:
    members = ["gp", {"name": "random"}, {"name": Corner}, {"name": "grid", "points": 3}, Corner]
    corner = f"{__name__}:Corner"
    assert parse_strategy(portfolio(*members)).recorded == {
        "name": "portfolio",
        "strategies": [
            "gp",
            {"name": "random"},
            {"name": corner},
            {"name": "grid", "points": 3},
            corner,
        ],
    }


def test_the_names_of_its_strategies_are_told_installed_or_not() -> None:
    read = read_strategy(
        portfolio("gp", {"name": "random", "max_iters": 3}, "their_search", Corner)
    )
    names = [member.name for member in read.members]
    assert names == ["gp", "random", "their_search", f"{__name__}:Corner"]


def test_the_reason_names_who_takes_part() -> None:
    reason = Study(PLAIN_SPACE, portfolio("gp", "random", "sobol")).strategy.reason()
    assert re.match(r"gp, random and sobol\b.*turns", reason)


def test_the_best_trial_is_the_one_that_a_member_relies_on_which_models_noise() -> None:
    noisy = {"name": "gp", "noisy": True}
    rng = np.random.default_rng(4)
    studies = [
        Study({"x": Float(0.0, 1.0)}, strategy)
        for strategy in (noisy, portfolio("tpe", noisy), "portfolio")
    ]
    for index in range(40):
        x = (index + 0.5) / 40
        metric = 4.0 * (x - 0.3) ** 2 + float(rng.normal(0.0, 0.1))
        for study in studies:
            trial = Trial(index, {"x": x}, outcome=Outcome.COMPLETED, metric=metric)
            study.add_trial(trial)
    alone, together, without = studies
    assert alone.best_trial != alone.leader
    assert together.best_trial == alone.best_trial
    assert without.best_trial == without.leader
