"""A script that tunes until it is interrupted: `python interrupted_study.py FOLDER NAME`.

Trial 0 completes. The others hang with a child of their own and do not mind SIGTERM; each writes
the numbers of its two processes to a file in the folder.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from prefect_tuner import Params, StudyStarted, TrialContext, TunerConfig, TuningObserver

FOLDER = Path(sys.argv[1]) if __name__ == "__main__" else Path()
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def train(_: Params, trial: TrialContext) -> float:
    """Hang, all but the first."""
    if trial.number == 0:
        return 0.5
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", STUBBORN], start_new_session=True)
    write(f"{trial.number}.pids", f"{os.getpid()} {child.pid}")
    while True:
        time.sleep(60)


class WhichRun(TuningObserver):
    """Writes which flow run it is."""

    def on_study_started(self, event: StudyStarted) -> None:
        """Write its id."""
        assert event.study == sys.argv[2]
        from prefect.runtime import flow_run  # Here: the trials need no Prefect.

        write("run", str(flow_run.id))


def write(name: str, text: str) -> None:
    """Write a file at once."""
    new = FOLDER / f"{name}.new"
    new.write_text(text)
    new.rename(FOLDER / name)


if __name__ == "__main__":
    from prefect_tuner import tune

    tune(
        train,
        {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        study=sys.argv[2],
        config=TunerConfig(max_trials=9, max_concurrency=2),
        observers=[WhichRun],
    )
