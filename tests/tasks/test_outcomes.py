from __future__ import annotations

import logging
import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import Outcome
from prefect_tuner.tasks.processes import supervision
from prefect_tuner.tasks.processes.launcher import TERMINATION_GRACE, Launcher
from tests.tasks.attempts import InBackground, assert_gone, attempt, fork_server_of
from tests.tasks.modules import run_once, write_module

MB = 10**6

FAULTS = {
    "raises": ("failed", r"ValueError: bad value"),
    "raises_unprintable": ("failed", r"Unprintable: \(its str\(\) raises\)"),
    "raises_unpicklable": ("failed", r"Unpicklable: only this"),
    "raises_control_characters": ("failed", r"ValueError: red � � end"),
    "raises_at_length": ("failed", r"ValueError: x{3000}"),
    "raises_keyboard_interrupt": ("failed", r"KeyboardInterrupt: "),
    "recurses": ("failed", r"RecursionError: maximum recursion depth exceeded.*"),
    "raises_memory_error": ("out_of_memory", r"MemoryError: no room"),
    "exits": ("crashed", r"the objective called sys\.exit\(3\)"),
    "exits_at_once": ("crashed", r"the trial's process exited with code 7"),
    "segfaults": ("crashed", r"the trial's process was killed by SIGSEGV"),
    "aborts": ("crashed", r"the trial's process was killed by SIGABRT"),
    "kills_itself": ("crashed", r"the trial's process was killed by SIGKILL; out of memory\?"),
    "terminates_itself": ("crashed", r"the trial's process was killed by SIGTERM"),
    "sends_itself_a_real_time_signal": ("crashed", r"the trial's process was killed by signal 40"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_goes_wrong_is_one_trials_outcome_with_its_reason(faults: Launcher, name: str) -> None:
    outcome, message = FAULTS[name]
    report = attempt(faults, name).report
    assert report.outcome == outcome
    assert re.fullmatch(message, report.message)
    assert report.metric is None
    assert report.duration is not None
    assert 0 <= report.duration < 30
    assert attempt(faults, "fine").report.metric == 1.5


@pytest.mark.parametrize(
    ("what", "metric"),
    {
        "1.5": 1.5,
        "3": 3.0,
        "float32": 0.5,
        "int64": 7.0,
        "array without dimensions": 0.25,
        "fraction": 0.25,
        "mapping": 0.5,
    }.items(),
)
def test_finite_numbers_are_metrics(faults: Launcher, what: str, metric: float) -> None:
    report = attempt(faults, "returning", what=what).report
    assert (report.outcome, report.message) == (Outcome.COMPLETED, "")
    assert report.metric == metric
    assert type(report.metric) is float


@pytest.mark.parametrize(
    ("what", "message"),
    {
        "nan": "the objective must return a finite number, got nan (float)",
        "inf": "the objective must return a finite number, got inf (float)",
        "-inf": "the objective must return a finite number, got -inf (float)",
        "None": "the objective must return a finite number, got None (NoneType)",
        "text": "the objective must return a finite number, got '0.5' (str)",
        "bool": "the objective must return a finite number, got True (bool)",
        "list": "the objective must return a finite number, got [1.0] (list)",
        "array": "the objective must return a finite number, got array([1.]) (ndarray)",
        "complex": "the objective must return a finite number, got 1j (complex)",
        "huge": f"the objective must return a finite number, got 1{'0' * 96}... (int)",
        "object without repr": "the objective must return a finite number, "
        "got a value whose repr() raises (WithoutRepr)",
        "mapping without metric": "a mapping returned by the objective must have the key "
        "\"metric\", it has 'loss'",
        "mapping with a bad metric": 'the objective must return a finite number as "metric", '
        "got None (NoneType)",
    }.items(),
)
def test_anything_else_is_an_invalid_metric(faults: Launcher, what: str, message: str) -> None:
    report = attempt(faults, "returning", what=what).report
    assert (report.outcome, report.message) == (Outcome.INVALID_METRIC, message)
    assert report.metric is None


def test_a_mapping_brings_numbers_texts_and_bools(faults: Launcher) -> None:
    assert attempt(faults, "returning", what="mapping").report.extra == {"loss": 0.25, "epochs": 3}
    extra = attempt(faults, "returning", what="mapping with others").report.extra
    assert extra == {"text": "x\x1b[2J\\ud800", "ok": True}
    assert type(extra["ok"]) is bool


def test_what_is_not_kept_beside_the_metric_is_left_out_and_named(faults: Launcher) -> None:
    run = attempt(faults, "returning", what="mapping with others")
    assert run.report.metric == 1.0
    kept = "finite numbers, bools and texts of up to 1,000 characters"
    names = "nan, list, long, __class__"
    assert run.log == [(logging.WARNING, f"left out, since only {kept} are kept: {names}")]


def test_the_traceback_shows_the_objectives_own_lines_and_the_cause(faults: Launcher) -> None:
    traceback = attempt(faults, "raises").report.traceback
    assert "KeyError: 'the cause'" in traceback
    assert "direct cause" in traceback
    assert traceback.rstrip().endswith("ValueError: bad value")
    assert "faults.py" in traceback
    assert "trial_process.py" not in traceback.rpartition("direct cause")[2]


def test_a_crash_in_native_code_leaves_its_python_traceback_in_the_log(faults: Launcher) -> None:
    text = "\n".join(attempt(faults, "segfaults").lines)
    assert "Fatal Python error: Segmentation fault" in text
    assert "in segfaults" in text


@pytest.mark.parametrize("name", ["loops", "sleeps", "returns_a_metric_when_terminated"])
def test_a_trial_over_its_time_limit_is_ended_at_once(faults: Launcher, name: str) -> None:
    started = time.monotonic()
    run = attempt(faults, name, timeout=0.5)
    assert run.report.outcome is Outcome.TIMED_OUT
    assert re.fullmatch(r"ran longer.*\b0\.5 s", run.report.message)
    assert run.report.metric is None
    assert 0.5 <= (run.report.duration or 0) < 2
    assert time.monotonic() - started < 0.5 + TERMINATION_GRACE
    assert_gone(run.pids)


@pytest.mark.parametrize("name", ["holds_the_interpreter", "never_gives_up", "ignores_sigterm"])
def test_one_that_does_not_hear_sigterm_is_killed(
    faults: Launcher, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervision, "TERMINATION_GRACE", 0.3)
    run = attempt(faults, name, timeout=0.3)
    assert run.report.outcome is Outcome.TIMED_OUT
    assert_gone(run.pids)


def test_the_time_between_sigterm_and_sigkill_is_two_seconds(faults: Launcher) -> None:
    started = time.monotonic()
    assert attempt(faults, "ignores_sigterm", timeout=0.5).report.outcome is Outcome.TIMED_OUT
    assert 2.5 <= time.monotonic() - started < 4.5


def test_a_trial_may_clean_up_when_it_is_terminated(faults: Launcher) -> None:
    run = attempt(faults, "cleans_up_when_terminated", timeout=0.3)
    assert run.report.outcome is Outcome.TIMED_OUT
    assert "cleaned up" in run.lines


def test_a_metric_returned_after_the_time_limit_does_not_count(faults: Launcher) -> None:
    report = attempt(faults, "handles_sigterm", timeout=0.3).report
    assert (report.outcome, report.metric) == (Outcome.TIMED_OUT, None)


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (signal.SIGKILL, "the trial's process was killed by SIGKILL; out of memory?"),
        (signal.SIGTERM, "the trial's process was killed by SIGTERM"),
    ],
)
@pytest.mark.parametrize("name", ["sleeps", "returns_a_metric_when_terminated"])
def test_a_trial_killed_from_outside_has_crashed(
    faults: Launcher, name: str, number: signal.Signals, message: str
) -> None:
    run = InBackground(faults, name)
    os.kill(run.pids(1)[0], number)
    report = run.result().report
    assert (report.outcome, report.message) == (Outcome.CRASHED, message)


