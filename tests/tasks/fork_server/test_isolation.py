"""Trials are forked where what the import has made survives that, and import afresh elsewhere."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import Outcome
from prefect_tuner.tasks.process_table.process_tree import children
from tests.messages import EACH_TRIAL_IMPORTS
from tests.polling import eventually
from tests.tasks.attempts import attempt, fork_server_of, launcher_for
from tests.tasks.modules import launched, notes, run_once, write_module

IS_FRESH = """
import os
PID = os.getpid()
def train(params): return float(PID == os.getpid())
"""

MAKES: dict[str, tuple[str, str]] = {
    "a thread": (
        (
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\n"
        ),
        "started 1 thread",
    ),
    "a process": (
        "import subprocess\nHELPER = subprocess.Popen(['sleep', '1000'])\n",
        "started 1 process",
    ),
    "a file to write": ("LOG = open(__file__ + '.log', 'w')\n", "training.py.log open"),
    "a file to read": ("SOURCE = open(__file__)\n", "training.py open"),
    "a connection": (
        "import socket\nHERE, THERE = socket.socketpair()\n",
        "opened 2 connections",
    ),
    "a pipe": ("import os\nPIPE = os.pipe()\n", "left 2 pipes open"),
    "a device": ("DEVICE = open('/dev/ptmx', 'rb+', buffering=0)\n", "/dev/ptmx open"),
    "an exit handler": (
        "import atexit\n@atexit.register\ndef save(): pass\n",
        "registered training.save to be called",
    ),
    "a handler of Python's": (
        (
            "import atexit, cProfile\nPROFILE = cProfile.Profile()\n"
            "atexit.register(PROFILE.dump_stats, __file__ + '.prof')\n"
        ),
        "registered cProfile.Profile.dump_stats to be called",
    ),
    "a finalizer": (
        (
            "import weakref\nclass Run: pass\nRUN = Run()\ndef save(): pass\n"
            "weakref.finalize(RUN, save)\n"
        ),
        "registered training.save to be called",
    ),
    "an object that is finalized": (
        "class Run:\n    def __del__(self): pass\nRUNS = [Run()]\n",
        "made an object of training.Run, which has a method __del__,",
    ),
    "shared memory": (
        "import mmap\nSHARED = mmap.mmap(-1, 8)\n",
        "mapped memory that is shared with forks",
    ),
    "a database": (
        (
            "import sqlite3\nDATABASE = sqlite3.connect(__file__ + '.db')\n"
            "DATABASE.execute('create table if not exists t (x)')\n"
        ),
        "training.py.db open",
    ),
    "a log file": (
        "import logging\nlogging.basicConfig(filename=__file__ + '.log')\n",
        "training.py.log open",
    ),
    "a pool": (
        (
            "from concurrent.futures import ThreadPoolExecutor\nPOOL = ThreadPoolExecutor(2)\n"
            "list(POOL.map(abs, range(9)))\n"
        ),
        "started ",
    ),
}
"""What a fork would lack or share, by the code that makes it, and what is said of it."""


@pytest.mark.parametrize("made", MAKES)
def test_what_does_not_survive_a_fork_has_each_trial_import_afresh(
    tmp_path: Path, made: str
) -> None:
    code, said = MAKES[made]
    with launched(write_module(tmp_path, code + IS_FRESH)) as launcher:
        assert [attempt(launcher).report.metric for _ in range(2)] == [1.0, 1.0]
    (level, note), *others = launcher.notes
    assert others == []
    assert level == logging.INFO
    assert said in note
    assert EACH_TRIAL_IMPORTS.search(note)


SURVIVES = {
    "nothing": "",
    "numpy at work": "import numpy as np\nA = np.ones((300, 300))\nB = A @ A\n",
    "a file that was closed": "TEXT = open(__file__).read()\n",
    "a thread that has ended": (
        "import threading\nt = threading.Thread(target=abs, args=(1,))\nt.start()\nt.join()\n"
    ),
    "a process that has ended": "import subprocess\nsubprocess.run(['true'], check=True)\n",
    "random bytes": "import os\nNOISE = open('/dev/urandom', 'rb')\n",
    "handlers that clear away": (
        "import atexit, os, pathlib, shutil\natexit.register(shutil.rmtree, 'none', True)\n"
        "atexit.register(pathlib.Path('none').unlink, missing_ok=True)\n"
    ),
    "a handler that was taken back": (
        "import atexit\ndef save(): pass\natexit.register(save)\natexit.unregister(save)\n"
    ),
    "handlers of Python's and of packages": (
        "import atexit, logging, tempfile, multiprocessing.util, numpy\n"
        "FOLDER = tempfile.TemporaryDirectory()\natexit.register(numpy.seterr)\n"
    ),
}


@pytest.mark.parametrize("made", SURVIVES)
def test_what_survives_a_fork_is_imported_once(tmp_path: Path, made: str) -> None:
    with launched(write_module(tmp_path, SURVIVES[made] + IS_FRESH)) as launcher:
        assert [attempt(launcher).report.metric for _ in range(2)] == [0.0, 0.0]
    assert launcher.notes == []


def test_numeric_libraries_with_threads_that_survive_are_imported_once(tmp_path: Path) -> None:
    # With several threads for each: OpenBLAS's own are as many as the libraries that bring it.
    module = write_module(
        tmp_path, "import numpy, scipy.linalg, sklearn.linear_model, pandas\n" + IS_FRESH
    )
    with launched(module, environment={"OPENBLAS_NUM_THREADS": "3"}) as launcher:
        assert attempt(launcher).report.metric == 0.0
    assert launcher.notes == []


def test_what_a_module_renews_in_each_fork_is_there_for_the_trial(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import os

        def renew():
            global of
            of = os.getpid()

        renew()
        os.register_at_fork(after_in_child=renew)

        def train(params):
            return float(of == os.getpid())
        """,
    )
    assert run_once(module, settings={"isolation": "fork"}).report.metric == 1.0


