"""Trajectories: how the regret of a run went down, kept in files so that it is run once.

A file holds the runs of one method in one setting: for each problem and seed the steps of its
regret, `[[trials, regret, seconds], ...]`, and the mean CPU milliseconds of a suggestion.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

STORE = Path(__file__).parent / "stored"
"""Where the trajectories are."""

OTHER_SEEDS = "other_seeds"
"""The folder in the store, laid out as it is, of runs with seeds that no strategy was chosen by."""

Steps: TypeAlias = tuple[tuple[int, float, float], ...]
"""Finished trials, normalised regret from there on, seconds on the simulated clock."""


@dataclass(frozen=True)
class Trajectory:
    """One run of a method on a problem.

    Attributes:
        steps: The regret of the incumbent, wherever it changed: the candidate that the method
            calls the best, scored by its true metric.
        trials: How many trials were finished.
        seconds: When the last of them was finished, on the simulated clock.
        milliseconds: Mean CPU time of a suggestion and of telling its metric.
        repeated: How many candidates had been tried before.
        tried: The regret of the best candidate tried, whether or not its observation told. The
            same as `steps`, and not stored, when metrics are not noisy.
    """

    steps: Steps
    trials: int
    seconds: float
    milliseconds: float
    repeated: int
    tried: Steps = ()

    def regret_at(self, trials: int) -> float:
        """The normalised regret of the incumbent after so many finished trials."""
        return _last([(at, regret) for at, regret, _ in self.steps], trials)

    def tried_at(self, trials: int) -> float:
        """The normalised regret of the best candidate among so many finished trials."""
        return _last([(at, regret) for at, regret, _ in self.tried or self.steps], trials)

    def regret_after(self, seconds: float) -> float:
        """The regret of the incumbent at a time; of the first trial before that is finished."""
        regrets = [regret for _, regret, at in self.steps if at <= seconds]
        return regrets[-1] if regrets else self.steps[0][1]


Runs: TypeAlias = dict[tuple[str, int], Trajectory]
"""The runs of a method by problem and seed."""


def changes(regrets: Sequence[float], seconds: Sequence[float]) -> Steps:
    """The steps of a regret that is given after each finished trial."""
    steps: list[tuple[int, float, float]] = []
    for number, (exact, at) in enumerate(zip(regrets, seconds, strict=True), start=1):
        regret = round(exact, 7)
        if not steps or regret != steps[-1][1]:
            steps.append((number, regret, round(at, 2)))
    return tuple(steps)


def read(path: Path) -> Runs:
    """The trajectories of a file by problem and seed; none if there is no such file."""
    if not path.exists():
        return {}
    return {
        (problem, int(seed)): Trajectory(
            **run | {key: _steps(run[key]) for key in ("steps", "tried") if key in run}
        )
        for problem, runs in json.loads(path.read_text()).items()
        for seed, run in runs.items()
    }


def write(path: Path, trajectories: Runs) -> None:
    """Store trajectories, one line for each."""
    by_problem: dict[str, list[str]] = {}
    for (problem, seed), run in sorted(trajectories.items()):
        fields = {key: value for key, value in vars(run).items() if key != "tried" or value}
        by_problem.setdefault(problem, []).append(f'    "{seed}": {json.dumps(fields)}')
    blocks = [
        f'  "{problem}": {{\n' + ",\n".join(lines) + "\n  }"
        for problem, lines in by_problem.items()
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    # Whoever reads, or stops this, finds the old file or the new one.
    new = path.with_suffix(".new")
    new.write_text("{\n" + ",\n".join(blocks) + "\n}\n")
    new.replace(path)


def _last(regrets: list[tuple[int, float]], trials: int) -> float:
    return [regret for at, regret in regrets if at <= trials][-1]


def _steps(rows: list[list[float]]) -> Steps:
    return tuple((int(at), float(regret), float(seconds)) for at, regret, seconds in rows)
