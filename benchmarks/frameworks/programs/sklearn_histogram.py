"""scikit-learn: histogram gradient boosting, whose threads are OpenMP's."""

import os
from functools import cache
from typing import Any


@cache
def prepared() -> tuple[Any, ...]:
    import numpy as np
    from sklearn.ensemble import HistGradientBoostingRegressor

    x = np.random.default_rng(0).random((2000, 8))
    return HistGradientBoostingRegressor, x, x.sum(axis=1)


def train(_: object) -> float:
    boosting, x, y = prepared()
    return float(boosting(max_iter=20, random_state=0).fit(x, y).score(x, y))


if __name__ == "__main__" or "WARM_IMPORT" in os.environ:
    print("metric", train({}))
