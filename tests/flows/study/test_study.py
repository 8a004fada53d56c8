from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import (
    Float,
    History,
    Int,
    InvalidConfiguration,
    Outcome,
    Params,
    SearchSpace,
    SearchStrategy,
    Study,
    Trial,
)
from prefect_tuner.errors import InternalTunerError
from prefect_tuner.goal import Goal
from prefect_tuner.strategies.strategy import Budget, Proposal
from tests.search_spaces import UNHURRIED

SPACE: dict[str, Any] = {"x": Float(-1.0, 1.0), "n": Int(0, 1000)}


def ask(study: Study, budget: Budget | None = None) -> Trial:
    trial = study.ask(budget)
    assert trial is not None
    return trial


def test_asking_records_a_running_trial() -> None:
    study = Study(SPACE, seed=1)
    first, second = ask(study), ask(study)
    assert [first.number, second.number] == [0, 1]
    assert first.is_running
    assert study.history.running == [first, second]
    assert study.space.contains(first.params)


def test_telling_finishes_the_trial() -> None:
    study = Study(SPACE)
    trial = ask(study)
    told = study.tell(trial, 0.5, extra={"loss": 0.1}, duration=1.5, attempts=2)
    assert told == study.history[0]
    assert told.outcome is Outcome.COMPLETED
    assert (told.metric, told.extra, told.duration, told.attempts) == (0.5, {"loss": 0.1}, 1.5, 2)
    assert (told.params, told.seed) == (trial.params, trial.seed)
    assert study.history.running == []


def test_trials_are_told_in_any_order_and_by_number() -> None:
    study = Study(SPACE)
    trials = [ask(study) for _ in range(5)]
    for number in (3, 0, 4):
        study.tell(number, float(number))
    study.tell(trials[1], 1.0)
    study.tell(np.int64(2), 2.0)  # type: ignore[arg-type]
    assert [trial.metric for trial in study.history] == [0.0, 1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize(("direction", "best"), [("maximize", 4.0), ("minimize", 1.0)])
def test_the_best_trial_depends_on_the_direction(direction: Any, best: float) -> None:
    study = Study(SPACE, direction=direction)
    assert (study.best_trial, study.best_params, study.best_metric) == (None, None, None)
    for metric in (2.0, 4.0, 1.0, 3.0):
        study.tell(ask(study), metric)
    assert study.best_metric == best
    assert study.best_trial is not None
    assert study.best_params == study.best_trial.params


@UNHURRIED
@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0, math.nan, None]), min_size=1, max_size=8),
    st.sampled_from(["maximize", "minimize"]),
    st.randoms(use_true_random=False),
)
def test_the_best_is_the_first_told_among_equals(
    metrics: list[float | None], direction: Any, order: Any
) -> None:
    study = Study(SPACE, direction=direction)
    trials = [ask(study) for _ in metrics]
    order.shuffle(trials)
    told = [study.tell(trial, metric) for trial, metric in zip(trials, metrics, strict=True)]
    completed = [trial for trial in told if trial.metric is not None]
    sign = 1.0 if direction == "minimize" else -1.0
    # min() keeps the first of equal ones.
    best = min(completed, key=lambda trial: sign * (trial.metric or 0.0), default=None)
    assert study.best_trial == best


class CautiousSearch(SearchStrategy):
    """Relies on the first trial that completed, once there are two."""

    def next_candidate(self, history: History) -> Params | None:
        return {"x": 0.0, "n": len(history)}

    def expected_best(self, history: History) -> Trial | None:
        return history.completed[0] if len(history.completed) > 1 else None


def test_the_best_trial_is_the_one_that_the_strategy_relies_on() -> None:
    study = Study(SPACE, CautiousSearch, direction="maximize")
    assert (study.best_trial, study.leader) == (None, None)
    trials = [ask(study) for _ in range(3)]
    study.tell(trials[1], 2.0)
    assert study.best_trial == study.leader == study.history[1]
    study.tell(trials[0], 1.0)
    assert (study.best_metric, study.best_params) == (1.0, trials[0].params)
    study.tell(trials[2], outcome="failed")
    assert study.best_trial == study.history[0]
    assert study.leader == study.history[1]


def test_a_failed_trial_is_never_the_best_and_does_not_end_the_study() -> None:
    study = Study(SPACE, direction="maximize")
    for outcome in Outcome:
        if outcome is not Outcome.COMPLETED:
            told = study.tell(ask(study), outcome=outcome, message="why")
            assert (told.outcome, told.metric, told.message) == (outcome, None, "why")
    assert study.best_trial is None
    study.tell(ask(study), -5.0)
    assert study.best_metric == -5.0


