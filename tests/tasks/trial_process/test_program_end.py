"""A trial ends when its program does: threads, handlers and files included, within a grace."""

from __future__ import annotations

import gzip
import logging
import os
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from prefect_tuner import Outcome
from prefect_tuner.tasks.processes.launcher import Launcher
from tests.polling import eventually
from tests.tasks.attempts import (
    InBackground,
    assert_gone,
    attempt,
    in_shared_memory,
    launcher_for,
)
from tests.tasks.modules import launched, run_once, write_module

GRACE = 10.0


@pytest.fixture(params=["fork", "fresh"])
def isolation(request: pytest.FixtureRequest) -> str:
    """Both ways in which a trial gets its process."""
    return str(request.param)


PROGRAM = """
import atexit, gzip, logging.handlers, os, pathlib, tempfile, threading, time, weakref, zipfile

HERE = pathlib.Path(os.environ["HERE"])
KEPT = []

class Writer:
    def __init__(self, name): self.name = name
    def __del__(self): (HERE / self.name).write_text("finalized")

def in_thread():
    time.sleep(0.3)
    (HERE / "thread").write_text("written")

def train(params):
    global open_file, archive, compressed, writer
    open_file = open(HERE / "unclosed", "w")
    open_file.write("in the buffer")
    KEPT.append(open(HERE / "unclosed in a list", "w"))
    KEPT[-1].write("in the buffer")
    archive = zipfile.ZipFile(HERE / "archive", "w")
    archive.writestr("member", "content")
    compressed = gzip.open(HERE / "compressed", "wt")
    compressed.write("content")
    writer = Writer("finalized global")
    cycle = Writer("finalized cycle")
    cycle.self = cycle
    atexit.register((HERE / "exit handler").write_text, "called")
    weakref.finalize(train, (HERE / "finalizer").write_text, "called")
    threading.Thread(target=in_thread).start()
    folder = tempfile.TemporaryDirectory(dir=HERE, prefix="temporary-")
    KEPT.append(folder)
    file = logging.FileHandler(HERE / "held back by a handler")
    KEPT.append(logging.handlers.MemoryHandler(100, target=file))
    KEPT[-1].handle(logging.makeLogRecord({"msg": "logged", "levelno": 20}))
    print("no end of line", end="")
    return 1.0
"""


def what_is_left(folder: Path) -> dict[str, bytes]:
    """The files in a folder; folders and the module left out."""
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}


def test_what_a_plain_run_keeps_a_trial_keeps(
    tmp_path: Path, isolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, trial = tmp_path / "plain", tmp_path / "trial"
    plain.mkdir()
    trial.mkdir()
    module = write_module(tmp_path, PROGRAM)
    subprocess.run(
        [sys.executable, "-c", "import training; training.train({})"],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "HERE": str(plain)},
        stdout=subprocess.DEVNULL,
    )
    monkeypatch.setenv("HERE", str(trial))
    run = run_once(module, settings={"isolation": isolation}, grace=GRACE)
    assert run.report.metric == 1.0
    assert run.lines == ["no end of line"]
    kept = what_is_left(trial)
    assert kept.keys() == what_is_left(plain).keys()
    assert set(kept) >= {
        "thread",
        "exit handler",
        "finalizer",
        "finalized cycle",
        "held back by a handler",
    }
    for name, content in what_is_left(plain).items():
        if name not in ("archive", "compressed"):  # They hold the time.
            assert kept[name] == content, name
        assert len(kept[name]) == len(content), name
    assert [file.name for file in trial.iterdir() if file.is_dir()] == []


