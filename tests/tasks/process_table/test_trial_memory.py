"""The memory limit counts what a trial adds, alone and beside others alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prefect_tuner import Outcome
from tests.tasks.attempts import attempt
from tests.tasks.modules import launched, write_module

MB = 1_000_000

LARGE_IMPORT = """
import multiprocessing, os, subprocess, sys, tempfile, time
import numpy as np
from multiprocessing.shared_memory import SharedMemory

DATA = np.ones(400_000_000 // 8)

def hold(size):
    return np.ones(size // 8)

def wait(): time.sleep(0.5)

def linger(): time.sleep(20)  # It is killed before.

def train(params):
    return {**globals()}[params["how"]]()

def adds_nothing():
    wait()
    return float(DATA[0])

def reads_all():
    wait()
    return float(DATA.sum() > 0)

def adds_little():
    held = hold(100_000_000)
    wait()
    return float(held[0])

def adds_much():
    held = hold(400_000_000)
    linger()
    return float(held[0])

def changes_the_data():
    DATA[:] = 2
    linger()
    return float(DATA[0])

def shares_with_forks():
    held = hold(150_000_000)
    workers = [multiprocessing.get_context("fork").Process(target=wait) for _ in range(4)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    return float(held[0])

def forks_that_add_much():
    def work():
        held = hold(150_000_000)
        linger()
        del held
    workers = [multiprocessing.get_context("fork").Process(target=work) for _ in range(3)]
    for worker in workers: worker.start()
    for worker in workers: worker.join()
    return 1.0

def program_that_adds_much():
    code = "import time; held = b'x' * 400_000_000; time.sleep(20)"
    subprocess.run([sys.executable, "-c", code])
    return 1.0

def program_that_shares_with_forks():
    code = ("import os, time; held = b'x' * 150_000_000\\n"
            "for _ in range(4):\\n"
            "    if os.fork() == 0:\\n        time.sleep(0.5)\\n        os._exit(0)\\n"
            "time.sleep(0.6)")
    subprocess.run([sys.executable, "-c", code])
    return 1.0

def starts_a_program():
    # Opening the pipe, on its way to the program, the new process waits in the memory of this one.
    pipe = tempfile.mktemp()
    os.mkfifo(pipe)
    opens = subprocess.Popen(["sh", "-c", f"sleep 0.5; : > {pipe}"])
    action = (os.POSIX_SPAWN_OPEN, 3, pipe, os.O_RDONLY, 0)
    os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ, file_actions=[action]), 0)
    opens.wait()
    os.unlink(pipe)
    return 1.0

def shared_memory():
    memory = SharedMemory(create=True, size=400_000_000)
    np.frombuffer(memory.buf, dtype=np.uint8)[:] = 1
    try:
        linger()
    finally:
        memory.unlink()
    return 1.0
"""

WITHIN = (
    "adds_nothing",
    "reads_all",
    "adds_little",
    "shares_with_forks",
    "program_that_shares_with_forks",
    "starts_a_program",
)
BEYOND = (
    "adds_much",
    "changes_the_data",
    "forks_that_add_much",
    "program_that_adds_much",
    "shared_memory",
)
LIMIT = 300 * MB


@pytest.mark.parametrize("isolation", ["fork", "fresh"])
def test_what_a_trial_adds_counts_and_not_what_its_import_has_made(
    tmp_path: Path, isolation: str
) -> None:
    with launched(write_module(tmp_path, LARGE_IMPORT), isolation=isolation) as launcher:
        for how in WITHIN:
            report = attempt(launcher, memory=LIMIT, how=how, more=1).report
            assert report.outcome is Outcome.COMPLETED, (how, report.message)
        # What its own process has imported it may change: that takes no more.
        for how in BEYOND if isolation == "fork" else set(BEYOND) - {"changes_the_data"}:
            report = attempt(launcher, memory=LIMIT, how=how, more=1).report
            assert report.outcome is Outcome.OUT_OF_MEMORY, how


def test_it_is_the_same_for_one_trial_and_for_four_at_a_time(tmp_path: Path) -> None:
    with launched(write_module(tmp_path, LARGE_IMPORT), concurrency=4) as launcher:
        for how, outcome in (
            ("adds_little", Outcome.COMPLETED),
            ("changes_the_data", Outcome.OUT_OF_MEMORY),
        ):
            alone = attempt(launcher, memory=LIMIT, how=how).report

            def run(_: int, how: str = how) -> Outcome:
                return attempt(launcher, memory=LIMIT, how=how).report.outcome

            with ThreadPoolExecutor(4) as pool:
                beside = list(pool.map(run, range(4)))
            assert [alone.outcome, *beside] == [outcome] * 5


PEAKS = """
import subprocess, sys, time

def train(params):
    return {**globals()}[params["how"]]()

def nothing():
    return 1.0

def for_a_moment():
    held = b"x" * 60_000_000
    del held
    return 1.0

def a_program():
    code = "import time; held = b'x' * 60_000_000; time.sleep(1.5)"
    subprocess.run([sys.executable, "-c", code])
    return 1.0

def until_killed():
    held = b"x" * 60_000_000
    time.sleep(20)
    return 1.0
"""


@pytest.mark.parametrize("isolation", ["fork", "fresh"])
def test_the_most_that_a_trial_has_had_is_known_however_short_it_was(
    tmp_path: Path, isolation: str
) -> None:
    with launched(write_module(tmp_path, PEAKS), isolation=isolation) as launcher:
        peaks = {
            how: attempt(launcher, how=how, more=1, timeout=timeout).report.memory
            for how, timeout in (
                ("nothing", 60.0),
                ("for_a_moment", 60.0),
                ("a_program", 60.0),
                ("until_killed", 1.0),
            )
        }
    nothing = peaks.pop("nothing")
    assert nothing is not None
    assert nothing < 10 * MB
    for how, peak in peaks.items():
        assert peak is not None, how
        assert 55 * MB < peak < 90 * MB, how