@pytest.mark.parametrize("metric", [math.nan, math.inf, -math.inf, None, True, "0.5", [1.0], 1j])
def test_what_is_no_metric_makes_the_trial_invalid(metric: Any) -> None:
    study = Study(SPACE)
    told = study.tell(ask(study), metric)
    assert told.outcome is Outcome.INVALID_METRIC
    assert told.metric is None
    assert re.fullmatch(rf".*metric.*finite number.*{re.escape(repr(metric))}", told.message)
    assert study.best_trial is None


@pytest.mark.parametrize("metric", [1, np.float32(1.0), np.int64(1), np.array(1.0)])
def test_a_metric_is_kept_as_a_python_float(metric: Any) -> None:
    study = Study(SPACE)
    told = study.tell(ask(study), metric)
    assert type(told.metric) is float
    assert told.metric == 1.0


@pytest.mark.parametrize("trial", [1, -1, True, "0", 0.0, None, Trial(7, {"x": 0.0, "n": 1})])
def test_a_trial_that_was_never_asked_cannot_be_told(trial: Any) -> None:
    study = Study(SPACE)
    ask(study)
    number = trial.number if isinstance(trial, Trial) else trial
    with pytest.raises(InvalidConfiguration, match=f"trial {number!r} was never asked"):
        study.tell(trial, 1.0)
    assert study.history[0].is_running


def test_a_trial_cannot_be_told_twice() -> None:
    study = Study(SPACE)
    trial = ask(study)
    study.tell(trial, outcome="timed_out")
    with pytest.raises(InvalidConfiguration, match=r"trial 0 .*already.*'timed_out'"):
        study.tell(trial, 1.0)
    assert study.history[0].outcome is Outcome.TIMED_OUT


def test_an_unknown_outcome_lists_the_known_ones() -> None:
    study = Study(SPACE)
    with pytest.raises(InvalidConfiguration) as caught:
        study.tell(ask(study), outcome="timeout")
    assert re.search(r"trial 0: .*'timeout'.* 'timed_out'\?", str(caught.value))
    assert study.history[0].is_running


def test_only_a_completed_trial_has_a_metric() -> None:
    study = Study(SPACE)
    with pytest.raises(InvalidConfiguration, match=r"metric=0.5 with outcome='failed'"):
        study.tell(ask(study), 0.5, outcome="failed")
    assert study.tell(0, 0.5, outcome=Outcome.COMPLETED).metric == 0.5


def test_trials_have_seeds_of_their_own_that_the_study_repeats() -> None:
    seeds = [[ask(study).seed for _ in range(50)] for study in (Study(SPACE), Study(SPACE))]
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == 50
    assert all(type(seed) is int and 0 <= seed < 2**32 for seed in seeds[0])
    assert seeds[0][0] != ask(Study(SPACE, seed=1)).seed


def test_a_trials_seed_does_not_depend_on_the_strategy() -> None:
    assert ask(Study(SPACE)).seed == ask(Study({"k": [1, 2]}, strategy="grid")).seed


def test_a_callers_changes_to_params_do_not_reach_the_history() -> None:
    study = Study(SPACE)
    trial = ask(study)
    asked = dict(trial.params)
    trial.params.pop("n")
    assert study.tell(trial, 1.0).params == asked
    assert study.history.has_candidate(asked)
    best = study.best_params
    assert best is not None
    best.clear()
    assert study.best_params == asked


def test_the_study_tells_what_it_was_made_of() -> None:
    study = Study(SPACE, strategy={"name": "random", "max_iters": 2}, direction="maximize", seed=4)
    assert study.space == SearchSpace(SPACE)
    assert (study.direction, study.goal, study.seed) == ("maximize", Goal("maximize"), 4)
    assert (study.strategy.space, study.strategy.goal) == (study.space, study.goal)
    assert type(study.strategy).__name__ == "RandomSearch"
    assert [study.ask() is None for _ in range(4)] == [False, False, True, True]
    assert len(study.history) == 2


class FrugalSearch(SearchStrategy):
    """Says what budget it was asked with."""

    def next_candidate(self, history: History) -> Params | None:
        return {"x": 0.0, "n": len(history)}

    def propose(self, history: History, budget: Budget | None = None) -> Proposal | None:
        candidate = self.next_candidate(history)
        return None if candidate is None else Proposal(candidate, str(budget))