HOLDS = """
import functools, gzip, io, os, pathlib, sys, zipfile

HERE = pathlib.Path(os.environ["HERE"])
RUNS = {}
ALL = []

class Config:
    out = None

class Writer(io.TextIOBase):
    def __init__(self, name):
        self.file = gzip.open(HERE / name, "wt")
    def write(self, text): return self.file.write(text)

class Results:
    def __init__(self, name):
        self.path, self.rows = HERE / name, []
    def __del__(self): self.path.write_text(str(self.rows))

class Pipeline: pass
PIPELINE = Pipeline()

@functools.lru_cache
def writer(name): return gzip.open(HERE / name, "wt")

def train(params):
    import package_of_others
    RUNS["gz"] = gzip.open(HERE / "in a dictionary", "wt")
    ALL.append(zipfile.ZipFile(HERE / "in a list", "w"))
    Config.out = io.TextIOWrapper(gzip.open(HERE / "in a class", "w"))
    PIPELINE.out = Writer("in an object")
    RUNS["results"] = Results("results")
    RUNS["results"].rows.append(1)
    package_of_others.open_for_all(HERE / "in a package")
    sys.of_mine = Results("elsewhere")
    for file in (RUNS["gz"], Config.out, PIPELINE.out, writer("in a cache"), package_of_others.out):
        file.write("content")
    ALL[0].writestr("member", "content")
    return 1.0
"""


def test_what_is_held_by_what_the_import_has_made_is_finalized(
    tmp_path: Path, isolation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "package_of_others.py").write_text(
        "import gzip\ndef open_for_all(path):\n    global out\n    out = gzip.open(path, 'wt')\n"
    )
    monkeypatch.syspath_prepend(packages)
    monkeypatch.setenv("HERE", str(tmp_path))
    module = write_module(tmp_path, HOLDS)
    assert run_once(module, settings={"isolation": isolation}, grace=GRACE).lines == []
    # A plain run closes these in an order that loses some of them.
    compressed = [file for file in tmp_path.iterdir() if file.name.startswith("in a")]
    assert len(compressed) == 6
    for file in compressed:
        if file.name == "in a list":
            assert zipfile.ZipFile(file).read("member") == b"content"
        else:
            assert gzip.decompress(file.read_bytes()) == b"content", file
    assert (tmp_path / "results").read_text() == "[1]"
    assert (tmp_path / "elsewhere").read_text() == "[]"


def test_the_program_of_a_trial_that_failed_ends_likewise(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import atexit, sys
        def train(params):
            atexit.register(print, "handled")
            if params["how"] == "raises":
                raise ValueError("no")
            sys.exit("no")
        """,
    )
    with launched(module) as launcher:
        for how, outcome in (("raises", Outcome.FAILED), ("exits", Outcome.CRASHED)):
            run = attempt(launcher, how=how)
            assert run.report.outcome is outcome
            assert run.lines == ["handled"]


def test_how_long_a_trial_takes_to_begin_and_to_end_is_told(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import atexit, time
        def train(params):
            atexit.register(time.sleep, params["after"])
            return 1.0
        """,
    )
    with launched(module) as launcher:
        quick, slow = (attempt(launcher, grace=30, after=after).report for after in (0.0, 0.5))
    for report in (quick, slow):
        assert report.duration is not None
        assert report.startup is not None
        assert report.startup > 0.0
        assert report.duration < 0.5
    assert quick.teardown is not None
    assert slow.teardown is not None
    assert slow.teardown >= 0.5 > quick.teardown > 0.0


