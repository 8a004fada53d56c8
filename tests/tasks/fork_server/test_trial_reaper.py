"""What a trial leaves behind is told from what nobody owns."""

from __future__ import annotations

import subprocess
import sys

ENDS_IN_BETWEEN = """
import os, signal, time
from prefect_tuner.tasks.fork_server import trial_reaper
from prefect_tuner.tasks.fork_server.forked_process import control_process

control_process(36, 1)  # Orphans become children of this process, as of the fork server.
reaper = trial_reaper.TrialReaper()
told, tell = os.pipe()
status, write_status = os.pipe()
trial = os.fork()
if trial == 0:
    os.setpgid(0, 0)
    if os.fork() == 0:
        time.sleep(0.3)
        os.write(tell, b"the rest was done")
    os._exit(0)
os.close(tell)
reaper.assign(trial, "trial", write_status)
os.waitid(os.P_PID, trial, os.WEXITED | os.WNOWAIT)

# The trial ends right after it was looked whether one has.
looks = [iter(())]
ended = trial_reaper._ended
trial_reaper._ended = lambda: looks.pop() if looks else ended()
reaper.reap()
print(os.read(told, 100).decode())
while reaper.statuses:
    time.sleep(0.01)
    reaper.reap()
print(os.read(status, 100).decode())
"""


def test_what_a_trial_has_left_that_ends_just_then_goes_on() -> None:
    run = subprocess.run(
        [sys.executable, "-c", ENDS_IN_BETWEEN],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.splitlines()[0] == "the rest was done"
    assert '"status": 0' in run.stdout
