"""What a study keeps on every engine, for the tests of each to inherit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterTaskRunId
from prefect.client.schemas.objects import TaskRun

from prefect_tuner import (
    Float,
    InvalidConfiguration,
    ObjectiveNotFound,
    Outcome,
    TunerConfig,
    TuningResult,
    tune,
)
from prefect_tuner.ending import Ending
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.tasks.engine import Engine
from prefect_tuner.testing import EngineConformance
from prefect_tuner.testing.engine_steps import (
    Told,
    arrived,
    assert_gone,
    end_in_all_ways,
    noted_by,
    request_to,
    run_trials_on,
    stop_all,
    stop_one,
)
from prefect_tuner.trial import TrialLimits
from tests.polling import eventually
from tests.tasks.engines.objectives import ends_or_logs, quadratic
from tests.tasks.engines.study_program import tune_on

ROOT = Path(__file__).parents[3]

KINDS = ["completes", "raises first", "exits", "logs"]
LOGS = KINDS.index("logs")


@contextmanager
def study_running(
    engine: str,
    address: str,
    folder: Path,
    study: str,
    *,
    stdout: int | None = None,
    stderr: int | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program with a study of `study_program`, by its name, which is killed in the end."""
    command = [sys.executable, "-m", "tests.tasks.engines.study_program"]
    with subprocess.Popen(
        [*command, engine, address, str(folder), study],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
    ) as program:
        try:
            yield program
        finally:
            program.kill()


class StudiesOnEngine:
    """Attributes:
    name: The engine's.
    address: Of its cluster.
    trials: Of the study that is the same everywhere.
    """

    name: ClassVar[str] = "local"
    address: ClassVar[str] = ""
    trials: ClassVar[int] = 6

    @classmethod
    def run(cls, objective: Any, space: Any, **options: Any) -> TuningResult:
        return tune_on(cls.name, cls.address, objective, space, **options)

    @pytest.fixture(scope="class")
    @classmethod
    def retried(cls, tmp_path_factory: pytest.TempPathFactory) -> tuple[TuningResult, StudyState]:
        """A study of trials that are tried again, and one that logs: its result and its ledger."""
        folder = tmp_path_factory.mktemp("retried")
        result = cls.run(
            ends_or_logs,
            {"kind": KINDS},
            strategy="grid",
            study="retried",
            storage=str(folder),
            config=TunerConfig(max_trials=len(KINDS), max_concurrency=2, retries=1),
        )
        state = read_state(LedgerFile(folder, "retried"))
        assert state is not None
        return result, state

    def test_the_same_study_comes_of_it_as_without(self, tmp_path: Path) -> None:
        given: dict[str, Any] = {
            "space": {"x": Float(0.0, 4.0), "y": Float(-1.0, 1.0)},
            "strategy": "gp",
            "config": TunerConfig(max_trials=self.trials, max_concurrency=2, reproducible=True),
            "preflight": True,
            "confirm": 1,
        }
        here = tune(quadratic, storage=str(tmp_path / "here"), **given)
        there = self.run(quadratic, storage=str(tmp_path / "there"), **given)
        assert there.digest == here.digest
        assert there.best_params == here.best_params
        for result in (here, there):
            assert result.confirmation is not None
            assert result.confirmation.end == "no_noise"
            assert result.confirmation.spent == 2
        assert there.winning_params == here.winning_params
        assert there.winning_metric == here.winning_metric == here.best_metric

    def test_prefect_works_in_a_trial_and_its_log_is_that_of_its_task_run(
        self, retried: tuple[TuningResult, StudyState]
    ) -> None:
        said = retried[0].trials[LOGS].extra
        task_run = UUID(str(said["task_run"]))

        def logged() -> TaskRun:
            with get_client(sync_client=True) as client:
                logs = client.read_logs(LogFilter(task_run_id=LogFilterTaskRunId(any_=[task_run])))
                assert "said inside" in [log.message for log in logs]
                return client.read_task_run(task_run)

        run = eventually(logged)
        assert str(run.flow_run_id) == said["flow_run"]
        assert run.name.endswith(f"-{LOGS}")

    def test_retries_are_counted_in_the_ledger(
        self, retried: tuple[TuningResult, StudyState]
    ) -> None:
        result, state = retried
        assert [trial.outcome for trial in result.trials] == [
            Outcome.COMPLETED,
            Outcome.COMPLETED,
            Outcome.CRASHED,
            Outcome.COMPLETED,
        ]
        assert [trial.attempts for trial in result.trials] == [1, 2, 2, 1]
        assert [trial.attempts for trial in state.trials] == [1, 2, 2, 1]

    def test_an_objective_that_workers_do_not_find_ends_the_study_at_once(
        self, tmp_path: Path
    ) -> None:
        with pytest.raises(ObjectiveNotFound) as told:
            self.run(
                "nowhere_to_be_found:train", {"x": [1, 2]}, study="lost", storage=str(tmp_path)
            )
        assert "process" in str(told.value)
        assert "nowhere_to_be_found" in str(told.value)

    def test_devices_of_this_machine_are_refused(self, tmp_path: Path) -> None:
        config = TunerConfig(devices=["0", "1"])
        with pytest.raises(InvalidConfiguration, match=r"config\.devices: .*\['0', '1'\]"):
            self.run(quadratic, {"x": [1, 2], "y": [0]}, storage=str(tmp_path), config=config)

    @pytest.mark.parametrize(("number", "seconds"), [(signal.SIGINT, 12), (signal.SIGKILL, 35)])
    def test_trials_end_with_the_program_that_tunes(
        self, tmp_path: Path, number: signal.Signals, seconds: float
    ) -> None:
        with study_running(self.name, self.address, tmp_path, "hanging_study") as program:
            noted_by(tmp_path / "notes", 2)
            program.send_signal(number)
            eventually(lambda: assert_gone(tmp_path / "notes"), timeout=seconds)
            program.wait(90)


