"""A study in a process of its own: `python -m benchmarks.server.study_program`, with its order.

It writes what happens to a file, one line each: `run` with the id of the flow run, `trial` with the
time at which a trial was known to have ended, `end` with the time at which `tune` has returned.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from prefect.runtime import flow_run

from prefect_tuner import StudyStarted, TrialCompleted, TunerConfig, TuningObserver, tune

# Trial k ends k / rate seconds after the first one was called, which is when the file was made.
_PACED = """
import os
import time


def objective(params, trial):
    os.close(os.open({start!r}, os.O_CREAT | os.O_WRONLY))
    due = os.stat({start!r}).st_mtime + trial.number / {rate!r}
    time.sleep(max(0.0, due - time.time()))
    return 1.0
"""

_IDLE = """
def objective(params):
    return 1.0
"""


@dataclass(frozen=True)
class StudyOrder:
    """What to run.

    Attributes:
        folder: For the objective and what is written; of this study alone.
        trials: How many.
        concurrency: How many at a time.
        rate: How many trials a second end, at the most; None for as fast as they come.
    """

    folder: str
    trials: int
    concurrency: int
    rate: float | None

    @property
    def told(self) -> Path:
        """The file in which it says what happens."""
        return Path(self.folder) / "told"

    def argument(self) -> str:
        """The program's argument."""
        return json.dumps(asdict(self))

    def write_objective(self) -> str:
        """Write the objective; how `tune` calls it."""
        file = Path(self.folder) / "objective.py"
        start = str(Path(self.folder) / "start")
        paced = "" if self.rate is None else _PACED.format(start=start, rate=self.rate)
        file.write_text(paced or _IDLE)
        return f"{file}:objective"


def main() -> None:
    """Run the study."""
    order = StudyOrder(**json.loads(sys.argv[1]))
    with order.told.open("w", buffering=1) as told:

        class Telling(TuningObserver):
            def on_study_started(self, _: StudyStarted) -> None:
                told.write(f"run {flow_run.id}\n")

            def on_trial_completed(self, _: TrialCompleted) -> None:
                told.write(f"trial {time.time()}\n")

        tune(
            order.write_objective(),
            {"x": {"type": "float", "low": 0.0, "high": 1.0}},
            strategy="random",
            config=TunerConfig(
                max_trials=order.trials, max_concurrency=order.concurrency, max_duration=None
            ),
            observers=[Telling()],
        )
        told.write(f"end {time.time()}\n")


if __name__ == "__main__":
    main()
