"""How many trials a strategy needs on real tuning tasks: `python -m benchmarks.search.run`.

Runs the strategies of this package on the tables of `tables.py` and compares them with the stored
runs of Optuna, seed by seed. The numbers are normalised regrets, (best - optimum) / (median -
optimum), after 25, 50 and 100 trials.

```
python -m benchmarks.search.run --smoke           a slice of it, under a minute
python -m benchmarks.search.run                   all tables, 10 seeds
python -m benchmarks.search.run --workers 8       our own with 8 trials at a time
python -m benchmarks.search.run --peers           run the peers that are not stored (needs optuna)
```
"""

from __future__ import annotations

import argparse
import heapq
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np

from benchmarks.search.tables import FAMILIES, SATURATED, TUNED_ON, Table, load
from benchmarks.search.trajectories import STORE, Trajectory, read, trajectory, write
from prefect_tuner import Categorical, Int, Params, Study

BUDGETS = (25, 50, 100)
SMOKE = {"tables": ["australian", "cifar10"], "seeds": 3, "trials": 30}

Runs: TypeAlias = dict[tuple[str, int], Trajectory]


def main() -> None:
    """Run what is asked for and print the tables."""
    arguments = parsed()
    runs: dict[str, Runs] = {}
    for method in arguments.methods:
        stored = read(arguments.store / f"{method}.json") if arguments.store else {}
        runs[method] = run_all(method, arguments, stored)
        if arguments.store:
            write(arguments.store / f"{method}.json", stored | runs[method])
    for peer in PEERS:
        path = STORE / f"{peer}.json"
        stored = read(path)
        if arguments.peers:
            stored |= run_all(peer, arguments, stored)
            write(path, stored)
        runs[peer] = {
            key: run
            for key, run in stored.items()
            if key[0] in arguments.tables and key[1] in range(*arguments.seeds)
        }
    report({method: done for method, done in runs.items() if done}, arguments.trials)


def parsed() -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--smoke", action="store_true", help="a slice of it, under a minute")
    parser.add_argument(
        "--peers", action="store_true", help="run and store what is missing of the peers"
    )
    parser.add_argument("--methods", nargs="*", default=["gp", "random"], help="names or JSON")
    parser.add_argument("--tables", nargs="*", default=list(FAMILIES))
    parser.add_argument("--seeds", type=int, nargs=2, default=[0, 10], help="first, last + 1")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--workers", type=int, default=1, help="at a time, of ours")
    parser.add_argument("--store", type=Path, help="a folder to keep our own runs in as well")
    arguments = parser.parse_args()
    if arguments.workers > 1 and arguments.peers:
        parser.error("the peers' stored runs are those of one worker: --peers needs --workers 1")
    if arguments.tables == ["tuned"]:
        arguments.tables = list(TUNED_ON)
    if arguments.smoke:
        arguments.tables, arguments.trials = SMOKE["tables"], SMOKE["trials"]
        arguments.seeds = [0, SMOKE["seeds"]]
    return arguments


def run_all(method: str, arguments: argparse.Namespace, stored: Runs) -> Runs:
    """The runs of a method on all tables and seeds, those of a peer that are stored left out."""
    runs: Runs = {}
    for name in arguments.tables:
        table = load(name)
        for seed in range(*arguments.seeds):
            known = stored.get((name, seed))
            if method in PEERS and known is not None and known.trials >= arguments.trials:
                runs[name, seed] = known
                continue
            optimizer = PEERS[method](table, seed) if method in PEERS else Ours(method, table, seed)
            runs[name, seed] = run(table, optimizer, arguments.trials, arguments.workers)
    return runs


def run(table: Table, optimizer: Optimizer, trials: int, workers: int = 1) -> Trajectory:
    """One run, with the time that is spent outside the objective.

    With several workers, each starts a candidate as soon as its last one is trained, on a simulated
    clock that runs by the table's own training times. Trials count when they finish.
    """
    regrets: list[float] = []
    seen: set[str] = set()
    training: list[tuple[float, int, Params]] = []
    clock, asked, repeated, spent = 0.0, 0, 0, 0.0
    while len(regrets) < trials:
        while len(training) < workers:
            started = time.process_time()
            params = optimizer.suggest(asked)
            spent += time.process_time() - started
            key = repr(sorted(params.items()))
            repeated += key in seen
            seen.add(key)
            heapq.heappush(training, (clock + table.time(params), asked, params))
            asked += 1
        clock, number, params = heapq.heappop(training)
        metric = table.metric(params)
        regrets.append(table.regret(metric))
        started = time.process_time()
        optimizer.tell(number, metric)
        spent += time.process_time() - started
    return trajectory(regrets, 1000.0 * spent / trials, repeated)