def lose_a_worker(engine: Engine, folder: Path) -> tuple[Ending, Ending, int, Path]:
    """How a trial ends whose worker is killed, and one after it; with the worker and the note."""
    note, other = folder / "lost", folder / "other"
    for number, its_note in ((400, note), (401, other)):
        params = {"kind": "hangs", "note": str(its_note)}
        engine.start(request_to(engine, number, params, TrialLimits()))
    (pid,) = noted_by(note, 1)
    noted_by(other, 1)
    worker = worker_of(pid)
    os.kill(worker, signal.SIGKILL)
    arrival = engine.next_arrival(60.0)
    assert arrival is not None
    assert (arrival.number, arrival.attempt) == (400, 1)
    assert arrival.answer.ending is not None
    (after,) = run_trials_on(engine, [{"kind": "completes"}], first=402)
    engine.stop_trial(401, "it has seen enough")
    assert arrived(engine).outcome is Outcome.CANCELLED
    return arrival.answer.ending, after, worker, note


class WorkersAreLost(EngineConformance):
    """What an engine keeps whose workers are processes that can be killed."""

    steps = (end_in_all_ways, stop_one, lose_a_worker, stop_all)

    def test_a_trial_whose_worker_is_lost_has_crashed_and_others_go_on(self, told: Told) -> None:
        lost, after, worker, note = told[lose_a_worker]
        assert lost.outcome is Outcome.CRASHED
        assert lost.message.startswith("its worker was lost: ")
        assert f"process {worker} on " in lost.message
        assert after.outcome is Outcome.COMPLETED
        assert len(note.read_text().splitlines()) == 1


def assert_gone_one_of(pids: list[int]) -> None:
    assert sum(Path(f"/proc/{pid}").exists() for pid in pids) == len(pids) - 1


def worker_of(pid: int) -> int:
    """The worker's process above that of a trial."""
    while True:
        status = Path(f"/proc/{pid}/status").read_text()
        pid = int(status.split("PPid:")[1].split()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"fork_server" not in command:
            return pid
