"""Whether a study's cost grows with its trials: `python benchmarks/loop.py`.

Tunes an objective that does nothing, one trial at a time, through the flow, and compares the last
100 trials with the first 100 (after 10 to warm up):

- the time from one call of the objective to the next, which is what passes between a trial's end
  and the next one's start;
- the processor time that the flow's process takes for a trial, all its threads together, which
  says more where other programs are busy.

`--trials N` sets how many, and `--strategy NAME` who suggests. That is `random` by default, which
costs the same at every trial, so that what grows is the loop's own. A strategy that fits a model to
the trials so far, as `auto` does, takes longer the more there are (docs/search_benchmark.md).

Further it prints the memory, the threads and the open files of the flow's process on the way. Uses
the server of `PREFECT_API_URL`, or one of its own. Prefect's log goes to the server only.
"""

from __future__ import annotations

import argparse
import atexit
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from prefect_tuner import TrialCompleted, TuningObserver

MOST_GROWTH = 1.2
COMPARED = 100
WARM_UP = 10
LEAST_TRIALS = 2 * COMPARED + WARM_UP


class Footprint(NamedTuple):
    """What the flow's process holds after a number of trials."""

    trials: int
    megabytes: float
    threads: int
    files: int


class Measured(NamedTuple):
    """What was seen of a study.

    Attributes:
        calls: When each trial called the objective, in seconds.
        cpu: Processor seconds that the flow's process had taken when it heard of each trial's end.
        footprints: At a tenth, at half and at all of the trials.
    """

    calls: list[float]
    cpu: list[float]
    footprints: list[Footprint]


def main() -> None:
    """Measure, print, and exit with 1 if a trial's cost grows by more than it may."""
    parser = argparse.ArgumentParser(description="Whether a study's cost grows with its trials.")
    parser.add_argument("--trials", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--strategy", default="random", help="who suggests (default: random)")
    asked = parser.parse_args()
    trials: int = asked.trials
    if trials < LEAST_TRIALS:
        parser.error(f"--trials must be at least {LEAST_TRIALS}, got {trials}")
    folder = Path(tempfile.mkdtemp(prefix="prefect-tuner-loop-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if "PREFECT_API_URL" not in os.environ:
        os.environ["PREFECT_HOME"] = str(folder)
        os.environ.setdefault("PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS", "120")
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    print(f"{trials} trials that do nothing, by {asked.strategy}; starting ...", flush=True)
    sys.exit(0 if report(measure(folder / "calls", trials, asked.strategy)) else 1)


def measure(calls: Path, trials: int, strategy: str) -> Measured:
    """Tune, and look at the process after each trial."""
    from prefect_tuner import TunerConfig, tune

    cpu: list[float] = []
    footprints: list[Footprint] = []
    looked_at = {trials // 10, trials // 2, trials}

    def look(number: int) -> None:
        cpu.append(time.process_time())
        if number + 1 in looked_at:
            footprints.append(footprint(number + 1))

    tune(
        stamping(calls),
        {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        strategy=strategy,
        study="benchmark-loop",
        config=TunerConfig(max_trials=trials, max_duration=None),
        observers=[looking(look)],
    )
    return Measured([float(line) for line in calls.read_text().split()], cpu, footprints)


def stamping(calls: Path) -> Callable[[dict[str, float]], float]:
    """An objective that writes when it was called, and does nothing else."""
    path = str(calls)

    def objective(_: dict[str, float]) -> float:
        with open(path, "a") as file:  # noqa: PTH123 - cheaper, and all that it does
            file.write(f"{time.monotonic()}\n")
        return 1.0

    return objective


def looking(look: Callable[[int], None]) -> TuningObserver:
    """An observer that calls `look` with the number of each completed trial."""
    from prefect_tuner import TuningObserver

    class Looking(TuningObserver):
        def on_trial_completed(self, event: TrialCompleted) -> None:
            look(event.trial.number)

    return Looking()


def footprint(trials: int) -> Footprint:
    """What this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    megabytes = pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    files = sum(1 for _ in Path("/proc/self/fd").iterdir())
    return Footprint(trials, megabytes, threading.active_count(), files)


def report(measured: Measured) -> bool:
    """Print what was measured; whether the cost stays within its bound."""
    print(f"{'median per trial':32}{'first 100':>12}{'last 100':>12}{'ratio':>8}")
    growths = [
        compared("from one call to the next", measured.calls),
        compared("processor time of the flow", measured.cpu),
    ]
    print()
    print(f"{'flow process after':32}{'memory':>12}{'threads':>12}{'files':>8}")
    for seen in measured.footprints:
        row = f"{f'{seen.trials:,} trials':32}{seen.megabytes:9.1f} MB{seen.threads:12}"
        print(f"{row}{seen.files:8}")
    print()
    # Other programs slow the one down or the other, but both only where trials cost more.
    good = min(growths) <= MOST_GROWTH
    print(f"{'good' if good else 'NOT GOOD'}: at most {MOST_GROWTH} times is asked for")
    return good


def compared(title: str, stamps: list[float]) -> float:
    """Print the median step between stamps at the beginning and at the end; their ratio."""
    steps = [after - before for before, after in pairwise(stamps)]
    first, last = median(steps[WARM_UP : WARM_UP + COMPARED]), median(steps[-COMPARED:])
    print(f"{title:32}{first * 1e3:9.1f} ms{last * 1e3:9.1f} ms{last / first:8.2f}")
    return last / first


if __name__ == "__main__":
    main()