def test_whoever_hears_of_uncaught_exceptions_hears_of_those_of_a_trial(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import sys
        def train(params):
            sys.excepthook = lambda kind, error, traceback: print("heard", kind.__name__, error)
            raise ValueError("no")
        """,
    )
    assert run_once(module).lines == ["heard ValueError no"]


IMPORTED = """
import atexit, pathlib, shutil, tempfile
FOLDER = pathlib.Path(tempfile.mkdtemp())
atexit.register(shutil.rmtree, FOLDER)
MANAGED = tempfile.TemporaryDirectory()
def train(params):
    atexit.register(print, "the trial's own")
    return float(FOLDER.is_dir() and pathlib.Path(MANAGED.name).is_dir())
"""


def test_what_the_import_has_made_is_there_for_all_trials_and_cleared_away_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with launched(write_module(tmp_path, IMPORTED)) as launcher:
        assert launcher.notes == []  # It is forked.
        for _ in range(3):
            run = attempt(launcher)
            assert (run.report.metric, run.lines) == (1.0, ["the trial's own"])
        assert len([file for file in tmp_path.iterdir() if file.is_dir()]) == 2
    assert [file.name for file in tmp_path.iterdir() if file.is_dir()] in ([], ["__pycache__"])


def test_a_handler_of_a_package_is_called_in_each_trial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Such as that of a tracker, which ends the run that is active in the process.
    packages = tmp_path / "lib"
    packages.mkdir()
    (packages / "tracker.py").write_text(
        "import atexit\nactive = []\natexit.register(lambda: print('ended', *active))\n"
    )
    module = write_module(
        tmp_path,
        "import tracker\n"
        "def train(params):\n    tracker.active.append(params['x'])\n    return 1.0\n",
    )
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.setenv("PYTHONUSERBASE", str(tmp_path))
    import site

    folder = Path(site.getsitepackages()[0]) / "prefect_tuner_test_tracker.py"
    folder.write_text((packages / "tracker.py").read_text())
    try:
        (tmp_path / "training.py").write_text(
            (tmp_path / "training.py").read_text().replace("tracker", "prefect_tuner_test_tracker")
        )
        with launched(module) as launcher:
            assert launcher.notes == []
            assert attempt(launcher, x=1).lines == ["ended 1"]
            assert attempt(launcher, x=2).lines == ["ended 2"]
    finally:
        folder.unlink()


HANGS = {
    "a thread": (
        (
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(1000,), name='uploader').start()\n"
        ),
        "the thread 'uploader'",
    ),
    "two threads": (
        (
            "import threading, time\n"
            "for name in ('first', 'second'):\n"
            "    threading.Thread(target=time.sleep, args=(1000,), name=name).start()\n"
        ),
        "the threads 'first', 'second'",
    ),
    "a handler": (
        "import atexit, time\natexit.register(time.sleep, 1000)\n",
        "the exit handler time.sleep",
    ),
    "a finalizer": (
        (
            "import time\nclass Slow:\n    def __del__(self): time.sleep(1000)\n"
            "globals()['slow'] = Slow()\n"
        ),
        "what is finalized at the end",
    ),
    "a process": (
        "import subprocess\nsubprocess.Popen(['sleep', '1234'])\n",
        "sleep 1234",
    ),
    "a fork": (
        "import os, time\nif os.fork() == 0:\n    time.sleep(1000)\n",
        "which the objective forked",
    ),
    "a pool": (
        (
            "import multiprocessing, time\n"
            "make = multiprocessing.get_context('fork').Process\n"
            "worker = make(target=time.sleep, args=(1000,))\n"
            "worker.start()\n"
        ),
        "the exit handler multiprocessing.util._exit_function",
    ),
}
"""What would not end, and by which words it is named."""


@pytest.mark.parametrize("what", HANGS)
def test_what_does_not_end_is_cut_off_and_named_and_the_metric_counts(
    tmp_path: Path, what: str
) -> None:
    code, named = HANGS[what]
    body = "".join(f"    {line}\n" for line in code.splitlines())
    module = write_module(tmp_path, f"def train(params):\n{body}    return 1.0\n")
    started = time.monotonic()
    run = run_once(module, grace=0.5)
    assert time.monotonic() - started < 8
    assert run.report.outcome is Outcome.COMPLETED
    assert run.report.metric == 1.0
    assert run.report.duration is not None
    assert run.report.duration < 0.4  # What came after the return is no part of it.
    ((level, text),) = [line for line in run.log if "cut off" in line[1]]
    assert level == logging.WARNING
    assert named in text
    assert re.search(r"\b0\.5 s after\b.*returned", text)
    assert "exit_grace" in text


def test_what_takes_a_while_is_waited_for(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import subprocess, sys, time
        def train(params):
            code = "import time; time.sleep(1); open('left.txt', 'w').write('written')"
            subprocess.Popen([sys.executable, "-c", code], cwd=params["folder"])
            return 1.0
        """,
    )
    run = run_once(module, grace=GRACE, folder=str(tmp_path))
    assert run.lines == []
    assert (tmp_path / "left.txt").read_text() == "written"


