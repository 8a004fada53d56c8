"""The functions of the search benchmark are what their families say."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.search import branches
from benchmarks.search.synthetic import load
from prefect_tuner import Categorical
from tests.objective_functions import number

SHAPES = ["ends-bowl-6", "middle-valley-4", "between-bumpy-5", "plateau-mixed-5"]


@pytest.mark.parametrize("name", SHAPES)
def test_a_function_is_smallest_at_its_best_candidate_and_1_at_the_median(name: str) -> None:
    problem = load(name)
    drawn = np.random.default_rng(5).random((500, len(problem.space)))
    regrets = [
        problem.regret(problem.metric(problem.space.from_units(row.tolist()))) for row in drawn
    ]
    best = problem.regret(problem.metric(problem.best))
    assert 0.0 <= best < 0.01
    assert best < min(regrets)
    assert np.median(regrets) == pytest.approx(1.0, abs=0.1)


def test_optima_lie_where_the_family_says() -> None:
    for name in SHAPES:
        problem = load(name)
        ends = [
            number(problem.best[key]) in (parameter.low, parameter.high)
            for key, parameter in problem.space.items()
            if not isinstance(parameter, Categorical)
        ]
        expected = (len(ends) + 1) // 2 if problem.family == "ends" else 0
        assert sum(ends) == expected, name


def test_a_plateau_has_one_value_over_most_of_the_space() -> None:
    problem = load("plateau-4")
    drawn = np.random.default_rng(5).random((500, len(problem.space)))
    values = [problem.metric(problem.space.from_units(row.tolist())) for row in drawn]
    assert np.mean(np.array(values) == max(values)) > 0.5


@pytest.mark.parametrize("name", branches.FAMILIES)
def test_a_branched_function_is_smallest_at_its_best_candidate(name: str) -> None:
    problem = branches.load(name)
    drawn = np.random.default_rng(5).random((500, len(problem.space)))
    candidates = [problem.space.from_units(row.tolist()) for row in drawn]
    regrets = [problem.regret(problem.metric(params)) for params in candidates]
    assert problem.space.contains(problem.best)
    best = problem.regret(problem.metric(problem.best))
    assert 0.0 <= best < 0.01
    assert best < min(regrets)
    assert np.median(regrets) == pytest.approx(1.0, abs=0.1)
    assert len({frozenset(params) for params in candidates}) > 1
