"""A study whose every call is written down, and a program that runs it.

    python counted_study.py FOLDER NAME TRIALS CONCURRENCY [SECONDS]

It is reproducible with a lag of four, and prints the digest of its result. The same command again
goes on with the same study.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from prefect_tuner import History, Params, SearchStrategy, TrialContext, TunerConfig
from prefect_tuner.strategies.strategy import trial_rng

LAG = 4
RETRIES = 60


@dataclass(frozen=True)
class Call:
    """One call of the objective, written down when it began."""

    number: int
    params: Params
    seed: int
    attempt: int
    pid: int


def train(params: Params, trial: TrialContext) -> float:
    """Take a while, never twice the same, and depend on parameters and seed alone."""
    folder = Path(str(params["folder"])) / trial.study
    folder.mkdir(parents=True, exist_ok=True)
    call = Call(trial.number, params, trial.seed, trial.attempt, os.getpid())
    new = folder / f"{time.time_ns()}-{trial.number}-{os.getpid()}.new"
    new.write_text(json.dumps(asdict(call)))
    new.rename(new.with_suffix(".json"))
    gate = folder / "gate"
    while gate.exists() and trial.number >= int(gate.read_text()):
        time.sleep(0.02)
    seconds = float(params["seconds"])
    time.sleep(Random().uniform(seconds / 6, seconds))
    return -((float(params["x"]) - 0.3) ** 2) + Random(trial.seed).uniform(-0.01, 0.01)


class HillClimb(SearchStrategy):
    """Looks around the best trial that it sees, so that each suggestion depends on the results."""

    def next_candidate(self, history: History) -> Params | None:
        """A step from the best of those that have a metric."""
        rng = trial_rng(self.seed, len(history))
        known = [trial for trial in history if trial.metric is not None]
        best = max(known, key=lambda trial: trial.metric or 0.0, default=None)
        x = rng.random() if best is None else float(best.params["x"]) + rng.normal(scale=0.1)
        x = min(1.0, max(0.0, float(x)))
        return {name: x if name == "x" else p.from_unit(0.0) for name, p in self.space.items()}


def counted_space(folder: Path, seconds: float) -> dict[str, Any]:
    """A search space with what the objective is to know: where it writes, how long it takes."""
    x = {"type": "float", "low": 0.0, "high": 1.0}
    return {"x": x, "folder": [str(folder)], "seconds": [seconds]}


def calls(folder: Path, study: str) -> list[Call]:
    """All calls of a study's objective, in the order they began."""
    return [
        Call(**json.loads(file.read_text())) for file in sorted((folder / study).glob("*.json"))
    ]


def callers(folder: Path, study: str) -> list[int]:
    """The numbers of the processes of all calls, told by the names of their files alone."""
    names = sorted(file.stem for file in (folder / study).glob("*.json"))
    return [int(name.rpartition("-")[2]) for name in names]


def calls_by_number(folder: Path, study: str) -> dict[int, int]:
    """How often each trial was run; each with the same parameters and seed every time."""
    found = calls(folder, study)
    assert len({(call.number, str(call.params), call.seed) for call in found}) == len(
        {call.number for call in found}
    )
    return dict(sorted(Counter(call.number for call in found).items()))


if __name__ == "__main__":
    from prefect_tuner import tune  # Here, as it loads Prefect, which the trials need not.

    # Another test's: on an engine that is not this machine's, with more of the configuration.
    where: dict[str, Any] = json.loads(os.environ.get("COUNTED_STUDY_ON", "{}"))
    more: dict[str, Any] = where.pop("config", {})
    on_a_pool = where.get("engine") == "deployment"
    result = tune(
        f"{__file__}:train" if on_a_pool else train,
        counted_space(Path(sys.argv[1]), float(([*sys.argv, "0.3"])[5])),
        strategy=HillClimb,
        study=sys.argv[2],
        config=TunerConfig(
            max_trials=int(sys.argv[3]),
            max_concurrency=int(sys.argv[4]),
            reproducible=True,
            lag=LAG,
            retries=RETRIES,
            retry_outcomes=["crashed"],
            **more,
        ),
        **where,
    )
    sys.stdout.write(f"\ndigest {result.digest}\n")
