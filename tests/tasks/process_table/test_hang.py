"""A trial whose time is over leaves the stacks of its threads, and what it seems to wait for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from prefect_tuner import Outcome
from tests.tasks.attempts import Attempt, attempt
from tests.tasks.modules import launched, run_once, write_module

HANGS = """
import ctypes, multiprocessing, subprocess, threading, time

LOCK = threading.Lock()

def train(params):
    return {**globals()}[params["how"]]()

def in_python():
    while True: pass

def asleep(): time.sleep(1000)

def in_native_code(): ctypes.PyDLL(None).sleep(1000)  # With the interpreter's lock.

def in_a_lock():
    LOCK.acquire()
    LOCK.acquire()

def deaf():
    while True:
        try: time.sleep(1000)
        except BaseException: pass

def worker_of_mine():
    time.sleep(1000)

def in_a_thread():
    thread = threading.Thread(target=worker_of_mine, daemon=True)
    thread.start()
    thread.join()

def in_a_lock_beside_work():
    threading.Thread(target=in_python, daemon=True).start()
    in_a_lock()

def in_a_lock_beside_a_worker():
    subprocess.Popen(["sleep", "1000"])
    in_a_lock()

def in_a_child():
    subprocess.run(["sleep", "1000"])
"""


def hang(tmp_path: Path, how: str, isolation: str = "fork") -> Attempt:
    module = write_module(tmp_path, HANGS)
    return run_once(module, settings={"isolation": isolation}, timeout=0.5, how=how)


@pytest.mark.parametrize("how", ["in_python", "asleep", "in_native_code", "in_a_lock", "deaf"])
def test_the_stack_shows_where_it_was(tmp_path: Path, how: str) -> None:
    report = hang(tmp_path, how).report
    assert report.outcome is Outcome.TIMED_OUT
    assert f"in {how}" in report.traceback
    assert "training.py" in report.traceback
    assert "prefect_tuner" not in report.traceback


def test_all_threads_are_shown(tmp_path: Path) -> None:
    stacks = hang(tmp_path, "in_a_thread").report.traceback
    assert "in worker_of_mine" in stacks
    assert "in in_a_thread" in stacks


@pytest.mark.parametrize(
    ("how", "waits"),
    {
        "in_a_lock": True,
        "in_python": False,
        "asleep": False,
        "in_a_lock_beside_a_worker": True,
        "in_a_lock_beside_work": False,
        "in_a_child": False,
    }.items(),
)
def test_one_that_waits_for_a_lock_and_does_nothing_is_told_apart(
    tmp_path: Path, how: str, waits: bool
) -> None:
    message = hang(tmp_path, how).report.message
    assert re.match(r"ran longer.*\b0\.5 s\b", message)
    assert ("waited for a lock" in message) == waits
    assert ("set isolation='fresh'" in message) == waits


def test_after_a_fresh_import_a_fork_is_not_to_blame(tmp_path: Path) -> None:
    message = hang(tmp_path, "in_a_lock", "fresh").report.message
    assert "waited for a lock" in message
    assert "fork" not in message


def test_stacks_are_no_part_of_what_the_next_trial_leaves(tmp_path: Path) -> None:
    with launched(write_module(tmp_path, HANGS)) as launcher:
        assert "in asleep" in attempt(launcher, timeout=0.3, how="asleep").report.traceback
        stacks = attempt(launcher, timeout=0.3, how="in_python").report.traceback
    assert "in in_python" in stacks
    assert "in asleep" not in stacks
