from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from prefect_tuner import Outcome, Params
from prefect_tuner.errors import TunerError, TuningCancelled
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.process_table.process_tree import children
from prefect_tuner.tasks.process_table.trial_memory import memory_of
from prefect_tuner.tasks.processes.launcher import Launcher
from tests.messages import STOPPED_BEFORE_IT_STARTED, STOPPED_WHILE_IT_RAN
from tests.polling import eventually
from tests.tasks.attempts import (
    BY_NAME,
    Held,
    InBackground,
    assert_gone,
    attempt,
    fork_server_of,
    is_alive,
    launcher_for,
    pids_in,
    processes_of,
)

SPARES = 2
"""Processes that are forked ahead."""

LIMIT = 5.0
"""Seconds in which everything is gone, whatever it was doing."""


@pytest.fixture
def launcher() -> Iterator[Launcher]:
    """A launcher that the test stops, or that is stopped after it."""
    launcher = launcher_for(BY_NAME)
    launcher.load()
    yield launcher
    launcher.stop()


@pytest.mark.parametrize("name", ["hangs_with_children", "never_gives_up", "ignores_sigterm"])
def test_stopping_ends_running_trials_whatever_they_do(launcher: Launcher, name: str) -> None:
    trials = [InBackground(launcher, name) for _ in range(3)]
    pids = [pid for trial in trials for pid in trial.pids(1)] + processes_of(launcher)
    started = time.monotonic()
    launcher.stop()
    for trial in trials:
        report = trial.result(LIMIT).report
        assert report.outcome is Outcome.CANCELLED
        assert report.message == STOPPED_WHILE_IT_RAN
    assert_gone(pids)
    assert time.monotonic() - started < LIMIT


def test_stopping_does_not_wait_for_trials_that_end_at_once(launcher: Launcher) -> None:
    trial = InBackground(launcher, "cleans_up_when_terminated")
    trial.pids(1)
    started = time.monotonic()
    launcher.stop()
    assert time.monotonic() - started < 1.5
    result = trial.result()
    assert result.report.outcome is Outcome.CANCELLED
    assert "cleaned up" in result.lines


def test_a_trial_that_still_returns_a_metric_when_it_is_stopped_has_completed(
    launcher: Launcher,
) -> None:
    trial = InBackground(launcher, "handles_sigterm")
    trial.pids(1)
    launcher.stop()
    assert trial.result().report.metric == 1.0


def test_a_metric_that_is_returned_because_of_the_stop_does_not_count(launcher: Launcher) -> None:
    trial = InBackground(launcher, "returns_a_metric_when_terminated")
    trial.pids(1)
    launcher.stop()
    assert trial.result().report.outcome is Outcome.CANCELLED


def test_nothing_starts_after_the_stop(launcher: Launcher) -> None:
    launcher.stop()
    run = attempt(launcher, "fine")
    assert run.report.outcome is Outcome.CANCELLED
    assert run.report.message == STOPPED_BEFORE_IT_STARTED
    assert run.report.duration is None
    with pytest.raises(TuningCancelled):
        launcher.load()


def test_stopping_twice_or_at_the_same_time_is_no_error(launcher: Launcher) -> None:
    trial = InBackground(launcher, "sleeps")
    trial.pids(1)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: launcher.stop(), range(4)))
    launcher.stop()
    assert trial.result().report.outcome is Outcome.CANCELLED


@pytest.mark.parametrize("fresh", [False, True])
def test_stopping_while_the_objective_is_being_loaded(tmp_path: Path, fresh: bool) -> None:
    file = slow_module(tmp_path)
    launcher = launcher_for(f"{file}:train", isolation="fresh" if fresh else "fork")
    errors: list[BaseException] = []

    def load() -> None:
        try:
            launcher.load()
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    loaders = [threading.Thread(target=load) for _ in range(3)]
    for loader in loaders:
        loader.start()
    trial = InBackground(launcher, "fine")
    await_file(file.with_suffix(".loading"))
    pids = processes_of(launcher)
    assert len(pids) >= 2
    started = time.monotonic()
    launcher.stop()
    for loader in loaders:
        loader.join(LIMIT)
    assert [type(error) for error in errors] == [TuningCancelled] * 3
    assert trial.result(LIMIT).report.outcome is Outcome.CANCELLED
    assert_gone(pids)
    assert time.monotonic() - started < LIMIT


