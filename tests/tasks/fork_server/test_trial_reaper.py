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


LEAVES_A_TRACKER = """
import os, signal, subprocess, sys
from prefect_tuner.tasks.fork_server.forked_process import control_process
from prefect_tuner.tasks.fork_server.trial_reaper import TrialReaper

TRACKER = "import sys; print(sys.stdin.read())  # resource_tracker import main"
control_process(36, 1)  # Orphans become children of this process, as of the fork server.
reaper = TrialReaper()
served, serve = os.pipe()  # Closed when all that the tracker serves have ended.
ready, tell = os.pipe()
spare = os.fork()
if spare == 0:
    os.setpgid(0, 0)
    subprocess.Popen([sys.executable, "-c", TRACKER], stdin=served)
    os.write(serve, b"cleaned up")
    os.write(tell, b".")
    signal.pause()
os.close(serve)
os.read(ready, 1)
reaper.add_spare(spare)
os.kill(spare, signal.SIGKILL)  # It may be gone before it is looked what it leaves.
os.waitid(os.P_PID, spare, os.WEXITED | os.WNOWAIT)
reaper.kill_trials()
"""


def test_what_a_trial_has_left_that_ends_just_then_goes_on() -> None:
    printed = _printed_by(ENDS_IN_BETWEEN)
    assert printed.splitlines()[0] == "the rest was done"
    assert '"status": 0' in printed


def test_what_cleans_up_behind_a_process_that_ran_no_trial_is_let() -> None:
    assert _printed_by(LEAVES_A_TRACKER) == "cleaned up\n"


def _printed_by(program: str) -> str:
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    return run.stdout
