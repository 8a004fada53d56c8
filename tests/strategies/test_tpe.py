from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from prefect_tuner import (
    Float,
    History,
    Int,
    InvalidConfiguration,
    Outcome,
    Params,
    SearchSpace,
    Study,
    Trial,
    make_strategy,
)
from prefect_tuner.testing.spaces import CONDITIONAL_SPACE, CONSTRAINED_SPACE
from tests.objective_functions import SPACE, number, of_booster, quadratic, run_study

run = partial(run_study, "tpe")


def long_history(count: int) -> History:
    """Random candidates of `SPACE`, some of which failed or are running."""
    trials = []
    for index, point in enumerate(np.random.default_rng(0).random((count, len(SPACE))).tolist()):
        params = SPACE.from_units(point)
        if index % 50 == 49:
            trials.append(Trial(index, params, outcome=[Outcome.FAILED, None][index % 4 // 2]))
        else:
            metric = quadratic(params)
            trials.append(Trial(index, params, outcome=Outcome.COMPLETED, metric=metric))
    return History(trials)


def test_a_mixed_space_is_solved_nearly_to_the_optimum() -> None:
    best = [run(quadratic, SPACE, 120, seed).best_metric for seed in range(3)]
    assert np.median([metric for metric in best if metric is not None]) < 0.7


def test_the_branch_of_a_tree_that_is_best_is_found_and_searched() -> None:
    studies = [run(of_booster, CONDITIONAL_SPACE, 100, seed) for seed in range(3)]
    best = [study.best_metric for study in studies if study.best_metric is not None]
    assert np.median(best) < 0.1
    late = [trial.params["booster"] for study in studies for trial in study.history[50:]]
    assert late.count("dart") > 0.6 * len(late)


@pytest.mark.parametrize("space", [SPACE, CONDITIONAL_SPACE, CONSTRAINED_SPACE])
def test_a_study_taken_up_again_goes_on_as_it_would_have(space: SearchSpace) -> None:
    study = Study(space, "tpe", seed=3)
    waiting = []
    for turn in range(48):
        trial = study.ask()
        assert trial is not None
        waiting.append(trial)
        if turn % 4 == 3:
            study.tell(waiting.pop(1), float(len(repr(trial.params))))
            study.tell(waiting.pop(0), outcome=[Outcome.CRASHED, Outcome.PRUNED][turn % 8 // 4])
            study.tell(waiting.pop(), float(turn % 7))
        fresh = make_strategy("tpe", space, "minimize", 3)
        asked_again = study.strategy.next_candidate(study.history)
        assert fresh.next_candidate(History(list(study.history))) == asked_again
        assert study.strategy.next_candidate(study.history) == asked_again


def test_a_finite_space_is_searched_to_its_last_feasible_candidate() -> None:
    space = SearchSpace(
        {"depth": Int(1, 6), "kind": ["a", "b", "c"], "rate": Float(0, 1, step=0.5)},
        constraints=["depth + rate <= 6", "not (kind == 'a' and depth > 3)"],
    )
    cells = [space.cells().at(place) for place in range(54)]
    feasible = [cell for cell in cells if space.meets_constraints(cell)]
    study = run(lambda p: number(p["depth"]), space, len(feasible))
    assert len({repr(trial.params) for trial in study.history}) == len(feasible)
    assert study.ask() is None


def test_a_thin_feasible_region_is_followed() -> None:
    space = SearchSpace(
        {name: Float(0.0, 1.0) for name in "abc"},
        constraints=["a + b <= 1.01", "a + b >= 0.99", "c <= 0.1"],
    )
    study = run(lambda p: (number(p["a"]) - 0.8) ** 2 + number(p["c"]), space, 60)
    assert all(space.contains(trial.params) for trial in study.history)
    assert study.best_params is not None
    assert number(study.best_params["a"]) == pytest.approx(0.8, abs=0.2)


def test_constraints_that_nothing_meets_are_said_at_once() -> None:
    for space in ({"a": Float(0.0, 1.0)}, {"a": Int(0, 5)}):
        with pytest.raises(InvalidConfiguration, match=r"constraints a >= 1; a <"):
            Study(SearchSpace(space, constraints=["a >= 1", "a < 1"]), strategy="tpe")


def test_a_region_that_fails_is_left() -> None:
    study = Study({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}, "tpe", seed=1)
    for _ in range(60):
        trial = study.ask()
        assert trial is not None
        x, y = number(trial.params["x"]), number(trial.params["y"])
        if x > 0.5:
            study.tell(trial, outcome=Outcome.FAILED)
        else:
            study.tell(trial, 1.0 - x + y)
    late = study.history[30:]
    assert sum(trial.outcome is Outcome.FAILED for trial in late) <= 15
    assert study.best_metric is not None
    assert study.best_metric < 0.65


def test_failed_and_pruned_trials_are_not_imitated_however_few_completed() -> None:
    space = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
    trials = []
    for index in range(100):
        params: Params = {"x": 0.8 + 0.001 * index, "y": 0.5}
        trials.append(Trial(index, params, outcome=[Outcome.FAILED, Outcome.PRUNED][index % 2]))
    for index in range(100, 103):
        params = {"x": 0.2 + 0.001 * (index - 100), "y": 0.5}
        trials.append(Trial(index, params, outcome=Outcome.COMPLETED, metric=1.0))
    history = History(trials)
    candidates = [
        make_strategy("tpe", space, "minimize", s).next_candidate(history) for s in range(9)
    ]
    assert np.median([number(c["x"]) for c in candidates if c is not None]) < 0.5


def test_running_trials_are_kept_away_from() -> None:
    space = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}
    units = np.random.default_rng(0).random((40, 2)).tolist()
    finished = [
        Trial(
            n, {"x": x, "y": y}, outcome=Outcome.COMPLETED, metric=(x - 0.3) ** 2 + (y - 0.6) ** 2
        )
        for n, (x, y) in enumerate(units)
    ]
    best = min(finished, key=lambda trial: trial.metric or 0.0)
    around = [{name: number(best.params[name]) + 0.005 * n for name in "xy"} for n in range(-4, 5)]

    def distance(outcome: Outcome | None) -> float:
        """How far candidates are, on average, from trials that run there or were cancelled."""
        others = [Trial(40 + n, dict(params), outcome=outcome) for n, params in enumerate(around)]
        history = History(finished + others)
        candidates = [
            make_strategy("tpe", space, seed=s).next_candidate(history) for s in range(12)
        ]
        places = [[number(c["x"]), number(c["y"])] for c in candidates if c is not None]
        assert len(places) == 12
        centre = [number(best.params["x"]), number(best.params["y"])]
        return float(np.linalg.norm(np.array(places) - centre, axis=1).mean())

    assert distance(None) > 1.5 * distance(Outcome.CANCELLED)


def test_the_initial_trials_come_before_the_densities_are_asked() -> None:
    space = {"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)}
    one = run(lambda p: number(p["x"]), space, 12, initial=6)
    other = run(lambda p: -number(p["x"]), space, 12, initial=6)
    same = [a.params == b.params for a, b in zip(one.history, other.history, strict=True)]
    assert same[:6] == [True] * 6
    assert not all(same)


@pytest.mark.parametrize("option", ["initial", "candidates"])
@pytest.mark.parametrize("value", [0, 2.5, "3"])
def test_options_must_be_positive_whole_numbers(option: str, value: object) -> None:
    with pytest.raises(InvalidConfiguration, match=f'strategy "tpe": option {option} must be'):
        Study({"x": Float(0.0, 1.0)}, strategy={"name": "tpe", option: value})


def test_a_suggestion_takes_little_time_with_10_000_trials() -> None:
    # Generous, for slow machines: benchmarks/search/long_study.py holds the real figures.
    history = long_history(10_000)
    strategy = make_strategy("tpe", SPACE, "minimize", 2)
    times, candidate = [], strategy.next_candidate(history)
    for _ in range(5):
        assert candidate is not None
        metric = quadratic(candidate)
        history.add(Trial(len(history), candidate))
        history.finish(replace(history[-1], outcome=Outcome.COMPLETED, metric=metric))
        started = time.process_time()
        candidate = strategy.next_candidate(history)
        times.append(time.process_time() - started)
    assert min(times) < 0.1
    fresh = make_strategy("tpe", SPACE, "minimize", 2)
    assert fresh.next_candidate(History(list(history))) == candidate
