"""The standard library: a pool of two processes, running a function of the script."""

import os
from multiprocessing import Pool


def square(number: int) -> int:
    return number * number


def train(_: object) -> float:
    with Pool(2) as pool:
        return float(sum(pool.map(square, range(20))))


if __name__ == "__main__" or "WARM_IMPORT" in os.environ:
    print("metric", train({}))
