"""Trials on a Dask cluster keep the contract of engines, and survive the loss of its parts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import pytest

from prefect_tuner.ending import Ending
from prefect_tuner.errors import EngineError
from prefect_tuner.tasks.engine import Engine, EngineStudy
from prefect_tuner.tasks.engines.dask import DaskEngine, DaskOptions
from prefect_tuner.tasks.engines.network_address import check_answers
from prefect_tuner.testing import EngineConformance
from prefect_tuner.testing.engine_conformance import (
    assert_gone,
    noted_by,
    request_to,
    run_trials_on,
)
from prefect_tuner.trial import Outcome, TrialLimits
from tests.polling import eventually
from tests.tasks.engines.dask_cluster import DaskCluster, free_port
from tests.tasks.engines.studies import StudiesOnEngine

pytestmark = [pytest.mark.usefixtures("prefect_server"), pytest.mark.slow]


class OnDask(EngineConformance):
    address: ClassVar[str] = ""

    @classmethod
    def engine(cls, study: EngineStudy) -> AbstractContextManager[Engine]:
        return DaskEngine.opened(study, DaskOptions(address=cls.address))


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with DaskCluster(tmp_path_factory.mktemp("dask")) as started:
        OnDask.address = TestStudiesOnDask.address = started.address
        yield started


class TestDaskEngine(OnDask):
    pass


class TestStudiesOnDask(StudiesOnEngine):
    name = "dask"


def test_a_trial_whose_worker_is_lost_has_crashed_and_others_go_on(
    cluster: DaskCluster, tmp_path: Path
) -> None:
    cluster.start_worker()
    note, other = tmp_path / "lost", tmp_path / "other"

    def run(engine: Engine) -> tuple[Ending, Ending]:
        engine.start(request_to(engine, 0, {"kind": "hangs", "note": str(note)}, TrialLimits()))
        engine.start(request_to(engine, 1, {"kind": "hangs", "note": str(other)}, TrialLimits()))
        (pid,) = noted_by(note, 1)
        noted_by(other, 1)
        os.kill(worker_of(pid), signal.SIGKILL)
        arrival = engine.next_arrival(60.0)
        assert arrival is not None
        assert (arrival.number, arrival.attempt) == (0, 1)
        assert arrival.answer.ending is not None
        (after,) = run_trials_on(engine, [{"kind": "completes"}], first=2)
        return arrival.answer.ending, after

    lost, after = OnDask.in_a_flow(run)
    assert lost.outcome is Outcome.CRASHED
    assert lost.message.startswith("its worker was lost: Dask worker tcp://127.0.0.1:")
    assert after.outcome is Outcome.COMPLETED
    assert len(note.read_text().splitlines()) == 1


def test_a_trial_is_given_up_when_no_worker_is_left_that_could_run_it_again(
    tmp_path: Path,
) -> None:
    note = tmp_path / "lost"

    def run(engine: Engine) -> Ending:
        engine.start(request_to(engine, 0, {"kind": "hangs", "note": str(note)}, TrialLimits()))
        noted_by(note, 1)
        alone.kill_worker(0)
        arrival = engine.next_arrival(60.0)
        assert arrival is not None
        assert arrival.answer.ending is not None
        return arrival.answer.ending

    with DaskCluster(tmp_path, workers=1) as alone:
        ending = on_cluster(alone).in_a_flow(run)
    assert ending.outcome is Outcome.CRASHED
    assert ending.message.startswith("its worker was lost: Dask worker tcp://127.0.0.1:")
    assert_gone(note)


def test_the_loss_of_the_scheduler_is_an_error_and_ends_its_trials(tmp_path: Path) -> None:
    note = tmp_path / "running"

    def run(engine: Engine) -> str:
        engine.start(request_to(engine, 0, {"kind": "hangs", "note": str(note)}, TrialLimits()))
        noted_by(note, 1)
        alone.kill_scheduler()
        arrival = engine.next_arrival(60.0)
        assert arrival is not None
        assert arrival.answer.ending is None
        return str(arrival.answer.error)

    with DaskCluster(tmp_path, workers=1) as alone:
        told = on_cluster(alone).in_a_flow(run)
        assert told.startswith(f"the Dask scheduler, {alone.address}, is gone")
        eventually(lambda: assert_gone(note), timeout=30)


def on_cluster(cluster: DaskCluster) -> type[OnDask]:
    return type("OnCluster", (OnDask,), {"address": cluster.address})


def test_an_address_that_nobody_answers_at_is_told() -> None:
    options = DaskOptions(address=f"tcp://127.0.0.1:{free_port()}")
    with pytest.raises(EngineError, match=r"a Dask scheduler should be at tcp://127\.0\.0\.1:\d+"):
        check_answers("a Dask scheduler", options.address)


def worker_of(pid: int) -> int:
    """The Dask worker's process above that of a trial."""
    while True:
        status = Path(f"/proc/{pid}/status").read_text()
        pid = int(status.split("PPid:")[1].split()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"fork_server" not in command:
            return pid
