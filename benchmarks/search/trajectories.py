"""Trajectories: how the best regret of a run went down, kept in files so that it is run once.

A file holds the runs of one method: for each table and seed the steps of the best regret so far,
`[[trials, regret], ...]`, and the mean CPU milliseconds of a suggestion.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

STORE = Path(__file__).parent / "stored"
"""Where the peers' trajectories are."""


@dataclass(frozen=True)
class Trajectory:
    """One run of a method on a table.

    Attributes:
        steps: After how many trials which normalised regret was reached, improvements only.
        trials: How many trials were run.
        milliseconds: Mean CPU time of a suggestion and of telling its metric.
        repeated: How many candidates had been tried before.
    """

    steps: tuple[tuple[int, float], ...]
    trials: int
    milliseconds: float
    repeated: int

    def regret_at(self, trials: int) -> float:
        """The best normalised regret of the first so many trials."""
        return min(regret for at, regret in self.steps if at <= trials)


def trajectory(regrets: list[float], milliseconds: float, repeated: int) -> Trajectory:
    """The trajectory of a run from the regret of each of its trials."""
    steps: list[tuple[int, float]] = []
    for number, exact in enumerate(regrets, start=1):
        regret = round(exact, 7)
        if not steps or regret < steps[-1][1]:
            steps.append((number, regret))
    return Trajectory(tuple(steps), len(regrets), round(milliseconds, 3), repeated)


def read(path: Path) -> dict[tuple[str, int], Trajectory]:
    """The trajectories of a file by table and seed; none if there is no such file."""
    if not path.exists():
        return {}
    return {
        (table, int(seed)): Trajectory(
            tuple((int(at), float(regret)) for at, regret in run["steps"]),
            run["trials"],
            run["milliseconds"],
            run["repeated"],
        )
        for table, runs in json.loads(path.read_text()).items()
        for seed, run in runs.items()
    }


def write(path: Path, trajectories: dict[tuple[str, int], Trajectory]) -> None:
    """Store trajectories, one line for each."""
    by_table: dict[str, dict[int, Trajectory]] = {}
    for (table, seed), run in sorted(trajectories.items()):
        by_table.setdefault(table, {})[seed] = run
    blocks = []
    for table, runs in by_table.items():
        lines = ",\n".join(f'    "{seed}": {json.dumps(vars(run))}' for seed, run in runs.items())
        blocks.append(f'  "{table}": {{\n{lines}\n  }}')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{\n" + ",\n".join(blocks) + "\n}\n")
