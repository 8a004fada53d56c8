"""What a long study spends in suggestions: `python -m benchmarks.search.long_study`.

Runs 2,000 trials of `tpe` through `Study` and as many of Optuna's default sampler through its own
`ask` and `tell`, on the same space of six parameters, and prints the time that each spends there;
then the time of a suggestion with 100, 1,000 and 10,000 trials in the history. CPU time of the
process, the objective left out. Needs `optuna`.
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any, Protocol

import numpy as np

from prefect_tuner import Categorical, Float, Int, Outcome, Params, SearchSpace, Study, Trial

SPACE = SearchSpace(
    {
        "rate": Float(1e-5, 1.0, log=True),
        "momentum": Float(0.0, 1.0),
        "dropout": Float(0.0, 0.5, step=0.05),
        "depth": Int(2, 12),
        "width": Int(16, 1024, log=True),
        "kind": Categorical(["a", "b", "c", "d"]),
    }
)
LENGTHS = (100, 1_000, 10_000)


class AskAndTell(Protocol):
    """A study of either side."""

    def ask(self) -> tuple[Any, Params]:
        """The next trial and its parameters."""

    def tell(self, trial: Any, metric: float) -> None:
        """Hear of its metric."""


class Ours:
    """`Study` with the strategy `tpe`."""

    def __init__(self, seed: int) -> None:
        self.study = Study(SPACE, "tpe", "minimize", seed=seed)

    def ask(self) -> tuple[Any, Params]:
        """The next trial and its parameters."""
        trial = self.study.ask()
        if trial is None:
            raise RuntimeError("the strategy is exhausted")
        return trial, trial.params

    def tell(self, trial: Any, metric: float) -> None:
        """Hear of its metric."""
        self.study.tell(trial, metric)


class Optunas:
    """`optuna.Study` with its default sampler, all parameters asked at once."""

    def __init__(self, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
        self._distributions: dict[str, Any] = {
            "rate": optuna.distributions.FloatDistribution(1e-5, 1.0, log=True),
            "momentum": optuna.distributions.FloatDistribution(0.0, 1.0),
            "dropout": optuna.distributions.FloatDistribution(0.0, 0.5, step=0.05),
            "depth": optuna.distributions.IntDistribution(2, 12),
            "width": optuna.distributions.IntDistribution(16, 1024, log=True),
            "kind": optuna.distributions.CategoricalDistribution(["a", "b", "c", "d"]),
        }

    def ask(self) -> tuple[Any, Params]:
        """The next trial and its parameters."""
        trial = self.study.ask(self._distributions)
        return trial, dict(trial.params)

    def tell(self, trial: Any, metric: float) -> None:
        """Hear of its metric."""
        self.study.tell(trial, metric)


def main() -> None:
    """Run both and print the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--trials", type=int, default=2_000)
    parser.add_argument("--lengths", type=int, nargs="*", default=list(LENGTHS))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    spent = {}
    for name, study in (("tpe", Ours(arguments.seed)), ("optuna", Optunas(arguments.seed))):
        spent[name], best = run(study, arguments.trials)
        print(f"{name:7} {arguments.trials} trials: {spent[name]:7.2f} s, best metric {best:.5f}")
    print(f"ratio   {spent['tpe'] / spent['optuna']:.3f}")
    for length in arguments.lengths:
        first, later = suggestion_times(length, arguments.seed)
        print(
            f"a suggestion of tpe after {length:6} trials: {1000.0 * later:6.1f} ms, the first one "
            f"after a restart {1000.0 * first:6.1f} ms"
        )


def run(study: AskAndTell, trials: int) -> tuple[float, float]:
    """The seconds spent in asking and telling, and the best metric."""
    spent, best = 0.0, math.inf
    for _ in range(trials):
        started = time.process_time()
        trial, params = study.ask()
        spent += time.process_time() - started
        metric = objective(params)
        best = min(best, metric)
        started = time.process_time()
        study.tell(trial, metric)
        spent += time.process_time() - started
    return spent, best


def suggestion_times(length: int, seed: int) -> tuple[float, float]:
    """Seconds of the first suggestion with a history of that length, and the median of more."""
    ours = Ours(seed)
    units = np.random.default_rng(seed).random((length, len(SPACE))).tolist()
    for number, point in enumerate(units):
        params = SPACE.from_units(point)
        metric = objective(params)
        ours.study.add_trial(Trial(number, params, outcome=Outcome.COMPLETED, metric=metric))
    times = []
    for _ in range(21):
        started = time.process_time()
        trial, params = ours.ask()
        times.append(time.process_time() - started)
        ours.tell(trial, objective(params))
    return times[0], float(np.median(times[1:]))


def objective(params: Params) -> float:
    """A smooth function of all parameters; its least value is near 0."""
    rate, momentum, dropout = (float(params[name]) for name in ("rate", "momentum", "dropout"))
    depth, width = float(params["depth"]), float(params["width"])
    return (
        0.3 * (math.log10(rate) + 2.5) ** 2
        + 4.0 * (momentum - 0.7) ** 2
        + 2.0 * (dropout - 0.25) ** 2
        + 0.05 * abs(depth - 6.0)
        + 0.1 * abs(math.log2(width) - 7.3)
        + {"a": 0.5, "b": 0.0, "c": 0.3, "d": 0.8}[str(params["kind"])]
    )


if __name__ == "__main__":
    main()
