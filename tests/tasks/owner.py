"""A process that runs a trial, to be killed by a test: `python -m tests.tasks.owner NAME`.

It prints the numbers of all processes that it has started, directly or not, then `ready`.
"""

# ruff: noqa: T201 - printing is how it talks to the test

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

from prefect_tuner.tasks.process_table.process_tree import descendants
from tests.tasks.attempts import BY_NAME, InBackground, launcher_for


def main(name: str) -> None:
    if Path(name).suffix == ".py":
        launcher = launcher_for(f"{name}:train")
        threading.Thread(target=launcher.load, daemon=True).start()
        while not Path(name).with_suffix(".loading").exists():
            time.sleep(0.01)
    else:
        launcher = launcher_for(BY_NAME)
        trials = [InBackground(launcher, name, timeout=None) for _ in range(2)]
        for trial in trials:
            for pid in trial.pids(22):
                print("pid", pid)
    for pid in descendants(os.getpid()):
        print("pid", pid)
    print("ready", flush=True)
    time.sleep(1000)


if __name__ == "__main__":
    main(sys.argv[1])