@pytest.mark.parametrize("name", ["allocates", "child_allocates", "daemon_allocates"])
def test_a_trial_over_its_memory_limit_is_killed(faults: Launcher, name: str) -> None:
    run = attempt(faults, name, memory=200 * MB)
    assert run.report.outcome is Outcome.OUT_OF_MEMORY
    assert re.fullmatch(r"took \d[\d,]*\.\d MB,.*limit.*\b200\.0 MB", run.report.message)
    assert_gone(run.pids)


def test_memory_below_the_limit_is_no_reason(faults: Launcher) -> None:
    assert attempt(faults, "allocates_a_little", memory=300 * MB).report.metric == 1.0


@pytest.mark.parametrize(
    ("name", "outcome", "count"),
    [
        ("leaves_children", Outcome.COMPLETED, 20),
        ("leaves_a_session", Outcome.COMPLETED, 1),
        ("leaves_a_daemon", Outcome.COMPLETED, 1),
        ("leaves_a_tree", Outcome.COMPLETED, 4),
        ("leaves_a_chatterer", Outcome.COMPLETED, 1),
        ("leaves_a_thread", Outcome.COMPLETED, 0),
        ("crashes_with_children", Outcome.CRASHED, 22),
        ("hangs_with_children", Outcome.TIMED_OUT, 23),
    ],
)
def test_what_a_trial_started_dies_with_it(
    faults: Launcher, name: str, outcome: Outcome, count: int
) -> None:
    timeout = 5.0 if outcome is Outcome.TIMED_OUT else 60.0
    run = attempt(faults, name, timeout=timeout)
    assert run.report.outcome is outcome
    assert len(run.pids) == count
    assert_gone(run.pids)


