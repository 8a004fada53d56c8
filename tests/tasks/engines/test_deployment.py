"""Trials as flow runs on a work pool keep the contract of engines."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    LogFilter,
    LogFilterFlowRunId,
)
from prefect.client.schemas.objects import FlowRun
from prefect.states import Cancelling

from prefect_tuner import (
    EngineError,
    InvalidConfiguration,
    Outcome,
    TunerConfig,
    TuningResult,
    tune,
)
from prefect_tuner.ending import Ending
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.tasks.engine import Engine, EngineStudy
from prefect_tuner.tasks.engines.deployment import DeploymentEngine
from prefect_tuner.tasks.flow_runs import signs_of_life, trial_desk
from prefect_tuner.tasks.flow_runs.deployment_options import DeploymentOptions
from prefect_tuner.testing.engine_steps import (
    assert_gone,
    noted_by,
    request_to,
)
from prefect_tuner.trial import TrialLimits
from tests.polling import eventually
from tests.prefect_server import PrefectServer
from tests.server_silence import ServerSilence
from tests.tasks.engines import study_program
from tests.tasks.engines.studies import (
    LOGS,
    StudiesOnEngine,
    WorkersAreLost,
    assert_gone_one_of,
    study_running,
    worker_of,
)
from tests.tasks.engines.trial_pool import TrialPool, deploy, trial_pool

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.slow,
    # Each trial is a process that imports all of Prefect, several at a time.
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="class")
def pool(prefect_server: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrialPool]:
    with trial_pool() as made:
        folder = tmp_path_factory.mktemp("workers")
        made.start_worker(folder)
        made.start_worker(folder)
        made.await_workers(2)
        yield made


class TestDeployment(WorkersAreLost, StudiesOnEngine):
    """All in one class, for one pool with its workers."""

    name = "deployment"
    silence: ServerSilence
    stop_timeout = 30.0
    trials = 2  # Each of them, and each evaluation, is a process that imports all of Prefect.

    @pytest.fixture(scope="class", autouse=True)
    @classmethod
    def _on_the_pool(cls, pool: TrialPool, prefect_server: PrefectServer) -> Iterator[None]:
        cls.address = pool.deployment
        with ServerSilence.of(prefect_server.api_url) as silence:
            cls.silence = silence
            yield

    @pytest.fixture(autouse=True)
    def _but_for_what_the_server_stood_still(self) -> None:
        self.stop_timeout = type(self).stop_timeout + self.silence.longest

    @classmethod
    def engine(cls, study: EngineStudy) -> AbstractContextManager[Engine]:
        return DeploymentEngine.opened(study, DeploymentOptions(deployment=cls.address))

    def test_prefect_works_in_a_trial_and_its_log_is_that_of_its_task_run(
        self, retried: tuple[TuningResult, StudyState]
    ) -> None:
        """Of its flow run here, which is shown under the study's."""
        own = UUID(str(retried[0].trials[LOGS].extra["flow_run"]))

        def logged() -> FlowRun:
            with get_client(sync_client=True) as client:
                logs = client.read_logs(LogFilter(flow_run_id=LogFilterFlowRunId(any_=[own])))
                assert "said inside" in [log.message for log in logs]
                return client.read_flow_run(own)

        run = eventually(logged)
        assert run.name.endswith(f"-{LOGS}")
        assert run.state is not None
        assert run.state.is_completed()
        with get_client(sync_client=True) as client:
            assert run.parent_task_run_id is not None
            task_run = client.read_task_run(run.parent_task_run_id)
            assert task_run.name == run.name
            assert task_run.flow_run_id is not None
            below = FlowRunFilter(
                parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[task_run.flow_run_id])
            )
            found = [each.id for each in client.read_flow_runs(flow_run_filter=below)]
            assert own in found
            assert len(found) == sum(trial.attempts for trial in retried[0].trials)

    @pytest.mark.parametrize(("number", "seconds"), [(signal.SIGINT, 30)])
    def test_trials_end_with_the_program_that_tunes(
        self, tmp_path: Path, number: signal.Signals, seconds: float
    ) -> None:
        super().test_trials_end_with_the_program_that_tunes(tmp_path, number, seconds)

    def test_what_runs_when_the_program_is_killed_is_adopted_by_the_next_run(
        self, tmp_path: Path
    ) -> None:
        """Trials, and evaluations of the best one."""
        notes = tmp_path / "notes"

        def let_go(which: int) -> None:
            """One that has begun, which waits for that."""
            (tmp_path / f"go-{study_program.noted_numbers(notes)[which]}").touch()

        def killed_with_two_in_flight_of_which_one_ends(count: int) -> None:
            with self._program(tmp_path, "confirmed_study") as killed:
                pids = noted_by(notes, count)[-2:]
                killed.kill()
            let_go(-2)
            eventually(lambda: assert_gone_one_of(pids), timeout=30.0)

        killed_with_two_in_flight_of_which_one_ends(2)
        let_go(-1)
        killed_with_two_in_flight_of_which_one_ends(4)
        with self._program(tmp_path, "confirmed_study") as program:
            let_go(-1)
            assert program.stdout is not None
            digest = program.stdout.read().decode().split()[-1]
            assert program.wait(60) == 0
        state = read_state(LedgerFile(tmp_path / "studies-deployment", "waiting"))
        assert state is not None
        assert len(state.runs) == 3
        assert [trial.attempts for trial in state.trials] == [1, 1]
        assert len(state.evaluations) == 2
        attempts = [line.split()[1] for line in notes.read_text().splitlines()]
        assert attempts == ["1"] * 4
        assert len(set(study_program.noted_numbers(notes))) == 4
        here = study_program.confirmed_study("local", "", tmp_path)
        assert digest == here.digest
        assert here.winner is not None
        winner = None if state.confirmed is None else state.confirmed.confirmation.winner
        assert winner is not None
        assert (winner.number, winner.mean) == (here.winner.number, here.winner.mean)

    def test_what_runs_on_and_is_not_needed_any_more_is_stopped_by_the_next_run(
        self, tmp_path: Path
    ) -> None:
        notes = tmp_path / "notes"
        with self._program(tmp_path) as killed:
            noted_by(notes, 2)
            (tmp_path / "go-0").touch()
            noted_by(notes, 3)
            killed.kill()
        result = study_program.waiting_study(self.name, self.address, tmp_path, max_trials=1)
        # It was complete, by the smaller budget.
        assert [trial.number for trial in result.trials if trial.metric is not None] == [0]
        eventually(lambda: assert_gone(notes), timeout=30.0)

    def test_cancelling_the_run_of_a_program_that_was_killed_stops_its_trials(
        self, tmp_path: Path
    ) -> None:
        with self._program(tmp_path) as killed:
            noted_by(tmp_path / "notes", 2)
            killed.kill()
        state = read_state(LedgerFile(tmp_path / "studies-deployment", "waiting"))
        assert state is not None
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(state.runs[-1].flow_run_id, Cancelling())
        eventually(lambda: assert_gone(tmp_path / "notes"), timeout=30.0)

    def _program(
        self, folder: Path, study: str = "waiting_study"
    ) -> AbstractContextManager[subprocess.Popen[bytes]]:
        pipe = subprocess.PIPE
        return study_running(self.name, self.address, folder, study, stdout=pipe)

    def test_a_trial_whose_machine_is_lost_has_crashed_within_a_minute(
        self, pool: TrialPool, tmp_path: Path
    ) -> None:
        """The last one that needs workers: it kills them."""

        def run(engine: Engine) -> Ending:
            note = tmp_path / "lost"
            engine.start(request_to(engine, 0, {"kind": "hangs", "note": str(note)}, TrialLimits()))
            (pid,) = noted_by(note, 1)
            process = worker_of(pid)
            for worker in pool.workers:  # Whichever has it.
                worker.kill()
            os.kill(process, signal.SIGKILL)
            arrival = engine.next_arrival(60.0)
            assert arrival is not None
            assert arrival.answer.ending is not None
            return arrival.answer.ending

        ending = self.in_a_flow(run)
        assert (ending.outcome, ending.attempts) == (Outcome.CRASHED, 1)
        assert ending.message.startswith("its worker was lost: process ")


