"""A study that was stopped or killed, and the same call again."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from prefect_tuner import (
    Outcome,
    TrialContext,
    TunerConfig,
    TuningResult,
    tune,
)
from prefect_tuner.flows.ledger.counted_trials import counted_trials
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from tests.flows import counted_study
from tests.flows.counted_study import calls, calls_by_number, counted_space, train
from tests.flows.flow_runs import run_tune
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")

TRIALS = 20
CONCURRENCY = 3


class Counted:
    """The program `counted_study.py`, started again and again.

    Args:
        folder: Where the calls are written down.
        ledgers: Where the ledger is.
        name: The study's.
        settings: Number of trials, how many at a time, and the seconds that each takes at most.
    """

    def __init__(self, folder: Path, ledgers: Path, name: str, *settings: float) -> None:
        self.folder = folder
        self.name = name
        self.ledger = LedgerFile(ledgers, name)
        self.settings = settings
        self.told = ""

    @property
    def state(self) -> StudyState:
        found = read_state(self.ledger)
        assert found is not None
        return found

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """The program, from the moment when it runs trials."""
        before = len(calls(self.folder, self.name))
        command = [counted_study.__file__, self.folder, self.name, *self.settings]
        with subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as program:

            def it_runs() -> None:
                assert program.poll() is None, program.stdout and program.stdout.read()
                assert len(calls(self.folder, self.name)) > before + CONCURRENCY

            try:
                eventually(it_runs, timeout=60.0, interval=0.02)
                yield program
            finally:
                program.kill()

    def interrupt(self, number: signal.Signals) -> StudyState:
        """Run it, have it interrupted, and return what its ledger says then."""
        with self.running() as program:
            program.send_signal(number)
            self.told, _ = program.communicate(timeout=30.0)
        return self.state

    def complete(self) -> str:
        """Run it to its end, and return what it has printed."""
        with self.running() as program:
            output, _ = program.communicate(timeout=60.0)
            assert program.returncode == 0, output
        return output


def test_the_same_call_goes_on_after_sigterm_ctrl_c_and_sigkill(
    tmp_path: Path, ledgers: Path
) -> None:
    study = Counted(tmp_path, ledgers, "interrupted", TRIALS, CONCURRENCY, 0.4)
    again = last_in_flight = 0
    finished: list[int] = []
    asked: list[Any] = []
    for number, reason in [
        (signal.SIGTERM, "terminated from outside (SIGTERM)"),
        (signal.SIGINT, "interrupted (Ctrl-C)"),
        (signal.SIGKILL, ""),
    ]:
        state = study.interrupt(number)
        if reason:
            assert state.stopped is not None, study.told
            assert (state.stopped.ending, state.stopped.reason) == ("cancelled", reason)
            stopped = [t for t in counted_trials(state) if t.outcome is Outcome.CANCELLED]
            assert [t.number for t in stopped] == [t.number for t in state.in_flight]
            # A trial may be caught before its process was there.
            assert all(t.message.startswith("the study was stopped") for t in stopped)
            assert all(t.message.endswith(f": {reason}") for t in stopped)
        else:
            assert state.stopped is None
        assert study.ledger.holder() is None
        assert len(state.in_flight) <= CONCURRENCY
        assert state.finished[: len(finished)] == finished
        assert [(t.params, t.seed) for t in state.trials][: len(asked)] == asked
        finished = state.finished
        asked = [(t.params, t.seed) for t in state.trials]
        last_in_flight = len(state.in_flight)
        again += last_in_flight
    output = study.complete()
    assert not last_in_flight or f"last run ended: {last_in_flight}" in output
    (killed, last) = study.state.runs[-2:]
    dead = f"flow run {killed.flow_run!r} (process {killed.pid} on {killed.host})"
    assert last.taken_over.startswith(dead)
    assert re.search(rf"\bTook .*over from {re.escape(dead)}", output)
    assert [run.taken_over for run in study.state.runs[:-1]] == ["", "", ""]
    assert {trial.outcome for trial in study.state.trials} == {Outcome.COMPLETED}
    counts = calls_by_number(tmp_path, "interrupted")
    assert sorted(counts) == list(range(TRIALS))
    assert sum(counts.values()) <= TRIALS + again


def test_a_study_that_was_killed_when_all_had_finished_is_closed_by_the_next_run(
    tmp_path: Path, ledgers: Path
) -> None:
    def same_call() -> TuningResult:
        return run_tune(train, counted_space(tmp_path, 0.1), study="all-but-closed").result

    first = same_call()
    file = ledgers / "all-but-closed.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    assert '"type": "stopped"' in lines[-1]
    file.write_text("".join(lines[:-1]))
    second, third = same_call(), same_call()
    assert first.digest == second.digest == third.digest
    state = read_state(LedgerFile(ledgers, "all-but-closed"))
    assert state is not None
    assert state.stopped is not None
    assert (state.stopped.ending, state.stopped.reason) == ("completed", "max_trials")
    assert state.elapsed == pytest.approx(first.duration, abs=1.0)
    assert len(state.runs) == 2  # The third had nothing to add.
    assert set(calls_by_number(tmp_path, "all-but-closed").values()) == {1}


def test_a_second_run_is_told_who_holds_the_study_and_the_first_goes_on(
    tmp_path: Path, ledgers: Path
) -> None:
    study = Counted(tmp_path, ledgers, "held", 10, 2, 0.3)
    gate = tmp_path / "held" / "gate"
    gate.parent.mkdir()
    gate.write_text("5")
    with study.running() as first:
        run = study.state.runs[0]
        with subprocess.Popen(
            first.args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as second:
            told, _ = second.communicate(timeout=60.0)
        assert second.returncode == 1, told
        assert re.search(r"StudyConflict: study 'held' .*held\b", told)
        assert f"{run.flow_run!r} (process {first.pid} on {run.host})" in told
        assert first.poll() is None
        gate.unlink()
        output, _ = first.communicate(timeout=60.0)
        assert first.returncode == 0, output
    assert len(study.state.runs) == 1
    assert calls_by_number(tmp_path, "held") == dict.fromkeys(range(10), 1)


def failing_once(marker: Path, number: int) -> Callable[..., float]:
    """The counted objective, which raises once in the trial with that number."""

    def train_or_fail(params: Any, trial: TrialContext) -> float:
        metric = train(params, trial)
        if trial.number == number and not marker.exists():
            marker.touch()
            raise ValueError("not this time")
        return metric

    return train_or_fail


def test_a_flow_that_is_retried_does_not_run_finished_trials_again(tmp_path: Path) -> None:
    failed = "the flow fails once"

    class Awkward(RuntimeError):
        pass

    @flow(retries=1)
    def parent() -> TuningResult:
        result = tune(
            train,
            counted_space(tmp_path, 0.1),
            study="in-a-parent",
            config=TunerConfig(max_trials=6, max_concurrency=2),
        )
        if not (tmp_path / "marker").exists():
            (tmp_path / "marker").touch()
            raise Awkward(failed)
        return result

    assert len(parent().trials) == 6
    assert calls_by_number(tmp_path, "in-a-parent") == dict.fromkeys(range(6), 1)


@pytest.mark.parametrize("study", ["retried", ""], ids=["with-a-name", "without-a-name"])
def test_a_study_whose_flow_is_retried_goes_on(tmp_path: Path, ledgers: Path, study: str) -> None:
    run = run_tune(
        failing_once(tmp_path / "marker", 3),
        counted_space(tmp_path, 0.1),
        tuned=tune.with_options(retries=2),
        study=study,
        max_trials=8,
        max_concurrency=2,
        on_failure="raise",
    )
    (name,) = [path.name for path in tmp_path.iterdir() if path.is_dir()]
    assert run.result.study == name
    outcomes = ["failed" if n == 3 else "completed" for n in range(8)]
    assert run.outcomes == outcomes
    counts = calls_by_number(tmp_path, name)
    assert sorted(counts) == list(range(8))
    assert counts[3] == 1
    assert sum(counts.values()) <= 9  # One other was in flight.
    state = read_state(LedgerFile(ledgers, name))
    assert state is not None
    assert len(state.runs) == 2
    assert state.stopped is not None
    assert state.stopped.ending == "completed"
