"""What a suggestion takes where hardly any candidate meets the constraints.

```
python -m benchmarks.search.feasibility
python -m benchmarks.search.feasibility --seeds 5 --strategies gp --spaces "box of 1e-6"
```

For each space and strategy, studies of 60 trials, one at a time: the time until the study is there,
the median and the 95th percentile of a suggestion's from the sixth on, and the best metric. That is
the sum over ordered axes of the squared distance from a twentieth up the range. Times are processor
times: on a busy machine, too, they are what an idle one takes.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from prefect_tuner import Categorical, Float, Int, Params, SearchSpace, Study
from prefect_tuner.strategies.encoding.encoding import Encoding

UNIT = Float(0.0, 1.0)
STRATEGIES = ("random", "sobol", "tpe", "gp")
# Suggestions of which nothing is said, as what they need is made with the first one.
_FIRST = 5


def numbered(count: int) -> dict[str, Float]:
    """So many parameters from 0 to 1."""
    return {f"x{i}": UNIT for i in range(count)}


def added(count: int) -> str:
    """Their sum."""
    return " + ".join(numbered(count))


SPACES = {
    "no constraint, 8 floats": SearchSpace(numbered(8)),
    "sum of 8 floats <= 1.2": SearchSpace(numbered(8), constraints=[f"{added(8)} <= 1.2"]),
    "sum of 8 floats <= 0.6": SearchSpace(numbered(8), constraints=[f"{added(8)} <= 0.6"]),
    "sum of 20 floats <= 1": SearchSpace(numbered(20), constraints=[f"{added(20)} <= 1"]),
    "box of 1e-6": SearchSpace(
        numbered(3), constraints=["x0 <= 0.01", "x1 >= 0.99", "0.5 <= x2 <= 0.51"]
    ),
    "band of 0.002 in 5": SearchSpace(numbered(5), constraints=["0.499 <= x0 + x1 <= 0.501"]),
    "order of 7 floats": SearchSpace(numbered(7), constraints=[" <= ".join(numbered(7))]),
    "a*b == 64": SearchSpace(
        {"a": Int(1, 1000), "b": Int(1, 1000), "x": UNIT}, constraints=["a*b == 64"]
    ),
    "a + b + c == 10": SearchSpace(
        {**{name: Int(0, 100) for name in "abc"}, "x": UNIT}, constraints=["a + b + c == 10"]
    ),
    "10 whole numbers == 20": SearchSpace(
        {f"x{i}": Int(0, 100) for i in range(10)}, constraints=[f"{added(10)} == 20"]
    ),
    "products of log floats": SearchSpace(
        {f"x{i}": Float(1e-6, 1.0, log=True) for i in range(6)},
        constraints=["x0*x1*x2*x3*x4*x5 >= 1e-3", "x0*x1 <= 0.2"],
    ),
    "ball of six floats": SearchSpace(
        numbered(6),
        constraints=[" + ".join(f"(x{i} - 0.5)*(x{i} - 0.5)" for i in range(6)) + " <= 0.012"],
    ),
    "two corners apart": SearchSpace(
        numbered(4),
        constraints=[
            " or ".join(
                f"({' and '.join(f'x{i} {corner}' for i in range(4))})"
                for corner in ("<= 0.02", ">= 0.98")
            )
        ],
    ),
    "conditional": SearchSpace(
        {
            "kind": ["a", "b"],
            **{f"x{i}": Float(0.0, 1.0, when={"kind": ["a"]}) for i in range(6)},
            "n": Int(1, 10**6, when={"kind": ["b"]}),
        },
        constraints=[f"{added(6)} <= 0.5", "500 <= n <= 520"],
    ),
    "choices": SearchSpace(
        {**{name: Categorical(list(range(12))) for name in "abcde"}, "x": UNIT},
        constraints=["a == b and b == c and c == d", "e in [3, 4]"],
    ),
    "choices, 15,000 cells": SearchSpace(
        {name: Categorical(list(range(11))) for name in "abcd"},
        constraints=["a == b and b == c", "d in [3, 4]"],
    ),
}


@dataclass(frozen=True)
class Times:
    """What studies in one space by one strategy took, seconds."""

    opening: float
    median: float
    high: float
    best: float

    def __str__(self) -> str:
        return (
            f"{self.opening:6.2f} {1e3 * self.median:7.1f} {1e3 * self.high:7.1f} {self.best:9.3g}"
        )


def measured(space: SearchSpace, strategy: str, trials: int, seeds: int) -> Times:
    """Studies in a space, with so many seeds."""
    encoding = Encoding(space)

    def metric(params: Params) -> float:
        codes = np.nan_to_num(np.array(encoding.encode(params)), nan=0.05)
        return float(((codes[encoding.has_order] - 0.05) ** 2).sum())

    openings, times, bests = [], [], []
    for seed in range(seeds):
        start = time.process_time()
        study = Study(space, strategy, "minimize", seed=seed)
        openings.append(time.process_time() - start)
        for place in range(trials):
            start = time.process_time()
            trial = study.ask()
            if trial is None:
                break
            if place >= _FIRST:
                times.append(time.process_time() - start)
            study.tell(trial, metric(trial.params))
        bests.append(study.best_metric or 0.0)
    return Times(
        float(np.mean(openings)),
        float(np.median(times)),
        float(np.quantile(times, 0.95)),
        float(np.mean(bests)),
    )


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--spaces", nargs="+", choices=SPACES, default=list(SPACES))
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    given = parser.parse_args()
    print(f"{'space':24} {'strategy':8} {'opening':>6} {'p50':>6} {'p95':>7} {'best':>9}")
    print(f"{'':24} {'':8} {'s':>6} {'ms':>7} {'ms':>7}")
    for name in given.spaces:
        for strategy in given.strategies:
            times = measured(SPACES[name], strategy, given.trials, given.seeds)
            print(f"{name:24} {strategy:8} {times}", flush=True)


if __name__ == "__main__":
    main()