def test_both_ways_can_be_forced(tmp_path: Path) -> None:
    threaded = write_module(tmp_path, MAKES["a thread"][0] + IS_FRESH, "threaded")
    plain = write_module(tmp_path, IS_FRESH, "plain")
    with launched(threaded, isolation="fork") as launcher:
        assert attempt(launcher).report.metric == 0.0
        ((level, note),) = launcher.notes
        assert level == logging.WARNING
        assert "started 1 thread" in note
        assert "isolation='fork'" in note
    with launched(plain, isolation="fresh") as launcher:
        assert attempt(launcher).report.metric == 1.0
        assert launcher.notes == []


def test_a_trial_that_is_longer_than_the_import_waits_for_none(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        "import time\ntime.sleep(1.0)\ndef train(params):\n    time.sleep(1.5)\n    return 1.0\n",
    )
    with launched(module, isolation="fresh", concurrency=1) as launcher:
        attempt(launcher)
        started = time.monotonic()
        for _ in range(3):
            attempt(launcher)
        waited = time.monotonic() - started - 3 * 1.5
    assert waited < 1.5  # Three imports would have taken three seconds.


def test_as_many_wait_as_run_at_the_same_time_and_no_more_than_are_to_come(
    tmp_path: Path,
) -> None:
    with launched(write_module(tmp_path, IS_FRESH), isolation="fresh", concurrency=3) as launcher:
        server = fork_server_of(launcher)

        def waiting(count: int) -> None:
            assert len(children(server)) == count

        eventually(lambda: waiting(3), timeout=10, interval=0.02)
        attempt(launcher, more=5)
        eventually(lambda: waiting(3), timeout=10, interval=0.02)
        attempt(launcher, more=1)
        attempt(launcher, more=0)
        eventually(lambda: waiting(1), timeout=10, interval=0.02)


def test_what_an_import_prints_ahead_is_in_the_log_of_its_trial(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import ctypes, os, sys
        print("imported")
        print("to the error stream", file=sys.stderr)
        os.write(1, b"directly\\n")
        ctypes.CDLL(None).puts(b"by native code")
        def train(params):
            print("called")
            return 1.0
        """,
    )
    with launched(module, isolation="fresh") as launcher:
        for _ in range(2):
            lines = attempt(launcher).lines
            imported = ["imported", "to the error stream", "directly", "by native code"]
            assert sorted(lines[:-1]) == sorted(imported)
            assert lines[-1] == "called"


def test_an_import_that_fails_ahead_fails_its_trial_with_the_reason(tmp_path: Path) -> None:
    flag = tmp_path / "broken"
    module = write_module(
        tmp_path,
        f"""
        import pathlib
        if pathlib.Path({str(flag)!r}).exists():
            raise ValueError("broken now")
        def train(params): return 1.0
        """,
    )
    with launched(module, isolation="fresh") as launcher:
        attempt(launcher)
        flag.touch()
        attempt(launcher)  # It may have been imported before.
        report = attempt(launcher).report
        assert report.outcome is Outcome.FAILED
        assert "broken now" in report.message
        flag.unlink()
        assert attempt(launcher).report.metric == 1.0


def test_an_import_that_ends_its_process_ahead_crashes_its_trial_alone(tmp_path: Path) -> None:
    flag = tmp_path / "deadly"
    module = write_module(
        tmp_path,
        f"""
        import os, pathlib
        if pathlib.Path({str(flag)!r}).exists():
            os._exit(3)
        def train(params): return 1.0
        """,
    )
    with launched(module, isolation="fresh") as launcher:
        attempt(launcher)
        flag.touch()
        attempt(launcher)
        report = attempt(launcher).report
        assert report.outcome is Outcome.CRASHED
        flag.unlink()
        eventually(lambda: _completes(launcher), timeout=10)


def _completes(launcher: Any) -> None:
    assert attempt(launcher).report.metric == 1.0


def test_the_log_of_a_program_is_kept_in_its_own_file(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import logging
        logging.basicConfig(filename=__file__ + ".log", level=logging.INFO)
        def train(params):
            logging.getLogger("mine").info("epoch done")
            return 1.0
        """,
    )
    with launched(module) as launcher:
        assert attempt(launcher).lines == ["mine: epoch done"]
    assert "INFO:mine:epoch done" in (tmp_path / "training.py.log").read_text()


def test_what_is_printed_by_a_handler_of_a_loggers_own_is_in_the_log_once(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import logging, sys
        LOGGER = logging.getLogger("mine")
        LOGGER.addHandler(logging.StreamHandler())
        def train(params):
            LOGGER.warning("careful")
            return 1.0
        """,
    )
    with launched(module) as launcher:
        assert attempt(launcher).lines == ["careful"]


def test_settings_are_no_secret(tmp_path: Path) -> None:
    assert notes(launcher_for(write_module(tmp_path, IS_FRESH))) == ""