def test_a_program_that_crashes_at_its_end_has_its_metric_and_a_warning(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import atexit, os, signal
        def train(params):
            atexit.register(os.kill, os.getpid(), signal.SIGSEGV)
            return 1.0
        """,
    )
    run = run_once(module)
    assert run.report.metric == 1.0
    assert any(re.search(r"returned.* killed by SIGSEGV$", line) for line in run.lines)


def test_an_error_of_a_handler_is_in_the_log(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        "import atexit\ndef train(params):\n    atexit.register(lambda: 1 / 0)\n    return 1.0\n",
    )
    run = run_once(module)
    assert run.report.metric == 1.0
    assert any("ZeroDivisionError" in line for line in run.lines)


def test_a_stopped_study_does_not_wait_for_the_end_of_a_program(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        import atexit, os, time
        def train(params, trial):
            atexit.register(time.sleep, 1000)
            trial.log(f"pid {os.getpid()}")
            return 1.0
        """,
    )
    launcher = launcher_for(module)
    trial = InBackground(launcher, "", grace=60.0)
    pids = trial.pids(1)
    started = time.monotonic()
    launcher.stop()
    run = trial.result()
    assert time.monotonic() - started < 5
    assert run.report.metric == 1.0
    assert_gone(pids)


def _assert_no_more_than(before: set[str]) -> None:
    # Other tests beside this one may have something there for a while.
    assert in_shared_memory() <= before


@pytest.fixture
def shared_memory() -> set[str]:
    """What lies in shared memory before the test."""
    return in_shared_memory()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no /dev/shm")
def test_trials_leave_nothing_in_shared_memory(
    tmp_path: Path, shared_memory: set[str], isolation: str
) -> None:
    module = write_module(
        tmp_path,
        """
        import numpy as np
        from joblib import Parallel, delayed
        from multiprocessing.shared_memory import SharedMemory
        def total(values): return float(values.sum())
        def train(params):
            memory = SharedMemory(create=True, size=1000)  # Never unlinked.
            data = np.ones(200_000)  # Large enough for joblib to share it by a file.
            parts = Parallel(n_jobs=2, max_nbytes=1000)(delayed(total)(data) for _ in range(2))
            return sum(parts)
        """,
    )
    with launched(module, isolation=isolation) as launcher:
        for _ in range(2):
            run = attempt(launcher, grace=GRACE)
            assert run.report.metric == 400_000
            assert not any("cut off" in line for line in run.lines), run.lines
    eventually(lambda: _assert_no_more_than(shared_memory))


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no /dev/shm")
def test_an_import_that_leaves_a_pool_leaves_nothing_in_shared_memory(
    tmp_path: Path, shared_memory: set[str]
) -> None:
    module = write_module(
        tmp_path,
        """
        from joblib import Parallel, delayed
        def run(): return float(sum(Parallel(n_jobs=2)(delayed(abs)(i) for i in range(3))))
        run()
        def train(params): return run()
        """,
    )
    with launched(module) as launcher:
        assert attempt(launcher, grace=GRACE, timeout=30).report.metric == 3.0
    eventually(lambda: _assert_no_more_than(shared_memory))


def test_a_no_op_leaves_no_more_than_its_own_process(faults: Launcher) -> None:
    run = attempt(faults, "fine", grace=GRACE)
    assert (run.report.metric, run.log) == (1.5, [])
