"""A worker's name tells its process, and asking for it starts nothing."""

from __future__ import annotations

import os
import subprocess
import sys

from prefect_tuner.tasks.workers.worker_name import this_worker


def test_it_has_the_number_of_its_process() -> None:
    assert f"process {os.getpid()} on " in this_worker()


def test_ray_that_is_merely_imported_is_not_started() -> None:
    program = (
        "import distributed, ray\n"
        "from prefect_tuner.tasks.workers.worker_name import this_worker\n"
        "print(this_worker().partition(' ')[0], ray.is_initialized())\n"
    )
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, capture_output=True, check=True, text=True)
    assert told.stdout.split() == ["process", "False"]
