"""Runs under `serve` that are killed, cancelled or suspended, and go on by Prefect's own means."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from prefect.flow_runs import resume_flow_run, suspend_flow_run

from prefect_tuner import Outcome
from prefect_tuner.flows.ledger.counted_trials import counted_trials
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from tests.deployments.programs import Program, run_prefect
from tests.deployments.rest_client import RestClient
from tests.deployments.serving import serving
from tests.flows import counted_study
from tests.flows.counted_study import calls, calls_by_number, counted_space
from tests.flows.processes import assert_gone
from tests.messages import FLOW_RUN_IS_TO_BE_SUSPENDED
from tests.polling import eventually

pytestmark = pytest.mark.slow

TRIALS = 10
CONCURRENCY = 2
BEFORE = 4
SECONDS = 1.0


@dataclass
class ServedStudy:
    """A study in a run of the served deployment.

    Attributes:
        rest: The server.
        folder: Where its calls and its ledger are.
        id: The flow run's.
        name: The study's, which is the flow run's where none was given.
    """

    rest: RestClient
    folder: Path
    id: str
    name: str

    @classmethod
    def start(cls, rest: RestClient, folder: Path, study: str) -> ServedStudy:
        """Start a run."""
        run = rest.start_run(
            "tune/tune",
            objective=f"{counted_study.__file__}:train",
            space=counted_space(folder, SECONDS),
            study=study,
            storage=str(folder),
            config={"max_trials": TRIALS, "max_concurrency": CONCURRENCY},
        )
        return cls(rest, folder, run, study or rest.get(f"/flow_runs/{run}")["name"])

    @property
    def ledger(self) -> LedgerFile:
        return LedgerFile(self.folder, self.name)

    @property
    def state(self) -> StudyState:
        found = read_state(self.ledger)
        assert found is not None
        return found

    @property
    def run_state(self) -> str:
        return str(self.rest.get(f"/flow_runs/{self.id}")["state"]["name"])

    def wait_until_it_runs(self) -> None:
        """Wait until some trials have finished and others run."""

        def some_have_finished() -> None:
            assert len(calls(self.folder, self.name)) >= BEFORE

        eventually(some_have_finished, timeout=60.0)

    def wait_until_it_is(self, state: str) -> None:
        """Wait until the flow run is in a state."""

        def it_is() -> None:
            assert self.run_state == state

        eventually(it_is, timeout=60.0)

    def assert_it_went_on(self, before: StudyState, runs: int = 2) -> None:
        """All trials have finished, and only those that were in flight were run again."""
        state = self.state
        assert {trial.outcome for trial in state.trials} == {Outcome.COMPLETED}
        assert state.finished[: len(before.finished)] == before.finished
        for trial in before.trials:
            assert (trial.params, trial.seed) == (
                state.trials[trial.number].params,
                state.trials[trial.number].seed,
            )
        assert state.stopped is not None
        assert state.stopped.ending == "completed"
        assert len(state.runs) == runs
        assert state.runs[-1].elapsed >= before.elapsed > 0.0
        counts = calls_by_number(self.folder, self.name)
        assert sorted(counts) == list(range(TRIALS))
        in_flight = {trial.number for trial in before.in_flight}
        assert {number for number, count in counts.items() if count > 1} <= in_flight
        assert sum(counts.values()) <= TRIALS + len(in_flight)


@pytest.fixture(scope="module")
def served(rest: RestClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with serving(rest, tmp_path_factory.mktemp("served")) as program:
        yield program


def test_runs_that_were_killed_go_on_when_they_are_retried(
    served: Program, rest: RestClient, tmp_path: Path
) -> None:
    studies = [ServedStudy.start(rest, tmp_path, name) for name in ("served-killed", "")]
    before = {}
    for study in studies:
        study.wait_until_it_runs()
        os.kill(study.state.runs[-1].pid, signal.SIGKILL)
    for study in studies:
        study.wait_until_it_is("Crashed")
        before[study.id] = study.state
        assert study.state.stopped is None
    run_prefect(*(f"flow-run retry {study.id}" for study in studies))
    for study in studies:
        rest.wait_for_success(study.id)
        study.assert_it_went_on(before[study.id])
        assert "process" in study.state.runs[-1].taken_over


def test_a_run_that_was_cancelled_goes_on_in_another(
    served: Program, rest: RestClient, tmp_path: Path
) -> None:
    study = ServedStudy.start(rest, tmp_path, "served-cancelled")
    study.wait_until_it_runs()
    rest.cancel(study.id)
    study.wait_until_it_is("Cancelled")
    before = study.state
    assert before.stopped is not None
    assert before.stopped.ending == "cancelled"
    assert before.stopped.reason == "terminated from outside (SIGTERM)"
    stopped = [t for t in counted_trials(before) if t.outcome is Outcome.CANCELLED]
    assert [t.number for t in stopped] == [t.number for t in before.in_flight]
    assert 1 <= len(stopped) <= CONCURRENCY
    assert study.ledger.holder() is None
    another = ServedStudy.start(rest, tmp_path, "served-cancelled")
    rest.wait_for_success(another.id)
    another.assert_it_went_on(before)
    assert another.state.runs[-1].taken_over == ""


def test_a_run_that_was_suspended_goes_on_when_it_is_resumed(
    served: Program, rest: RestClient, tmp_path: Path
) -> None:
    study = ServedStudy.start(rest, tmp_path, "")
    study.wait_until_it_runs()
    suspend_flow_run(flow_run_id=UUID(study.id))

    def it_has_stopped() -> StudyState:
        state = study.state
        assert state.stopped is not None
        return state

    before = eventually(it_has_stopped, timeout=30.0)
    assert before.stopped is not None
    assert before.stopped.ending == "cancelled"
    assert before.stopped.reason == FLOW_RUN_IS_TO_BE_SUSPENDED
    assert before.in_flight
    study.wait_until_it_is("Suspended")
    assert_gone(before.runs[-1].pid, timeout=30.0)
    resume_flow_run(UUID(study.id))
    rest.wait_for_success(study.id)
    study.assert_it_went_on(before)
