"""What no model can know of a table: `python -m benchmarks.search.predictable_part`.

Two figures of each table, in units of regret. The standard error of a metric near the optimum, as
it is the mean of a few trainings. And what an oracle reaches, which knows the metrics of all other
candidates: it takes a candidate for the weighted mean of its neighbours, by a normal density of
their distance in steps of the grid, and tries the most promising ones. What it lacks is the jump
from the neighbours to the candidate itself.

```
python -m benchmarks.search.predictable_part
python -m benchmarks.search.predictable_part --names credit_g --width 0.6
```
"""

from __future__ import annotations

import argparse
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.search.report_tables import markdown
from benchmarks.search.tables import FAMILIES, TUNED_ON, Table, load
from benchmarks.search.trajectories import STORE, read

TRIALS: Final = (25, 50, 100)
NEAR_OPTIMUM: Final = 0.02
"""The share of the candidates of which the standard errors are told."""

FloatArray = npt.NDArray[np.float64]


def main() -> None:
    """Print the table, next to the mean regret of the stored runs of `gp`."""
    ordered = [name for name in TUNED_ON if FAMILIES[name] == "hpobench"]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--names", nargs="*", default=ordered, help="tables without categoricals")
    parser.add_argument("--width", type=float, default=1.0, help="of the density, in steps")
    asked = parser.parse_args()
    runs = read(STORE / "tables" / "sequential" / "gp.json")
    rows = [["", "standard error", *(f"oracle, {n} / `gp`, {n} trials" for n in TRIALS)]]
    for name in asked.names:
        table = load(name)
        oracle = best_of_the_predicted(table, asked.width)
        cells = []
        for trials in TRIALS:
            reached = [run.regret_at(trials) for (known, _), run in runs.items() if known == name]
            cells.append(f"{oracle[trials - 1]:.4f} / {np.mean(reached):.4f}")
        rows.append([name, f"{standard_error(table):.3f}", *cells])
    print(markdown(rows))


def standard_error(table: Table) -> float:
    """The root mean square of the standard errors near the optimum, in units of regret.

    Raises:
        ValueError: The table holds no single trainings.
    """
    if table.repetitions is None:
        raise ValueError(f"the table {table.name} holds no single trainings")
    is_near = table.metrics <= np.quantile(table.metrics, NEAR_OPTIMUM)
    trainings = table.repetitions[is_near]
    counts = np.isfinite(trainings).sum(axis=-1)
    variances = np.nanvar(trainings, axis=-1, ddof=1) / counts
    return float(np.sqrt(np.mean(variances))) / (table.median - table.optimum)


def best_of_the_predicted(table: Table, width: float) -> FloatArray:
    """The regret of the best of the first 1, 2, 3 ... candidates in the oracle's order."""
    sums, weights = table.metrics, np.ones_like(table.metrics)
    for axis, count in enumerate(table.metrics.shape):
        steps = np.arange(count)
        density = np.exp(-0.5 * ((steps[:, None] - steps) / width) ** 2)
        sums, weights = (
            np.moveaxis(np.tensordot(density, each, axes=(1, axis)), 0, axis)
            for each in (sums, weights)
        )
    predicted = (sums - table.metrics) / (weights - 1.0)
    order = np.argsort(predicted.ravel(), kind="stable")
    best = np.minimum.accumulate(table.metrics.ravel()[order])
    return np.asarray((best - table.optimum) / (table.median - table.optimum))


if __name__ == "__main__":
    main()
