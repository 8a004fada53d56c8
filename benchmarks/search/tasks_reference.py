"""Search the real tasks at length for what their metrics are compared with.

```
python -m benchmarks.search.tasks_reference           all tasks, half a minute each
python -m benchmarks.search.tasks_reference svm       one of them
```

For each task 600 random candidates, then 400 mutations of the ten best known. Stored are the
median of the random ones and the best of all. The runs of all methods, some thousand candidates
more for each task, are part of the search: `tasks_reference_renewal.py` takes in what they found.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.search.tasks import FAMILIES, REFERENCES, Reference, Task, load, references
from prefect_tuner import Params

RANDOM: Final = 600
MUTATIONS: Final = 400
KEPT: Final = 10
"""How many of the best are mutated."""

STEPS: Final = (0.3, 0.1, 0.03, 0.01)
"""Standard deviations of mutations, as shares of a parameter's range."""

REDRAWN: Final = 0.15
"""How often a mutated parameter is drawn anew, as any other value of a categorical has to be."""


def main() -> None:
    """Search the tasks named on the command line, and store what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("tasks", nargs="*", metavar="task", help=f"of {', '.join(FAMILIES)}")
    names = parser.parse_args().tasks or list(FAMILIES)
    for name in names:
        reference = search(load(name))
        store({**references(), name: reference})
        references.cache_clear()
        print(
            f"{name:18} best {reference.best:.6g} ({reference.found_by}), median "
            f"{reference.median:.6g}, {reference.candidates} candidates",
            flush=True,
        )


@dataclass
class _Best:
    """The best points of the unit cube that were seen."""

    points: list[tuple[float, npt.NDArray[np.float64], str, Params]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def add(self, metric: float, point: npt.NDArray[np.float64], by: str, params: Params) -> None:
        """Keep a point if it is among the best and its candidate is new."""
        key = repr(sorted(params.items()))
        if key not in self.seen:
            self.seen.add(key)
            self.points = sorted([*self.points, (metric, point, by, params)], key=lambda p: p[0])
            del self.points[KEPT:]


def search(task: Task, random: int = RANDOM, mutations: int = MUTATIONS) -> Reference:
    """The best candidate of a long search, and the median of random ones."""
    rng = np.random.default_rng(2026)
    best = _Best()
    metrics = []
    for _ in range(random):
        point = rng.random(len(task.space))
        params = task.space.from_units(point.tolist())
        metrics.append(task.metric(params))
        best.add(metrics[-1], point, "random", params)
    for _ in range(mutations):
        point = _mutated(best.points[rng.integers(len(best.points))][1], rng)
        params = task.space.from_units(point.tolist())
        best.add(task.metric(params), point, "mutation", params)
    metric, _, found_by, params = best.points[0]
    return Reference(metric, found_by, params, float(np.median(metrics)), len(best.seen))


def _mutated(point: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A point near another: each coordinate moved with a chance that leaves most as they are."""
    # Parameters that are not active have coordinates too: two or three of those that are move.
    moved = rng.random(len(point)) < max(3.0 / len(point), 0.2)
    moved[rng.integers(len(point))] = True
    steps = rng.choice(STEPS, size=len(point)) * rng.standard_normal(len(point))
    near = np.clip(point + steps, 0.0, 1.0)
    anew = rng.random(len(point)) < REDRAWN
    return np.where(moved, np.where(anew, rng.random(len(point)), near), point)


def store(known: dict[str, Reference]) -> None:
    """Write references, one task after the other."""
    data = {name: known[name]._asdict() for name in FAMILIES if name in known}
    REFERENCES.parent.mkdir(parents=True, exist_ok=True)
    REFERENCES.write_text(json.dumps(data, indent=2) + "\n")


if __name__ == "__main__":
    main()
