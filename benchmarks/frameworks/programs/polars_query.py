"""polars: a lazy query on its thread pool."""

import os
from functools import cache
from typing import Any


@cache
def prepared() -> tuple[Any, ...]:
    import polars as pl

    return pl, pl.DataFrame({"group": [n % 7 for n in range(10_000)], "x": range(10_000)})


def train(_: object) -> float:
    pl, frame = prepared()
    query = frame.lazy().group_by("group").agg(pl.col("x").sum()).select(pl.col("x").max())
    return float(query.collect()["x"][0])


if __name__ == "__main__" or "WARM_IMPORT" in os.environ:
    print("metric", train({}))