@flow(name="another flow")
def another(request: str, more: int = 0) -> str:
    return f"{request} {more}"


@pytest.mark.usefixtures("prefect_server")
class TestBadInput:
    def run(
        self,
        objective: Any = "json:loads",
        # Should it not be refused.
        config: TunerConfig = TunerConfig(max_duration=5.0),  # noqa: B008 - it is frozen
        **options: Any,
    ) -> None:
        tune(objective, {"x": [1, 2]}, config=config, engine="deployment", engine_options=options)

    def run_for_nothing(self, pool: TrialPool, config: TunerConfig) -> None:
        with pytest.raises(Exception, match="no trial has a metric"):
            self.run(config=config, deployment=pool.deployment)

    def test_a_deployment_has_to_be_named(self) -> None:
        with pytest.raises(InvalidConfiguration, match=r"engine_options\.deployment: is required"):
            self.run()

    def test_an_unknown_one_is_answered_with_those_that_there_are(self) -> None:
        with (
            trial_pool() as pool,
            pytest.raises(EngineError, match=rf"did you mean 'trial/{pool.pool}'"),
        ):
            self.run(deployment=pool.pool[:-1])

    def test_job_variables_that_the_pool_would_ignore_are_refused(self) -> None:
        with (
            trial_pool() as pool,
            pytest.raises(InvalidConfiguration, match=r"job_variables\.comand: .*'command'"),
        ):
            self.run(deployment=pool.deployment, job_variables={"comand": "x", "env": {}})

    def test_one_of_another_flow_is_refused(self) -> None:
        made = deploy(another, "other")
        try:
            with pytest.raises(EngineError, match="is of the flow 'another flow', which takes"):
                self.run(deployment="another flow/other")
        finally:
            with get_client(sync_client=True) as client:
                client.delete_deployment(made)

    def test_a_closure_is_refused_with_what_to_do(self) -> None:
        with pytest.raises(InvalidConfiguration, match=r"objective: .*put it into a module"):
            self.run(lambda params: float(params["x"]), deployment="trial/any")

    def test_a_pool_without_a_worker_is_told_at_once_and_again_and_the_study_waits(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(signs_of_life, "NOBODY_COMES", 3.0)
        monkeypatch.setattr(trial_desk, "LOOK_CLOSELY", 1.0)
        with trial_pool() as pool, caplog.at_level(logging.WARNING):
            self.run_for_nothing(pool, TunerConfig(max_trials=3, max_duration=8.0))
        told = [record.message for record in caplog.records if pool.pool in record.message]
        advice = f"work pool '{pool.pool}' has no worker online; start one by `prefect worker"
        assert len(told) == 2
        assert told[0].startswith("W" + advice[1:])
        assert told[1].startswith("No trial has begun for ")
        assert advice in told[1]

    def test_a_limit_below_the_trials_at_a_time_is_told_before_any_trial(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        config = TunerConfig(max_trials=3, max_concurrency=3, max_duration=1.0)
        with trial_pool(limit=1) as pool, caplog.at_level(logging.WARNING):
            self.run_for_nothing(pool, config)
        limited = f"3 trials at a time, but work pool '{pool.pool}' lets 1 flow runs run at a time"
        assert any(limited in record.message for record in caplog.records)
