"""CatBoost: a `Pool` made once, and training."""

import os
from functools import cache
from typing import Any


@cache
def prepared() -> tuple[Any, ...]:
    import catboost
    import numpy as np

    x = np.random.default_rng(0).random((2000, 8))
    return catboost, catboost.Pool(x, x.sum(axis=1))


def train(_: object) -> float:
    catboost, pool = prepared()
    options = {"iterations": 20, "random_seed": 0, "verbose": 0, "allow_writing_files": False}
    return float(catboost.CatBoostRegressor(**options).fit(pool).predict(pool).sum())


if __name__ == "__main__" or "WARM_IMPORT" in os.environ:
    print("metric", train({}))
