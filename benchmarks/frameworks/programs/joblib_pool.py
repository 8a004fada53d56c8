"""joblib: a pool of two processes (loky), which stays warm."""

import os


def train(_: object) -> float:
    from joblib import Parallel, delayed

    return float(sum(Parallel(n_jobs=2)(delayed(abs)(-number) for number in range(20))))


if __name__ == "__main__" or "WARM_IMPORT" in os.environ:
    print("metric", train({}))
