"""How many trials a strategy needs on real tuning tasks: `python -m benchmarks.search.run`.

Runs strategies of this package and compares them, seed by seed, with the stored runs of peers. The
numbers are normalised regrets, (best - optimum) / (median - optimum). Nothing is stored, unless
a folder is named.

```
python -m benchmarks.search.run --smoke                    a slice of it, under a minute
python -m benchmarks.search.run                            all tables, 10 seeds
python -m benchmarks.search.run --settings 8-workers       8 trials at a time
python -m benchmarks.search.run --methods '{"name": "gp", "initial": 6}' --names tuned-on
```
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.search.comparison import BUDGETS, mean_regret
from benchmarks.search.peers import PEERS
from benchmarks.search.problems import MODULES, problem_set
from benchmarks.search.report_tables import RunsByMethod, cost_table, grouped_regret_tables
from benchmarks.search.simulated_workers import SETTINGS
from benchmarks.search.store_runs import RunsFile
from benchmarks.search.trajectories import STORE, Runs, read

SMOKE_TABLES: Final = ("credit_g", "parkinsons_telemonitoring", "cifar100")
SMOKE_SEEDS: Final = 4
SMOKE_TRIALS: Final = 50
SMOKE_PEER: Final = "optuna-5.0.0-tpe"


def main() -> None:
    """Run what the command line asks for, and print the tables."""
    asked = parsed()
    names, seeds = asked.names, range(*asked.seeds)
    problems = problem_set(asked.problems)
    for setting in asked.settings:
        runs: dict[str, Runs] = {}
        with tempfile.TemporaryDirectory() as folder:
            for method in asked.methods:
                file = RunsFile(asked.store or Path(folder), asked.problems, setting, method)
                file.run(names, seeds, asked.trials, asked.processes)
                runs[method] = _asked_for(read(file.path), names, seeds)
        for peer in PEERS:
            stored = read(RunsFile(STORE, asked.problems, setting, peer).path)
            runs[peer] = _asked_for(stored, names, seeds)
        runs = {method: done for method, done in runs.items() if done}
        budgets = [b for b in BUDGETS if b <= asked.trials] or [asked.trials]
        print(f"# {setting}\n")
        print(grouped_regret_tables(runs, problems, asked.methods, names, budgets))
        print(f"\n{cost_table(runs, names)}\n")
        if asked.smoke and (worse := smoke_failures(runs, names, asked.trials)):
            sys.exit("\n".join(worse))


def parsed() -> argparse.Namespace:
    """The arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--smoke", action="store_true", help="a slice of it, under a minute")
    parser.add_argument("--methods", nargs="*", default=["gp", "random"], help="names or JSON")
    parser.add_argument("--problems", choices=MODULES, default="tables", help="a set of problems")
    parser.add_argument("--names", nargs="*", help="some of its problems, or: tuned-on")
    parser.add_argument("--settings", choices=SETTINGS, nargs="*", default=["sequential"])
    parser.add_argument("--seeds", type=int, nargs=2, default=[0, 10], help="first, last + 1")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument(
        "--store", type=Path, help="a folder to keep the runs in; what is there is not run again"
    )
    asked = parser.parse_args()
    if asked.smoke:
        asked.problems, asked.names = "tables", list(SMOKE_TABLES)
        asked.seeds, asked.trials = [0, SMOKE_SEEDS], SMOKE_TRIALS
    problems = problem_set(asked.problems)
    if asked.names == ["tuned-on"]:
        asked.names = list(problems.tuned_on)
    asked.names = asked.names or list(problems.families)
    if unknown := [name for name in asked.names if name not in problems.families]:
        parser.error(
            f"no problem is named {unknown[0]!r}: there are {', '.join(problems.families)}"
        )
    return asked


def smoke_failures(runs: RunsByMethod, names: list[str], trials: int) -> list[str]:
    """In which way `gp` is not better than it has to be, for the smoke run: empty when it is.

    It is to have a smaller mean regret than random search and than a peer's stored runs.
    """
    means = {method: mean_regret(done, names, trials) for method, done in runs.items()}
    failures = []
    for method in ("random", SMOKE_PEER):
        ours, other = means.get("gp"), means.get(method)
        if ours is None or other is None:
            failures.append(f"gp cannot be compared with {method}: there are no runs of both")
        elif not ours.mean < other.mean:
            failures.append(
                f"gp reached a mean regret of {ours.mean:.4f} after {trials} trials, {method} one "
                f"of {other.mean:.4f}: gp is to be below it"
            )
    return failures


def _asked_for(runs: Runs, names: list[str], seeds: range) -> Runs:
    return {
        (name, seed): run for (name, seed), run in runs.items() if name in names and seed in seeds
    }


if __name__ == "__main__":
    try:
        main()
    except ModuleNotFoundError as missing:
        sys.exit(f"{missing} (all: python -m pip install -r benchmarks/search/peers.txt)")
