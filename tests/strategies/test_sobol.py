from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import qmc

from prefect_tuner import Categorical, Float, History, Int, InvalidConfiguration, SearchSpace, Study
from prefect_tuner.testing import exactly, run_trials

SQUARE = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})


def points(strategy: str, count: int, seed: int = 0) -> np.ndarray:
    asked = run_trials(Study(SQUARE, strategy=strategy, seed=seed), count)
    return np.array([[params["x"], params["y"]] for params in asked], dtype=float)


def test_points_are_spread_more_evenly_than_random_ones() -> None:
    for seed in range(5):
        for count in (20, 64, 100):
            sobol = qmc.discrepancy(points("sobol", count, seed))
            assert sobol < 0.5 * qmc.discrepancy(points("random", count, seed))


def test_each_box_of_a_fine_net_has_one_point_of_a_power_of_two() -> None:
    # The property that defines a (0, 2)-sequence, in every shape of 256 equal boxes.
    cells = points("sobol", 256, seed=3)
    for bits in range(9):
        boxes = {(int(x * 2**bits), int(y * 2 ** (8 - bits))) for x, y in cells}
        assert len(boxes) == 256


def test_points_go_on_from_block_to_block() -> None:
    study = Study(SQUARE, strategy="sobol", seed=5)
    asked = run_trials(study, 600)
    assert len({exactly(params) for params in asked}) == 600
    for length in (599, 0, 255, 256, 257, 512):
        again = Study(SQUARE, strategy="sobol", seed=5).strategy
        assert again.next_candidate(History(study.history[:length])) == asked[length]
        assert study.strategy.next_candidate(History(study.history[:length])) == asked[length]


def test_the_seed_decides_the_points() -> None:
    assert points("sobol", 4, seed=1).tolist() == points("sobol", 4, seed=1).tolist()
    assert points("sobol", 4, seed=1).tolist() != points("sobol", 4, seed=2).tolist()


def test_a_trial_of_someone_elses_takes_no_point_away() -> None:
    study = Study(SQUARE, strategy="sobol")
    study.enqueue({"x": 0.5, "y": 0.5})
    alone = run_trials(Study(SQUARE, strategy="sobol"), 4)
    assert run_trials(study, 5)[1:] == alone


def test_a_small_space_is_searched_to_the_last_candidate() -> None:
    space = SearchSpace(
        {
            "kind": ["a", "b", "c"],
            "n": Int(1, 1000, log=True, when={"kind": ["b"]}),
            "rare": Categorical(list(range(50)), when={"kind": ["c"]}),
        }
    )
    study = Study(space, strategy="sobol", seed=1)
    asked = {exactly(params) for params in run_trials(study, 2000)}
    assert len(asked) == space.cardinality == 1051
    assert study.ask() is None


def test_constraints_leave_the_other_points_where_they_are() -> None:
    inside = SearchSpace(dict(SQUARE), constraints=["x + y <= 1"])
    every = run_trials(Study(SQUARE, strategy="sobol", seed=4), 100)
    feasible = [params for params in every if inside.contains(params)]
    assert run_trials(Study(inside, strategy="sobol", seed=4), len(feasible)) == feasible


def test_constraints_that_nothing_meets_are_refused_before_a_trial() -> None:
    with pytest.raises(InvalidConfiguration, match=r'"sobol": none of 32,768\b'):
        Study(SearchSpace(dict(SQUARE), constraints=["x + y > 2"]), strategy="sobol")


def test_there_may_be_many_parameters_but_not_too_many() -> None:
    wide = SearchSpace({f"x{i}": Float(0.0, 1.0) for i in range(200)})
    assert len(run_trials(Study(wide, strategy="sobol"), 3)) == 3
    with pytest.raises(InvalidConfiguration, match="at most 21,201 parameters"):
        Study({f"x{i}": Int(0, 1) for i in range(21_202)}, strategy="sobol")


def test_scipy_is_imported_for_sobol_alone() -> None:
    program = (
        "import sys; from prefect_tuner import Study, make_strategy\n"
        "import prefect_tuner.strategies.sobol\n"
        "Study({'x': [1, 2]}, strategy='random').ask()\n"
        "print('scipy' in sys.modules)"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "False"
