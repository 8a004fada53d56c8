"""Run what is missing of the stored runs: `python -m benchmarks.search.store_runs METHOD ...`.

They are written as they are done, seed by seed, so that it may be stopped and taken up again.
Peers need `python -m pip install -r benchmarks/search/peers.txt`.

```
python -m benchmarks.search.store_runs optuna-5.0.0-tpe --trials 200
python -m benchmarks.search.store_runs optuna-5.0.0-gp optuna-5.0.0-tpe --settings noisy
python -m benchmarks.search.store_runs gp --again --processes 2
```
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Final

from benchmarks.search.optimizers import OURS, Optimizer, Ours
from benchmarks.search.peers import PEERS
from benchmarks.search.problems import MODULES, problem_set
from benchmarks.search.simulated_workers import SETTINGS, run
from benchmarks.search.trajectories import STORE, Runs, Trajectory, read, write
from prefect_tuner import SearchSpace

_WRITE_EVERY: Final = 10.0


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("methods", nargs="+", help=f"of {', '.join([*OURS, *PEERS])}, or JSON")
    parser.add_argument("--problems", choices=MODULES, default="tables", help="a set of problems")
    parser.add_argument("--names", nargs="*", help="some of its problems; all when left out")
    parser.add_argument("--settings", choices=SETTINGS, nargs="*", default=["sequential"])
    parser.add_argument("--seeds", type=int, nargs=2, default=[0, 30], help="first, last + 1")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--again", action="store_true", help="forget what is stored of them")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--store", type=Path, default=STORE, help="the folder of the stored runs")
    asked = parser.parse_args()
    names = asked.names or list(problem_set(asked.problems).families)
    for setting in asked.settings:
        for method in asked.methods:
            file = RunsFile(asked.store, asked.problems, setting, method)
            file.run(names, range(*asked.seeds), asked.trials, asked.processes, again=asked.again)


@dataclass(frozen=True)
class RunsFile:
    """The stored runs of one method in one setting, on a set of problems.

    Attributes:
        store: The folder of all stored runs.
        problems: The name of the set.
        setting: The name of the setting.
        method: A peer, one of our methods by name, or JSON with a strategy and its options.
    """

    store: Path
    problems: str
    setting: str
    method: str

    @property
    def path(self) -> Path:
        """Where they are."""
        return self.store / self.problems / self.setting / f"{self.method}.json"

    def run(
        self,
        names: Sequence[str],
        seeds: Iterable[int],
        trials: int,
        processes: int = 1,
        *,
        again: bool = False,
    ) -> None:
        """Run what is not stored, or is too short, and store it.

        Args:
            names: The problems.
            seeds: With which seeds each of them.
            trials: How many trials of each run have to finish.
            processes: How many run at a time.
            again: Whether what is stored of these problems, with any seed, is forgotten first.
        """
        stored = read(self.path)
        if again:
            stored = {key: run for key, run in stored.items() if key[0] not in names}
            write(self.path, stored)
        jobs = [
            (name, seed)
            for seed in seeds
            for name in names
            if (name, seed) not in stored or stored[name, seed].trials < trials
        ]
        done: Runs = {}
        written = time.monotonic()
        try:
            for job, trajectory in zip(jobs, self._run(jobs, trials, processes), strict=True):
                done[job] = trajectory
                if time.monotonic() > written + _WRITE_EVERY:
                    self._add(done)
                    written = time.monotonic()
        finally:
            if done:
                self._add(done)

    def _run(
        self, jobs: list[tuple[str, int]], trials: int, processes: int
    ) -> Iterator[Trajectory]:
        names, seeds = [name for name, _ in jobs], [seed for _, seed in jobs]
        arguments = (repeat(self), names, seeds, repeat(trials))
        if processes == 1:
            yield from map(one_run, *arguments)
            return
        with ProcessPoolExecutor(processes) as pool:
            yield from pool.map(one_run, *arguments)

    def _add(self, done: Runs) -> None:
        # Whoever else has written meanwhile keeps what it wrote.
        write(self.path, read(self.path) | done)


def one_run(file: RunsFile, name: str, seed: int, trials: int) -> Trajectory:
    """One run of the method of a file."""
    problem = problem_set(file.problems).load(name)
    optimizer = optimizer_of(file.method, problem.space, seed)
    return run(problem, optimizer, trials, seed, SETTINGS[file.setting])


def optimizer_of(method: str, space: SearchSpace, seed: int) -> Optimizer:
    """A peer by name, one of our methods by name, or a strategy as JSON with options."""
    if method in PEERS:
        return PEERS[method](space, seed)
    return Ours(OURS.get(method, method), space, seed)


if __name__ == "__main__":
    try:
        main()
    except ModuleNotFoundError as missing:
        sys.exit(f"{missing} (all: python -m pip install -r benchmarks/search/peers.txt)")