@pytest.mark.parametrize("name", ["hangs_with_children", "module"])
def test_nothing_is_left_when_the_flows_process_is_killed(tmp_path: Path, name: str) -> None:
    argument = str(slow_module(tmp_path)) if name == "module" else name
    with subprocess.Popen(
        [sys.executable, "-m", "tests.tasks.owner", argument], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        lines = list(iter(owner.stdout.readline, "ready\n"))
        owner.kill()
    pids = pids_in([line.strip() for line in lines])
    assert len(pids) >= (2 if name == "module" else 40)
    assert_gone(pids, LIMIT)


def test_nothing_is_left_when_a_module_would_not_let_the_interpreter_end(tmp_path: Path) -> None:
    file = tmp_path / "clinging.py"
    file.write_text(
        "import atexit, threading, time\n"
        "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
        "atexit.register(time.sleep, 1000)\n"
        "def train(params): return 1.0\n"
    )
    launcher = launcher_for(f"{file}:train")
    launcher.load()
    assert attempt(launcher).report.metric == 1.0
    pids = processes_of(launcher)
    started = time.monotonic()
    launcher.stop()
    assert_gone(pids)
    assert time.monotonic() - started < LIMIT


def test_a_fresh_import_imports_the_objective_in_each_trial(tmp_path: Path) -> None:
    file = tmp_path / "counted.py"
    file.write_text(
        "import os\nPID = os.getpid()\ndef train(params): return float(PID == os.getpid())\n"
    )
    for fresh in (False, True):
        launcher = launcher_for(f"{file}:train", isolation="fresh" if fresh else "fork")
        launcher.load()
        assert [attempt(launcher).report.metric for _ in range(3)] == [float(fresh)] * 3
        launcher.stop()


def test_a_fresh_import_is_ended_like_any_other() -> None:
    launcher = launcher_for(BY_NAME, isolation="fresh")
    launcher.load()
    assert attempt(launcher, "hangs_with_children", timeout=5).report.outcome is Outcome.TIMED_OUT
    assert attempt(launcher, "segfaults").report.outcome is Outcome.CRASHED
    assert attempt(launcher, "fine").report.metric == 1.5
    hanging = InBackground(launcher, "hangs_with_children")
    hanging.pids(23)
    launcher.stop()
    assert hanging.result().report.outcome is Outcome.CANCELLED


def test_a_module_that_breaks_between_two_fresh_trials_fails_the_second(tmp_path: Path) -> None:
    file = tmp_path / "changing.py"
    file.write_text("def train(params): return 1.0")
    launcher = launcher_for(f"{file}:train", isolation="fresh")
    assert attempt(launcher, more=0).report.metric == 1.0
    # Of another length: Python takes a module of the same length and second for the same.
    file.write_text("raise ValueError('no longer what it was')")
    report = attempt(launcher).report
    launcher.stop()
    assert report.outcome is Outcome.FAILED
    assert "no longer" in report.message
    assert report.duration is None


def test_processes_that_a_module_starts_serve_all_trials(tmp_path: Path) -> None:
    file = tmp_path / "served.py"
    file.write_text(
        "import subprocess\n"
        "server = subprocess.Popen(['cat'], stdin=subprocess.PIPE)\n"
        "def train(params, trial):\n"
        "    trial.log(f'pid {server.pid}')\n"
        "    subprocess.Popen(['sleep', '1000'])\n"
        "    return 1.0\n"
    )
    launcher = launcher_for(f"{file}:train", isolation="fork")
    runs = [attempt(launcher) for _ in range(3)]
    assert {len(run.pids) for run in runs} == {1}
    server = runs[0].pids[0]
    eventually(lambda: assert_children(launcher, SPARES + 1), interval=0.01)
    assert is_alive(server)
    launcher.stop()
    assert_gone([server])


def assert_children(launcher: Launcher, count: int) -> None:
    assert len(children(fork_server_of(launcher))) == count


def test_300_trials_leave_nothing(launcher: Launcher) -> None:
    attempt(launcher, "fine")
    eventually(lambda: assert_children(launcher, SPARES), interval=0.01)
    before = Held.now()
    server = f"/proc/{fork_server_of(launcher)}"
    held_by_server = len(os.listdir(f"{server}/fd"))  # noqa: PTH208
    for _ in range(300):
        assert attempt(launcher, "fine").report.metric == 1.5
    before.assert_no_more()

    def server_holds_no_more() -> None:
        assert len(os.listdir(f"{server}/fd")) <= held_by_server  # noqa: PTH208

    eventually(server_holds_no_more, timeout=5, interval=0.02)


def echo(params: Params) -> dict[str, float]:
    time.sleep(float(params["sleep"]))
    return {"metric": float(params["x"]), "pid": os.getpid()}


def test_trials_in_parallel_get_their_own_results() -> None:
    launcher = launcher_for(echo)

    def run(number: int) -> tuple[float | None, float]:
        report = attempt(launcher, x=number, sleep=0.002 * (number * 7 % 5)).report
        return report.metric, report.extra["pid"]

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(run, range(200)))
    launcher.stop()
    assert [metric for metric, _ in results] == list(range(200))
    assert len({pid for _, pid in results}) == 200


