"""What a reproducible study costs in workers that wait, on a simulated clock.

```
python benchmarks/reproducible.py [--trials 400] [--seeds 20]
```

In a reproducible study, suggestion k waits for all trials up to k - lag. Trials that take much
longer than the others so keep workers idle. Durations are log-normal (sigma 0.5), 5 % of them
stragglers that take 6 times as long. Utilisation is the share of the workers' time that is spent
in trials, up to the end of the last but `workers` trial: how a study ends is the same for all.
Every schedule is that of the real `Study`, told in the order of a simulated clock.
"""

from __future__ import annotations

import argparse
import heapq
from statistics import mean

import numpy as np

from prefect_tuner import Float, Study

WORKERS = (2, 4, 8, 16)
LAGS = (1, 2, 4)
"""Multiples of the number of workers."""


def durations(seed: int, trials: int) -> list[float]:
    """Seconds that each trial takes, whatever the schedule."""
    rng = np.random.default_rng(seed)
    usual = rng.lognormal(0.0, 0.5, trials)
    return list(np.where(rng.random(trials) < 0.05, 6.0, 1.0) * usual)


def utilisation(workers: int, lag: int | None, seed: int, trials: int) -> float:
    """The share of the workers' time that is spent in trials."""
    study = Study({"x": Float(0.0, 1.0)}, seed=seed, lag=lag)
    takes = durations(seed, trials)
    clock = busy = 0.0
    running: list[tuple[float, int]] = []
    while len(study.history) < trials:
        while len(running) < workers and len(study.history) < trials and study.can_ask:
            trial = study.ask()
            assert trial is not None  # noqa: S101 - random search is never exhausted
            heapq.heappush(running, (clock + takes[trial.number], trial.number))
            busy += takes[trial.number]
        end, number = heapq.heappop(running)
        clock = end
        study.tell(number, 0.0)
    # What still runs at the end is counted up to the clock only.
    busy -= sum(end - clock for end, _ in running)
    return busy / (workers * clock)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=20)
    arguments = parser.parse_args()
    print(f"utilisation, mean over {arguments.seeds} seeds, {arguments.trials} trials")
    header = "".join(f"{f'lag {lag} x workers':>18}" for lag in LAGS)
    print(f"{'workers':>8}{header}{'as they come':>16}")
    for workers in WORKERS:
        lags: list[int | None] = [lag * workers for lag in LAGS]
        shares = [
            mean(utilisation(workers, lag, s, arguments.trials) for s in range(arguments.seeds))
            for lag in [*lags, None]
        ]
        row = "".join(f"{100 * share:>16.1f} %" for share in shares[:-1])
        print(f"{workers:>8}{row}{100 * shares[-1]:>14.1f} %")


if __name__ == "__main__":
    main()
