"""What a suggestion costs as a study grows: `python -m benchmarks.search.ask_times`.

CPU milliseconds, of all threads, of one ask and one tell with n finished trials, in studies that
the method runs itself from the first trial on: the 20 suggestions after each n, of all seeds. On a
space of six mixed parameters, and on one table of each family. Apart from that, the mean over
studies of 100 trials on these tables, and the sum over one of 2,000 trials on the mixed space.

```
python -m benchmarks.search.ask_times                                      ours, and what is stored
python -m benchmarks.search.ask_times --methods optuna-5.0.0-gp --seeds 1 --most 500
python -m benchmarks.search.ask_times --methods gp optuna-5.0.0-gp --first
python -m benchmarks.search.ask_times --methods tpe optuna-5.0.0-tpe --long
```
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np

from benchmarks.search.optimizers import OURS
from benchmarks.search.peers import PEERS
from benchmarks.search.report_tables import label, markdown
from benchmarks.search.store_runs import optimizer_of
from benchmarks.search.tables import load
from benchmarks.search.trajectories import STORE
from prefect_tuner import Categorical, Float, Int, Params, SearchSpace

SIZES: Final = (10, 100, 200, 500, 1000)
WINDOW: Final = 20
FIRST: Final = "mean of 100"
FIRST_TRIALS: Final = 100
LONG: Final = "all of 2000"
LONG_TRIALS: Final = 2000
STORED: Final = STORE / "ask_times.json"
TABLES: Final = ("vehicle", "protein_structure", "cifar10")

MIXED: Final = SearchSpace(
    {
        "learning_rate": Float(1e-5, 1e-1, log=True),
        "dropout": Float(0.0, 0.9),
        "layers": Int(1, 8),
        "units": Int(8, 1024, log=True),
        "activation": Categorical(["relu", "tanh", "gelu"]),
        "bias": Categorical([True, False]),
    }
)
"""Six parameters, of every kind."""

AskTimes: TypeAlias = dict[str, dict[str, dict[str, list[float]]]]
"""Milliseconds by method, problem and number of finished trials."""


def mixed(params: Params) -> float:
    """A smooth function of the mixed space, with an optimum inside of it."""
    rate, units = math.log10(float(params["learning_rate"])), math.log2(float(params["units"]))
    return (
        (rate + 2.7) ** 2
        + 3.0 * (float(params["dropout"]) - 0.3) ** 2
        + 0.1 * (float(params["layers"]) - 4.0 - 0.2 * units) ** 2
        + 0.05 * (units - 7.0) ** 2
        + {"relu": 0.0, "tanh": 0.3, "gelu": 0.1}[str(params["activation"])]
        + (0.0 if params["bias"] else 0.05)
    )


def main() -> None:
    """Measure what the command line asks for, store it, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--methods", nargs="*", default=["gp", "random"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="finished trials")
    parser.add_argument("--first", action="store_true", help="only the mean over 100 trials")
    parser.add_argument("--long", action="store_true", help="only a study of 2,000 trials, in all")
    asked = parser.parse_args()
    for method in asked.methods:
        if asked.first:
            measure_first(method, range(asked.seeds))
        elif asked.long:
            measure_long(method)
        else:
            measure_and_store(method, range(asked.seeds), asked.most)
    print(ask_times_table(read_ask_times()))


def measure_and_store(method: str, seeds: Iterable[int], most: int = SIZES[-1]) -> None:
    """Measure a method on the mixed space and the tables; what is stored of it is replaced."""
    problems: dict[str, tuple[SearchSpace, Callable[[Params], float]]] = {
        "mixed": (MIXED, mixed),
        **{name: (load(name).space, load(name).metric) for name in TABLES},
    }
    sizes = [size for size in SIZES if size <= most]
    measured: dict[str, dict[str, list[float]]] = {}
    for name, (space, metric) in problems.items():
        by_size: dict[str, list[float]] = {str(size): [] for size in sizes}
        for seed in seeds:
            spent = ask_times(method, space, metric, seed, sizes[-1] + WINDOW)
            for size in sizes:
                by_size[str(size)] += [round(ms, 3) for ms in spent[size : size + WINDOW]]
        measured[name] = by_size
    stored = read_ask_times()
    for name, known in stored.get(method, {}).items():
        measured[name] |= {each: known[each] for each in (FIRST, LONG) if each in known}
    write_ask_times(STORED, stored | {method: measured})


def measure_first(method: str, seeds: Iterable[int]) -> None:
    """Measure the mean time of the suggestions of studies of 100 trials on the tables."""
    stored = read_ask_times()
    of_method = stored.setdefault(method, {})
    for name in TABLES:
        problem = load(name)
        of_method.setdefault(name, {})[FIRST] = [
            round(
                float(
                    np.mean(ask_times(method, problem.space, problem.metric, seed, FIRST_TRIALS))
                ),
                3,
            )
            for seed in seeds
        ]
    write_ask_times(STORED, stored)


def measure_long(method: str) -> None:
    """Measure the time of all suggestions of a study of 2,000 trials on the mixed space."""
    total = sum(ask_times(method, MIXED, mixed, 0, LONG_TRIALS))
    stored = read_ask_times()
    stored.setdefault(method, {}).setdefault("mixed", {})[LONG] = [round(total)]
    write_ask_times(STORED, stored)


def ask_times(
    method: str, space: SearchSpace, metric: Callable[[Params], float], seed: int, trials: int
) -> list[float]:
    """The CPU milliseconds of each ask and tell of one study."""
    optimizer = optimizer_of(method, space, seed)
    spent: list[float] = []
    for number in range(trials):
        started = time.process_time()
        params = optimizer.suggest(number)
        asked = time.process_time() - started
        value = metric(params)
        started = time.process_time()
        optimizer.tell(number, value)
        spent.append(1000.0 * (asked + time.process_time() - started))
    return spent


def read_ask_times(path: Path = STORED) -> AskTimes:
    """What is stored, methods in the order of the reports."""
    if not path.exists():
        return {}
    stored: AskTimes = json.loads(path.read_text())
    return {method: stored[method] for method in (*OURS, *PEERS) if method in stored}


def write_ask_times(path: Path, times: AskTimes) -> None:
    """Store times, a line for each study."""
    methods = []
    for method, problems in times.items():
        lines = ",\n".join(f'    "{name}": {json.dumps(sizes)}' for name, sizes in problems.items())
        methods.append(f'  "{method}": {{\n{lines}\n  }}')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(methods) + "\n}\n")


def ask_times_table(times: Mapping[str, Mapping[str, Mapping[str, list[float]]]]) -> str:
    """Medians and 95 % quantiles: on the mixed space, and over the tables."""
    rows = [["CPU ms of ask and tell, p50 / p95", "", *(f"n = {size:,}" for size in SIZES)]]
    for where, names in (("mixed space", ("mixed",)), ("tables", TABLES)):
        for method, problems in times.items():
            cells = []
            for size in SIZES:
                of_size = [ms for name in names for ms in problems.get(name, {}).get(str(size), [])]
                middle, high = np.quantile(of_size, [0.5, 0.95]) if of_size else (None, None)
                cells.append("-" if middle is None else f"{middle:.1f} / {high:.1f}")
            rows.append([label(method), where, *cells])
    return markdown(rows)


if __name__ == "__main__":
    main()