class Optimizer(Protocol):
    """What a run asks for candidates."""

    def suggest(self, number: int) -> Params:
        """The candidate of trial `number`, which is the next one."""

    def tell(self, number: int, metric: float) -> None:
        """Hear of the metric of a trial."""


class Ours:
    """A strategy of this package, by name or as JSON with options."""

    def __init__(self, method: str, table: Table, seed: int) -> None:
        spec: Any = json.loads(method) if method.startswith("{") else method
        self._study = Study(table.space, strategy=spec, direction="minimize", seed=seed)

    def suggest(self, number: int) -> Params:
        """The candidate of trial `number`."""
        trial = self._study.ask()
        if trial is None or trial.number != number:
            raise RuntimeError(f"trial {number} was asked for, got {trial}")
        return dict(trial.params)

    def tell(self, number: int, metric: float) -> None:
        """Hear of the metric of a trial."""
        self._study.tell(number, metric)


class OptunaTpe:
    """Optuna's default sampler with its default options."""

    def __init__(self, table: Table, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        self._distributions: dict[str, Any] = {
            name: optuna.distributions.CategoricalDistribution(parameter.choices)
            if isinstance(parameter, Categorical)
            else optuna.distributions.IntDistribution(parameter.low, parameter.high)
            for name, parameter in table.space.items()
            if isinstance(parameter, Categorical | Int)
        }
        self._trials: list[Any] = []

    def suggest(self, number: int) -> Params:
        """The candidate of trial `number`."""
        self._trials.append(self._study.ask(self._distributions))
        return dict(self._trials[number].params)

    def tell(self, number: int, metric: float) -> None:
        """Hear of the metric of a trial."""
        self._study.tell(self._trials[number], metric)


PEERS: dict[str, Callable[[Table, int], Optimizer]] = {"optuna-5.0.0-tpe": OptunaTpe}
"""What is compared with, by the name of its file."""


def report(runs: dict[str, Runs], trials: int) -> None:
    """Print mean regrets by group of tables, and how each compares with the first peer."""
    budgets = [budget for budget in BUDGETS if budget <= trials] or [trials]
    names = list(dict.fromkeys(name for done in runs.values() for name, _ in done))
    groups = {
        "all but saturated": [n for n in names if n not in SATURATED],
        "tuned on": [n for n in names if n in TUNED_ON],
        "held out": [n for n in names if n not in TUNED_ON and n not in SATURATED],
        **{
            family: [n for n in names if FAMILIES[n] == family and n not in SATURATED]
            for family in dict.fromkeys(FAMILIES.values())
        },
        **{name: [name] for name in names},
    }
    header = "".join(f"{f'@{budget}':>9}" for budget in budgets)
    for title, members in groups.items():
        if not members:
            continue
        print(f"\n{title} ({len(members)} tables)")
        print(f"  {'':24}{header}   CPU ms   repeated   runs")
        for method, done in runs.items():
            of_group = [run for (name, _), run in done.items() if name in members]
            if not of_group:
                continue
            means = "".join(f"{np.mean([r.regret_at(b) for r in of_group]):9.4f}" for b in budgets)
            spent = np.mean([run.milliseconds for run in of_group])
            share = sum(r.repeated for r in of_group) / sum(r.trials for r in of_group)
            print(f"  {method[:24]:24}{means}{spent:9.1f}{share:10.1%}{len(of_group):7}")
        compared(runs, members, budgets)


def compared(runs: dict[str, Runs], members: list[str], budgets: list[int]) -> None:
    """Print the paired differences to the first peer, with a bootstrap interval of the mean."""
    peer = next((method for method in runs if method in PEERS), None)
    if peer is None:
        return
    for method, done in runs.items():
        if method in PEERS:
            continue
        pairs = [key for key in done if key in runs[peer] and key[0] in members]
        if not pairs:
            continue
        cells = []
        for budget in budgets:
            differences = np.array(
                [done[key].regret_at(budget) - runs[peer][key].regret_at(budget) for key in pairs]
            )
            drawn = np.random.default_rng(0).choice(differences, size=(2000, len(pairs)))
            low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
            cells.append(f"{differences.mean():+.4f} [{low:+.4f}, {high:+.4f}]")
        print(f"  {method[:16]} - peer: {'  '.join(cells)}")


if __name__ == "__main__":
    main()
