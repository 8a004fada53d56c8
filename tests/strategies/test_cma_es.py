from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import cmaes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefect_tuner import (
    Categorical,
    Float,
    History,
    Int,
    InvalidConfiguration,
    Outcome,
    Params,
    SearchSpace,
    Study,
    Trial,
)
from prefect_tuner.strategies import cma_es
from prefect_tuner.strategies.cma.solutions import SolutionSpace
from prefect_tuner.strategies.strategy import trial_rng
from prefect_tuner.testing import exactly, run_trials
from prefect_tuner.testing.spaces import PLAIN_SPACE, search_spaces

SQUARE = SearchSpace({"x": Float(-2.0, 2.0), "y": Float(-2.0, 2.0)})
MIXED = SearchSpace(
    {
        "x": Float(-1.0, 1.0),
        "n": Int(0, 9),
        "kind": ["a", "b", "c"],
        "rate": Float(1e-4, 1.0, log=True),
        "size": Int(1, 64, log=True),
        "level": Categorical(["low", "middle", "high"], ordered=True),
        "constant": Int(3, 3),
    }
)
SIZES = [math.log(n) / math.log(64) for n in range(1, 65)]


def mixed_metric(params: Params) -> float:
    return (
        (float(params["x"]) - 0.3) ** 2
        + abs(float(params["n"]) - 6) / 9
        + float(params["kind"] != "b")
        + abs(math.log10(float(params["rate"])) + 2)
        + abs(math.log2(float(params["size"])) - 3)
        + float(params["level"] != "high")
    )


def sphere(params: Params) -> float:
    return sum(float(value) ** 2 for value in params.values())


def rosenbrock(params: Params) -> float:
    x = [float(value) for value in params.values()]
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))


def asked(study: Study, count: int, metric: Callable[[Params], float]) -> list[Params]:
    params = []
    for _ in range(count):
        trial = study.ask()
        assert trial is not None
        params.append(trial.params)
        study.tell(trial, metric(trial.params))
    return params


def test_generations_are_those_of_the_package_given_the_same_numbers() -> None:
    optimizer = cmaes.CatCMAwM(
        x_space=[[0.0, 1.0], [0.0, 1.0]],
        z_space=[np.linspace(0, 1, 10).tolist(), SIZES, [0.0, 0.5, 1.0]],
        c_space=[3],
        population_size=8,
        mean=np.full(5, 0.5),
        sigma=0.25,
        cov=np.eye(5),
    )
    ours = asked(
        Study(MIXED, {"name": "cmaes", "population_size": 8, "sigma0": 0.25}, seed=5),
        120,
        mixed_metric,
    )
    for first in range(0, 120, 8):
        told = []
        for number in range(first, first + 8):
            optimizer.reseed_rng(int(trial_rng(5, number).integers(2**32)))
            solution = optimizer.ask()
            (x, rate), (n, size, level) = solution.x, solution.z
            assert ours[number] == {
                "x": pytest.approx(2 * x - 1, abs=1e-12),
                "n": round(9 * n),
                "kind": "abc"[solution.c[0].argmax()],
                "rate": pytest.approx(10 ** (4 * rate - 4)),
                "size": 1 + SIZES.index(size),
                "level": ["low", "middle", "high"][round(2 * level)],
                "constant": 3,
            }
            told.append((solution, mixed_metric(ours[number])))
        optimizer.tell(told)


def test_correlated_and_mixed_parameters_are_found_where_random_search_finds_little() -> None:
    space = SearchSpace({f"x{i}": Float(-2.0, 2.0) for i in range(4)})
    for seed in range(3):
        found, by_chance = Study(space, "cmaes", seed=seed), Study(space, "random", seed=seed)
        asked(found, 300, rosenbrock)
        asked(by_chance, 300, rosenbrock)
        assert found.best_metric is not None
        assert by_chance.best_metric is not None
        assert found.best_metric < 0.3 * by_chance.best_metric
        mixed = Study(MIXED, "cmaes", seed=seed)
        asked(mixed, 300, mixed_metric)
        assert mixed.best_metric is not None
        assert mixed.best_metric < 0.3


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("unit", [2.0**-900, 2.0**900])
def test_the_unit_of_the_metric_makes_no_difference(sign: float, unit: float) -> None:
    study = Study(SQUARE, "cmaes", "minimize" if sign > 0 else "maximize", seed=2)
    of_unit = asked(study, 60, lambda params: sign * unit * sphere(params))
    assert of_unit == asked(Study(SQUARE, "cmaes", seed=2), 60, sphere)


@pytest.mark.parametrize("metric", [0.0, 1e308, -1e308])
def test_a_metric_that_is_always_the_same_teaches_nothing_and_hurts_nothing(
    metric: float,
) -> None:
    params = asked(Study(SQUARE, "cmaes"), 80, lambda _: metric)
    late = [abs(float(value)) for each in params[40:] for value in each.values()]
    # The mean of |N(0, 1)| is about 0.8, and the first deviation a sixth of 4.
    assert 0.4 < float(np.mean(late)) < 0.7


