"""The flow's process is interrupted, terminated, killed, suspended, while trials hang."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prefect.exceptions import Pause

from prefect_tuner import (
    Params,
    StudyFailed,
    TrialCompleted,
    TrialContext,
    TrialFailed,
)
from prefect_tuner.flows.ledger.counted_trials import counted_trials
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.tasks.process_table.process_tree import descendants
from tests.flows import interrupted_study
from tests.flows.flow_runs import SuspendAtFirst, artifacts, flow_run, log_lines, run_tune
from tests.flows.processes import assert_gone
from tests.messages import FLOW_RUN_IS_TO_BE_SUSPENDED, STOPPED_WHILE_IT_RAN
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")

ENDED_WITHIN = 5.0


class Interrupted:
    """A process that tunes, two of its trials hanging."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self.process = process
        self._folder = folder
        self.trials = eventually(self._hanging, timeout=60.0)
        self.run = eventually(lambda: self._written("run"))
        # All that must be gone: fork server, trials, and what those have started.
        self.pids = {*descendants(process.pid), *self.trials}
        assert len(self.pids) >= 5

    def _written(self, name: str) -> str:
        file = self._folder / name
        assert file.exists()
        return file.read_text()

    def _hanging(self) -> list[int]:
        assert self.process.poll() is None
        return [int(pid) for n in (1, 2) for pid in self._written(f"{n}.pids").split()]

    def end(self, *signals: signal.Signals) -> int:
        """Send the signals one after the other; return the exit code when all is gone."""
        since = time.monotonic()
        for number in signals:
            self.process.send_signal(number)
            if number is not signals[-1]:
                time.sleep(0.5)  # What comes between two presses of Ctrl-C.
        assert_gone(*self.pids, timeout=ENDED_WITHIN - (time.monotonic() - since))
        return self.process.wait(timeout=60)


@contextmanager
def interrupted(folder: Path, name: str) -> Iterator[Interrupted]:
    command = [sys.executable, str(interrupted_study.__file__), str(folder), name]
    log = (folder / "log").open("w")
    with log, subprocess.Popen(command, stdout=log, stderr=log, text=True) as process:
        try:
            yield Interrupted(process, folder)
        finally:
            process.kill()


def assert_recorded(run: str, name: str, reason: str) -> None:
    """What had finished, and why the rest was stopped, is at the server."""
    found = artifacts(run)
    assert [row["trial"] for row in found[f"{name}-leaderboard"]] == [0]
    assert [row["outcome"] for row in found[f"{name}-failed-trials"]] == ["cancelled"] * 2
    assert f"Cancelled: {reason}" in found[f"{name}-best-parameters"].replace("\\", "")
    told = log_lines(run)
    lines = [line for _, line in told]
    assert any(line.startswith("Trial 0 completed: metric=0.5") for line in lines)
    for number in (1, 2):
        assert any(
            line.startswith(f"Trial {number} cancelled: {STOPPED_WHILE_IT_RAN}: {reason}")
            for line in lines
        )
    ((level, last),) = [each for each in told if each[1].startswith(f"Study {name!r} was")]
    assert level == logging.WARNING
    assert re.search(rf"\b3 trials: {re.escape(reason)}; .*\b0\.5\b", last)


def assert_in_the_ledger(ledger: LedgerFile, reason: str) -> None:
    """The run has ended and says why, two trials are to be run again, and nobody holds it."""
    state = read_state(ledger)
    assert state is not None
    assert state.stopped is not None
    assert (state.stopped.ending, state.stopped.reason) == ("cancelled", reason)
    assert state.finished == [0]
    assert [(trial.number, trial.attempts) for trial in state.in_flight] == [(1, 1), (2, 1)]
    why = f"the study was stopped while the trial ran: {reason}"
    assert [trial.message for trial in counted_trials(state)[1:]] == [why, why]
    assert ledger.holder() is None


@pytest.mark.parametrize(
    ("number", "name", "reason", "exit_codes"),
    [
        (signal.SIGINT, "by-ctrl-c", "interrupted (Ctrl-C)", {1, -signal.SIGINT, 130}),
        (signal.SIGTERM, "by-sigterm", "terminated from outside (SIGTERM)", {-signal.SIGTERM}),
    ],
)
def test_an_interrupted_study_leaves_its_record_and_no_process(
    number: signal.Signals,
    name: str,
    reason: str,
    exit_codes: set[int],
    tmp_path: Path,
    ledgers: Path,
) -> None:
    with interrupted(tmp_path, name) as study:
        assert study.end(number) in exit_codes
    assert_recorded(study.run, name, reason)
    assert_in_the_ledger(LedgerFile(ledgers, name), reason)
    assert flow_run(study.run)["state"]["type"] == "CRASHED"


def test_a_second_ctrl_c_leaves_no_process_either(tmp_path: Path, ledgers: Path) -> None:
    with interrupted(tmp_path, "twice") as study:
        study.end(signal.SIGINT, signal.SIGINT)
    state = read_state(LedgerFile(ledgers, "twice"))
    assert state is not None
    assert state.finished == [0]
    assert [trial.number for trial in state.in_flight] == [1, 2]


def test_a_flow_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    with interrupted(tmp_path, "killed") as study:
        assert study.end(signal.SIGKILL) == -signal.SIGKILL


def test_a_suspended_flow_run_leaves_no_process_and_loses_no_trial(tmp_path: Path) -> None:
    pids = tmp_path / "pids"

    def train(_: Params, trial: TrialContext) -> float:
        if trial.number == 1:
            pids.write_text(str(os.getpid()))
            time.sleep(60)
        while not pids.exists():
            time.sleep(0.01)
        return float(trial.number)

    observer = SuspendAtFirst()
    with pytest.raises(Pause):
        run_tune(train, max_concurrency=2, max_trials=9, observers=[observer])
    assert_gone(int(pids.read_text()), timeout=ENDED_WITHIN)
    last = observer.heard[-1]
    assert isinstance(last, StudyFailed)
    assert (last.cancelled, last.reason) == (True, FLOW_RUN_IS_TO_BE_SUSPENDED)
    ended = [e.trial for e in observer.heard if isinstance(e, TrialCompleted | TrialFailed)]
    assert sorted(trial.number for trial in ended) == list(range(last.progress.asked))
    assert {str(trial.outcome) for trial in ended} == {"completed", "cancelled"}
    (hung,) = [trial for trial in ended if trial.number == 1]
    assert re.search(r"flow run .*suspended.* trial", hung.message)
