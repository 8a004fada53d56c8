"""What the report of a long study costs, beside Optuna's pictures of the same trials.

```
python -m benchmarks.report [--trials 10000] [--repeats 3]
```

Both are made by processes of their own, which import what they need: ours by `prefect-tuner
report`, from the study's ledger to an HTML file; Optuna's by its six plots that show what is in the
report, from a pickled study to PNG files. What is told is the time of the processor, the least of
the repeats, taken in turns.
"""

from __future__ import annotations

import argparse
import os
import pickle
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import optuna

from prefect_tuner.flows.ledger.ledger import Ledger
from prefect_tuner.flows.ledger.ledger_records import (
    AskedRecord,
    AttemptRecord,
    FinishedRecord,
    Record,
    StoppedRecord,
    StudyDefinition,
    StudyRecord,
)
from prefect_tuner.flows.storage.holder import Holder
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.flows.storage.utc_time import utc_now
from prefect_tuner.trial import Outcome

PARAMETERS = ("rate", "depth", "decay", "momentum")

OPTUNAS_PLOTS = """
import pickle, sys, warnings
warnings.simplefilter("ignore")
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from optuna.visualization import matplotlib as plots
study = pickle.load(open("study.pickle", "rb"))
names = "optimization_history param_importances slice parallel_coordinate timeline"
for name in names.split():
    getattr(plots, f"plot_{name}")(study)
    plt.savefig(f"{name}.png")
    plt.close("all")
plots.plot_contour(study, params=["rate", "depth"])
plt.savefig("contour.png")
"""


def trials_of(count: int) -> list[tuple[dict[str, float], float]]:
    """Random parameters with a metric that depends on them."""
    rng = np.random.default_rng(0)
    units = rng.random((count, len(PARAMETERS)))
    metrics = 1.0 - (units[:, 0] - 0.3) ** 2 - 0.2 * units[:, 1] + 0.02 * rng.normal(size=count)
    params = [dict(zip(PARAMETERS, row.tolist(), strict=True)) for row in units]
    return list(zip(params, metrics.tolist(), strict=True))


def store_ours(folder: Path, trials: list[tuple[dict[str, float], float]]) -> None:
    """Write the ledger of a study."""
    definition = StudyDefinition(
        objective="model:train",
        space={name: {"type": "float", "low": 0.0, "high": 1.0} for name in PARAMETERS},
        strategy={"name": "random"},
        direction="maximize",
        seed=0,
    )
    records: list[Record] = [StudyRecord(at=utc_now(), study="long", definition=definition)]
    for number, (params, metric) in enumerate(trials):
        records += [
            AskedRecord(at=utc_now(), number=number, params=dict(params), seed=number),
            AttemptRecord(at=utc_now(), number=number, attempt=1),
            FinishedRecord(
                at=utc_now(),
                number=number,
                outcome=Outcome.COMPLETED,
                metric=metric,
                duration=1.0,
                attempts=1,
                host="a-host",
                elapsed=1.0 * number,
            ),
        ]
    count = len(trials)
    records.append(
        StoppedRecord(
            at=utc_now(),
            ending="completed",
            reason="max_trials",
            trials=count,
            digest="",
            elapsed=1.0 * count,
        )
    )
    with Ledger(LedgerFile(folder, "long"), Holder.of_this_process()) as ledger:
        ledger.append(*records)


def store_optunas(folder: Path, trials: list[tuple[dict[str, float], float]]) -> None:
    """Pickle the same study as one of Optuna's."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    distributions: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in PARAMETERS
    }
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=dict(params), distributions=distributions, value=metric
            )
            for params, metric in trials
        ]
    )
    (folder / "study.pickle").write_bytes(pickle.dumps(study))


def processor_seconds(folder: Path, *arguments: str) -> float:
    """Seconds of the processor that a run of Python takes, without idle threads of libraries."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PREFECT_TUNER_STORAGE": str(folder), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args()
    command = ["-m", "prefect_tuner.flows.commands.command_line", "report", "long", "-o", "r.html"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        trials = trials_of(asked.trials)
        store_ours(folder, trials)
        store_optunas(folder, trials)
        times = [
            (
                processor_seconds(folder, *command),
                processor_seconds(folder, "-c", OPTUNAS_PLOTS),
            )
            for _ in range(asked.repeats)
        ]
        size = (folder / "r.html").stat().st_size
    ours, theirs = (min(column) for column in zip(*times, strict=True))
    print(f"{asked.trials:,} trials:  report {ours:.1f} s ({size / 1e3:,.0f} kB)")
    print(f"Optuna's six pictures {theirs:.1f} s, ratio {ours / theirs:.2f}")


if __name__ == "__main__":
    main()