def test_what_a_running_trial_started_outlives_the_others(faults: Launcher) -> None:
    running = InBackground(faults, "hangs_with_children")
    pids = running.pids(23)
    for name in ("leaves_children", "leaves_a_daemon", "leaves_a_tree"):
        assert_gone(attempt(faults, name).pids)
    for pid in pids:
        os.kill(pid, 0)
    os.kill(pids[-1], signal.SIGKILL)
    assert running.result().report.outcome is Outcome.CRASHED
    assert_gone(pids)


@pytest.mark.parametrize(
    ("name", "metric"),
    [("uses_a_pool", 6.0), ("forks_and_both_return", 1.0), ("waits_for_its_children", 1.0)],
)
def test_an_objective_may_use_processes(faults: Launcher, name: str, metric: float) -> None:
    run = attempt(faults, name)
    assert (run.report.metric, run.lines) == (metric, [])


@pytest.mark.parametrize(
    "name",
    [
        "changes_directory",
        "closes_its_output",
        "closes_its_stdout_object",
        "sets_signal_handlers",
    ],
)
def test_what_a_trial_does_to_its_process_is_not_seen_by_the_next(
    faults: Launcher, name: str
) -> None:
    first, second = attempt(faults, name), attempt(faults, name)
    assert first.report.metric == second.report.metric == 1.0
    assert sorted(first.log) == sorted(second.log)


def test_output_that_is_closed_does_not_hide_the_log(faults: Launcher) -> None:
    assert sorted(attempt(faults, "closes_its_output").lines) == ["last words", "still heard"]


def test_a_trial_runs_where_the_flow_does(faults: Launcher) -> None:
    assert attempt(faults, "changes_directory").lines == [f"directory {Path.cwd()}"]


def test_the_next_trial_works_after_the_fork_server_was_killed(faults: Launcher) -> None:
    run = InBackground(faults, "hangs_with_programs")
    pids = run.pids(22)
    os.kill(fork_server_of(faults), signal.SIGKILL)
    report = run.result().report
    assert report.outcome is Outcome.CRASHED
    assert re.search(r"\bfork server\b.*killed", report.message)
    assert_gone(pids)
    assert attempt(faults, "fine").report.metric == 1.5


def test_a_process_that_is_terminated_just_after_its_fork_ends(tmp_path: Path) -> None:
    # As `multiprocessing.Pool` does with workers that it has no use for any more.
    module = write_module(
        tmp_path,
        """
        import os, signal
        TERMINATED = []
        os.register_at_fork(
            after_in_child=lambda: TERMINATED and os.kill(os.getpid(), signal.SIGTERM)
        )
        def train(params):
            TERMINATED.append(True)
            pid = os.fork()
            if pid == 0:
                os._exit(7)
            return float(os.WTERMSIG(os.waitpid(pid, 0)[1]))
        """,
    )
    run = run_once(module)
    assert (run.report.metric, run.log) == (float(signal.SIGTERM), [])


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no /dev/shm")
@pytest.mark.parametrize("end", ["timeout", "memory", "crash"])
def test_a_trial_that_is_killed_leaves_nothing_in_shared_memory(tmp_path: Path, end: str) -> None:
    module = write_module(
        tmp_path,
        """
        import os, signal, sys, time
        import numpy as np
        from multiprocessing import get_context, shared_memory

        def work(i):
            time.sleep(60)

        def train(params):
            own = shared_memory.SharedMemory(create=True, size=80_000)
            print("segment", own.name, flush=True)
            pool = get_context("spawn").Pool(1)
            pool.apply_async(work, (1,))
            if params["end"] == "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            if params["end"] == "memory":
                kept = np.ones(30_000_000)
            time.sleep(60)
        """,
    )
    limits: dict[str, dict[str, Any]] = {
        "timeout": {"timeout": 1.0},
        "memory": {"memory": 100 * MB},
        "crash": {},
    }
    run = run_once(module, end=end, **limits[end])
    assert run.report.outcome in (Outcome.TIMED_OUT, Outcome.OUT_OF_MEMORY, Outcome.CRASHED)
    (name,) = [line.removeprefix("segment ") for line in run.lines if "segment" in line]
    assert not (Path("/dev/shm") / name).exists()


def test_sigterm_waits_while_the_objective_forks(tmp_path: Path) -> None:
    # One that comes while the interpreter sets up the new process would be forgotten.
    module = write_module(
        tmp_path,
        """
        import os, signal
        SEEN = []
        def waits(): return signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, [])
        os.register_at_fork(
            before=lambda: SEEN.append(waits()), after_in_child=lambda: SEEN.append(waits())
        )
        def train(params):
            SEEN.clear()
            pid = os.fork()
            if pid == 0:
                os._exit(0 if SEEN == [True, True] and not waits() else 7)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            return float(status == 0 and SEEN == [True] and not waits())
        """,
    )
    assert run_once(module).report.metric == 1.0