def test_the_strategy_is_asked_with_the_budget() -> None:
    study = Study(SPACE, FrugalSearch)
    budgets = [None, Budget(20, 4), Budget(50)]
    assert [ask(study, budget).proposer for budget in budgets] == [str(each) for each in budgets]


def test_a_strategy_that_does_not_plan_gives_the_same_whatever_the_budget() -> None:
    with_budget, without = Study(SPACE, "random", seed=5), Study(SPACE, "random", seed=5)
    for _ in range(3):
        assert ask(with_budget, Budget(20, 4)) == ask(without)


@pytest.mark.parametrize("number_told", [0, 1, 7])
def test_the_next_candidate_depends_on_the_history_alone(number_told: int) -> None:
    studies = [Study(SPACE, "random", seed=5), Study(SPACE, "random", seed=5)]
    for study in studies:
        for _ in range(8):
            ask(study)
    for number in range(number_told):
        studies[1].tell(number, 1.0)
    assert ask(studies[0]).params == ask(studies[1]).params


class OutsideSearch(SearchStrategy):
    answer: Any = None

    def next_candidate(self, history: History) -> Params | None:  # noqa: ARG002
        return self.answer  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("candidate", "said"),
    [
        ({"x": 5.0, "n": 1}, "x=5.0 (float) is not of Float("),
        ({"x": 0.5, "n": True}, "n=True (bool) is not of Int("),
        ({"x": 0.5}, "got the parameters ['x'], the space has ['x', 'n']"),
        ([0.5, 1], "got [0.5, 1], which is no mapping"),
        ({"x": np.float64(0.5), "n": 1}, "(float64) is not of Float("),
    ],
)
def test_a_strategy_that_leaves_the_space_is_named(
    monkeypatch: pytest.MonkeyPatch, candidate: Any, said: str
) -> None:
    monkeypatch.setattr(OutsideSearch, "answer", candidate)
    study = Study(SPACE, strategy=OutsideSearch)
    with pytest.raises(InternalTunerError) as caught:
        study.ask()
    assert re.search(r"OutsideSearch .*candidate.*not in.* search", str(caught.value))
    assert said in str(caught.value)
    assert len(study.history) == 0


class ListeningSearch(SearchStrategy):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.heard: list[Trial] = []
        self.history: History | None = None

    def next_candidate(self, history: History) -> Params | None:
        self.history = history
        return {"x": len(history) / 10, "n": len(history)}

    def report_result(self, trial: Trial) -> None:
        assert self.history is not None
        assert self.history[trial.number] == trial
        self.heard.append(trial)


def test_the_strategy_hears_of_each_finished_trial_once_it_is_in_the_history() -> None:
    study = Study(SPACE, strategy=ListeningSearch)
    first, second = ask(study), ask(study)
    told = [study.tell(second, 1.0), study.tell(first, outcome="failed")]
    assert isinstance(study.strategy, ListeningSearch)
    assert study.strategy.heard == told


def test_a_grid_finds_the_best_cell_and_keeps_its_types() -> None:
    space = {"lr": [0.1, 0.01, 0.001], "depth": [3, 5, 7]}
    study = Study(space, strategy="grid", direction="maximize")
    while (trial := study.ask()) is not None:
        lr, depth = float(trial.params["lr"]), float(trial.params["depth"])
        study.tell(trial, -((lr - 0.01) ** 2 + (depth - 5) ** 2))
    assert len(study.history) == 9
    assert study.best_params == {"lr": 0.01, "depth": 5}
    assert type(study.best_params["depth"]) is int
    assert study.best_metric is not None
    assert study.best_metric > -1e-9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"space": {}}, "space: must hold at least one parameter"),
        ({"space": SPACE, "strategy": "rnadom"}, "strategy: 'rnadom' is not known"),
        ({"space": SPACE, "direction": "max"}, "direction: must be 'maximize' or 'minimize'"),
        ({"space": SPACE, "seed": -1}, "seed: must be a whole number of at least 0, got -1"),
        ({"space": SPACE, "seed": True}, "seed: must be a whole number of at least 0, got True"),
        ({"space": SPACE, "seed": 0.5}, "seed: must be a whole number of at least 0, got 0.5"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidConfiguration) as caught:
        Study(**arguments)
    assert said in str(caught.value)