def test_trials_in_parallel_have_their_own_fates(launcher: Launcher) -> None:
    names = ["fine", "raises", "exits_at_once", "kills_itself", "leaves_a_daemon"] * 8
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda name: attempt(launcher, name).report.outcome, names))
    assert outcomes == ["completed", "failed", "crashed", "crashed", "completed"] * 8


def test_memory_that_a_trial_took_is_free_when_it_has_ended() -> None:
    def grow(params: Params) -> dict[str, float]:
        import resource

        held = [b"x" * 10**7 for _ in range(int(params["blocks"]))]
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return {"metric": len(held), "most": most}

    launcher = launcher_for(grow)
    for _ in range(3):
        report = attempt(launcher, blocks=50).report
        assert report.extra["most"] > 500e6

    def free() -> None:
        assert memory_of(fork_server_of(launcher)).held < 200e6

    eventually(free, timeout=5)
    launcher.stop()


def test_memory_that_all_trials_share_is_not_counted_in_full(tmp_path: Path) -> None:
    file = tmp_path / "large.py"
    file.write_text(
        "import time\n"
        "DATA = [bytes(1000 * [number % 256]) for number in range(300_000)]\n"
        "def train(params):\n"
        "    time.sleep(0.3)\n"
        "    return 1.0\n"
    )
    launcher = launcher_for(f"{file}:train")
    launcher.load()
    eventually(lambda: assert_children(launcher, SPARES), interval=0.01)
    report = attempt(launcher, memory=250_000_000).report
    launcher.stop()
    assert report.metric == 1.0


def test_a_supervisor_that_fails_kills_its_trial(launcher: Launcher) -> None:
    pids: list[int] = []

    def full(line: str) -> None:
        pids.extend(pids_in([line]))
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        attempt(launcher, "hangs_with_children", on_line=full)
    assert_gone(pids)


def test_a_trial_is_crashed_when_the_system_has_no_descriptors_left(
    launcher: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, opened = os.pipe, 0

    def exhausted() -> tuple[int, int]:
        nonlocal opened
        opened += 1
        if opened == 2:
            raise OSError(24, "Too many open files")
        return pipe()

    with monkeypatch.context() as patch:
        patch.setattr(os, "pipe", exhausted)
        report = attempt(launcher, "fine").report
    assert report.outcome is Outcome.CRASHED
    assert re.search(r"be started: \[Errno 24\]", report.message)
    assert attempt(launcher, "fine").report.metric == 1.5


def test_processes_forked_ahead_may_die(launcher: Launcher) -> None:
    eventually(lambda: assert_children(launcher, SPARES), interval=0.01)
    spares = children(fork_server_of(launcher))
    for spare in spares:
        os.kill(spare, signal.SIGKILL)
    assert_gone(spares)
    for _ in range(3):
        assert attempt(launcher, "fine").report.metric == 1.5


def slow_module(folder: Path) -> Path:
    """A module that starts a process, takes for ever to import, and says when it has begun."""
    file = folder / "slow.py"
    file.write_text(
        "import pathlib, subprocess, time\n"
        "subprocess.Popen(['sleep', '1000'])\n"
        "pathlib.Path(__file__).with_suffix('.loading').touch()\n"
        "time.sleep(1000)\n"
        "def train(params): return 1.0\n"
    )
    return file


def await_file(file: Path) -> None:
    def exists() -> None:
        assert file.exists()

    eventually(exists, timeout=30, interval=0.01)


def test_where_there_is_no_linux_no_process_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = Launcher(describe_objective(float))
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(TunerError, match=r"\bLinux\b.* darwin"):
        launcher.load()
