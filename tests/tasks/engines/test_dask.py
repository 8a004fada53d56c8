"""Trials on a Dask cluster keep the contract of engines, and survive the loss of its parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import pytest

from prefect_tuner.ending import Ending
from prefect_tuner.errors import EngineError
from prefect_tuner.tasks.engine import Engine, EngineStudy
from prefect_tuner.tasks.engines.network_address import check_answers
from prefect_tuner.testing import EngineConformance
from prefect_tuner.testing.engine_steps import (
    assert_gone,
    noted_by,
    request_to,
)
from prefect_tuner.trial import Outcome, TrialLimits
from tests.polling import eventually
from tests.tasks.engines.dask_cluster import DaskCluster, free_port
from tests.tasks.engines.studies import StudiesOnEngine, WorkersAreLost

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.slow,
    # Each worker that is started imports all of Prefect, several at a time.
    pytest.mark.timeout(400),
]


class OnDask(EngineConformance):
    address: ClassVar[str] = ""

    @classmethod
    def engine(cls, study: EngineStudy) -> AbstractContextManager[Engine]:
        # Here: it takes a second, which tests of other files do not wait for.
        from prefect_tuner.tasks.engines.dask import DaskEngine, DaskOptions

        return DaskEngine.opened(study, DaskOptions(address=cls.address))


@pytest.fixture(scope="module", autouse=True)
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with DaskCluster(tmp_path_factory.mktemp("dask")) as started:
        OnDask.address = TestDask.address = started.address
        yield started


class TestDask(OnDask, WorkersAreLost, StudiesOnEngine):
    """All in one class, for one cluster."""

    name = "dask"

    def test_a_trial_is_given_up_when_no_worker_is_left_that_could_run_it_again(
        self, tmp_path: Path
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

    def test_the_loss_of_the_scheduler_is_an_error_and_ends_its_trials(
        self, tmp_path: Path
    ) -> None:
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

    def test_an_address_that_nobody_answers_at_is_told(self) -> None:
        address = f"tcp://127.0.0.1:{free_port()}"
        with pytest.raises(
            EngineError, match=r"a Dask scheduler should be at tcp://127\.0\.0\.1:\d+"
        ):
            check_answers("a Dask scheduler", address)


def on_cluster(cluster: DaskCluster) -> type[OnDask]:
    return type("OnCluster", (OnDask,), {"address": cluster.address})