def test_trials_told_in_any_order_make_one_study() -> None:
    study, draw = Study(PLAIN_SPACE, "cmaes", seed=4), random.Random(1)
    running: list[Trial] = []
    for _ in range(150):
        trial = study.ask()
        assert trial is not None
        running.append(trial)
        while len(running) > draw.randrange(20):
            ended = running.pop(draw.randrange(len(running)))
            if draw.random() < 0.1:
                study.tell(ended, outcome=draw.choice(["failed", "pruned", "cancelled"]))
            else:
                study.tell(ended, float(ended.params["depth"]))
    again = Study(PLAIN_SPACE, "cmaes", seed=4)
    for trial in study.history:
        again.add_trial(trial)
    assert run_trials(again, 10) == run_trials(study, 10)


def test_many_workers_learn_as_well() -> None:
    study, draw = Study(SQUARE, "cmaes", seed=0), random.Random(0)
    running: list[Trial] = []
    for _ in range(200):
        trial = study.ask()
        assert trial is not None
        running.append(trial)
        if len(running) == 12:
            ended = running.pop(draw.randrange(12))
            study.tell(ended, sphere(ended.params))
    assert np.median([sphere(trial.params) for trial in study.history[-50:]]) < 0.05


def test_a_trial_that_never_ends_holds_nothing_up() -> None:
    study = Study(SQUARE, "cmaes", seed=1)
    lost = study.ask()
    late = asked(study, 120, sphere)[-20:]
    assert max(map(sphere, late)) < 0.1
    assert lost is not None
    study.tell(lost, 0.0)
    assert max(map(sphere, asked(study, 10, sphere))) < 0.5


def test_trials_of_others_move_it_to_where_they_were_good() -> None:
    def far(params: Params) -> float:
        return sphere({name: float(value) - 1.5 for name, value in params.items()})

    study, alone = Study(SQUARE, "cmaes"), Study(SQUARE, "cmaes")
    for number, params in enumerate(run_trials(Study(SQUARE, "random", seed=9), 12)):
        study.add_trial(Trial(number, params, outcome=Outcome.COMPLETED, metric=far(params)))
    assert np.mean([*map(far, asked(study, 6, far))]) < np.mean([*map(far, asked(alone, 6, far))])


def test_one_good_trial_far_away_does_not_blow_the_distribution_up() -> None:
    study = Study(SQUARE, "cmaes", seed=1)
    asked(study, 90, sphere)
    study.enqueue({"x": 2.0, "y": -2.0})
    asked(study, 1, lambda _: -1.0)
    assert max(map(sphere, asked(study, 20, sphere)[6:])) < 0.2


def test_where_trials_fail_there_are_fewer() -> None:
    study, fails = Study(SQUARE, "cmaes", seed=3), []
    for _ in range(60):
        trial = study.ask()
        assert trial is not None
        fails.append(float(trial.params["x"]) > 0)
        if fails[-1]:
            study.tell(trial, outcome="failed")
        else:
            study.tell(trial, float(trial.params["y"]) ** 2)
    assert sum(fails[30:]) < 0.5 * sum(fails[:30])


def test_it_starts_again_elsewhere_when_there_is_no_progress_to_be_made() -> None:
    study = Study(SQUARE, "cmaes", seed=0)
    distances = [math.sqrt(sphere(each)) for each in asked(study, 700, sphere)]
    converged = next(n for n in range(700) if max(distances[n : n + 20]) < 1e-4)
    assert max(distances[converged:]) > 0.3


def test_a_small_space_is_tried_to_the_last_candidate() -> None:
    space = SearchSpace({"n": Int(0, 9), "kind": ["a", "b", "c"], "on": [True, False]})
    study = Study(space, "cmaes")
    assert len({exactly(params) for params in run_trials(study, 100)}) == 60
    assert study.ask() is None


def test_whole_numbers_of_any_size_are_searched() -> None:
    space = SearchSpace({"n": Int(0, 2**62), "m": Int(1, 2**60, log=True)})
    study = Study(space, "cmaes")
    asked(study, 150, lambda params: abs(math.log2(float(params["m"])) - 20))
    assert study.best_metric is not None
    assert study.best_metric < 0.5


def test_only_a_trial_that_ended_changes_what_comes_next() -> None:
    study = Study(SQUARE, "cmaes", seed=6)
    asked(study, 20, sphere)
    history = History(study.history)
    for number in range(20, 25):
        history.add(Trial(number, {"x": 0.1 * number - 2, "y": 0.0}))
    before = study.strategy.next_candidate(history)
    for number in range(20, 25):
        trial = history[number]
        history.finish(replace(trial, outcome=Outcome.COMPLETED, metric=sphere(trial.params)))
    assert study.strategy.next_candidate(history) != before


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cma_es, "find_spec", lambda _: None)
    with pytest.raises(InvalidConfiguration) as caught:
        Study(SQUARE, "cmaes")
    install = 'pip install "prefect-tuner[cmaes]"'
    assert re.fullmatch(rf'strategy "cmaes": .*{re.escape(install)}', str(caught.value))


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_candidates_survive_the_way_to_numbers_and_back(data: st.DataObject) -> None:
    space = data.draw(search_spaces())
    solutions = SolutionSpace(space)
    units = data.draw(st.lists(st.floats(0.0, 1.0), min_size=len(space), max_size=len(space)))
    params = space.from_units(units)
    v, c = solutions.encode(params)
    count = len(solutions.continuous)
    back = solutions.decode(cmaes.CatCMAwM.Solution(v[:count], v[count:], c))
    assert space.contains(back)
    for name, value in params.items():
        near = pytest.approx(value, rel=1e-9, abs=1e-9) if type(value) is float else value
        assert back[name] == near
