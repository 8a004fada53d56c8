"""Trials on Ray keep the contract of engines, and survive the loss of a worker."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

import pytest

from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.tasks.engine import Engine, EngineStudy
from prefect_tuner.testing import EngineConformance
from prefect_tuner.testing.engine_steps import assert_gone, noted_by
from tests.polling import eventually
from tests.tasks.engines import study_program
from tests.tasks.engines.ray_cluster import RayCluster
from tests.tasks.engines.studies import StudiesOnEngine, WorkersAreLost, study_running

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.slow,
    # Each worker that is started imports all of Prefect, several at a time.
    pytest.mark.timeout(400),
]


class OnRay(EngineConformance):
    address: ClassVar[str] = ""

    @classmethod
    def engine(cls, study: EngineStudy) -> AbstractContextManager[Engine]:
        from prefect_tuner.tasks.engines.ray import RayEngine, RayOptions

        return RayEngine.opened(study, RayOptions(address=cls.address))


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[RayCluster]:
    import ray  # Here: it takes a second, which tests of other files do not wait for.

    with RayCluster() as started:
        # Engines find this process connected, and share its workers.
        ray.init(started.address, namespace="prefect", log_to_driver=False)
        OnRay.address = TestRay.address = started.address
        yield started
        ray.shutdown()


class TestRay(OnRay, WorkersAreLost, StudiesOnEngine):
    """All in one class, for one cluster."""

    name = "ray"

    def test_the_loss_of_the_head_is_an_error_and_the_study_goes_on_with_another(
        self, tmp_path: Path
    ) -> None:
        notes = tmp_path / "notes"
        with RayCluster() as alone:
            # Ray ends a process that has lost its head: not this one.
            with study_running(
                "ray", alone.address, tmp_path, "waiting_study", stderr=subprocess.PIPE
            ) as program:
                (tmp_path / "go-0").touch()
                noted_by(notes, 3)
                alone.kill_head()
                _, told = program.communicate(timeout=120)
            assert program.returncode == 1
            assert f"the head of the Ray cluster, {alone.address}, is gone" in told.decode()
            eventually(lambda: assert_gone(notes), timeout=30)
        state = read_state(LedgerFile(tmp_path / "studies-ray", "waiting"))
        assert state is not None
        assert list(state.finished) == [0]
        for number in range(1, 4):
            (tmp_path / f"go-{number}").touch()
        study_program.waiting_study("ray", self.address, tmp_path)
        begun = sorted(line.split()[:2] for line in notes.read_text().splitlines())
        assert begun == [["0", "1"], ["1", "1"], ["1", "1"], ["2", "1"], ["2", "1"], ["3", "1"]]
