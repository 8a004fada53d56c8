from __future__ import annotations

from collections.abc import Callable

import pytest
from scipy import stats

from prefect_tuner import Params, SearchSpace, Study
from prefect_tuner.testing_spaces import CONDITIONAL_SPACE
from tests.objective_functions import (
    SPACE,
    ackley,
    branin,
    cube,
    of_booster,
    quadratic,
    rosenbrock,
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("objective", "space"),
    [
        (branin, cube(2)),
        (ackley, cube(5)),
        (rosenbrock, cube(4)),
        (quadratic, SPACE),
        (of_booster, CONDITIONAL_SPACE),
    ],
    ids=["branin", "ackley", "rosenbrock", "mixed", "conditional"],
)
def test_it_beats_random_search(objective: Callable[[Params], float], space: SearchSpace) -> None:
    def best(strategy: str, seed: int) -> float:
        study = Study(space, strategy=strategy, seed=seed)
        for _ in range(80):
            trial = study.ask()
            assert trial is not None
            study.tell(trial, objective(trial.params))
        assert study.best_metric is not None
        return study.best_metric

    ours = [best("tpe", seed) for seed in range(25)]
    others = [best("random", seed) for seed in range(25)]
    assert stats.wilcoxon(ours, others, alternative="less").pvalue < 0.01
