"""Run ten of the stored runs again, and compare to the digit: `python -m benchmarks.search.replay`.

What a strategy answers to a history is a contract: studies are resumed by it. The last digits
depend on the processor, so that a difference says most on the machine that stored the runs.
"""

from __future__ import annotations

import sys
from typing import Final

from benchmarks.search.store_runs import RunsFile, one_run
from benchmarks.search.trajectories import STORE, read

RUNS: Final = [
    *(("gp", place) for place in (0, 187, 371, 555)),
    *(("tpe", place) for place in (93, 280, 437)),
    *(("random", place) for place in (125, 312, 419)),
]
"""Methods, and which of their stored runs."""

TRIALS: Final = 40
"""The first trials of each run."""


def main() -> int:
    """Compare all of them; return the exit code."""
    differ = 0
    for method, place in RUNS:
        file = RunsFile(STORE, "tables", "sequential", method)
        (name, seed), stored = list(read(file.path).items())[place]
        expected = [step for step in stored.steps if step[0] <= TRIALS]
        again = list(one_run(file, name, seed, TRIALS).steps)
        differ += again != expected
        said = "the same" if again == expected else f"{again}, stored are {expected}"
        print(f"{method} on {name}, seed {seed}, {TRIALS} trials: {said}", flush=True)
    print(f"{len(RUNS) - differ} of {len(RUNS)} runs are the same to the digit")
    return int(differ > 0)


if __name__ == "__main__":
    sys.exit(main())
