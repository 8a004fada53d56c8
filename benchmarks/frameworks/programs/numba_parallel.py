"""Numba: a function compiled with `parallel=True`."""

import os
from functools import cache
from typing import Any


@cache
def prepared() -> tuple[Any, ...]:
    import numba
    import numpy as np

    @numba.njit(parallel=True)  # type: ignore[untyped-decorator,unused-ignore]
    def total(values: Any) -> Any:
        result = 0.0
        for place in numba.prange(len(values)):
            result += values[place]
        return result

    return total, np.ones(10_000)


def train(_: object) -> float:
    total, values = prepared()
    return float(total(values))


if __name__ == "__main__" or "WARM_IMPORT" in os.environ:
    print("metric", train({}))
