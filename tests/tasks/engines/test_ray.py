"""Trials on Ray keep the contract of engines, and survive the loss of a worker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import ClassVar

import pytest
import ray

from prefect_tuner.tasks.engine import Engine, EngineStudy
from prefect_tuner.tasks.engines.ray import RayEngine, RayOptions
from prefect_tuner.testing import EngineConformance
from tests.tasks.engines.ray_cluster import RayCluster
from tests.tasks.engines.studies import StudiesOnEngine, WorkersAreLost

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
        return RayEngine.opened(study, RayOptions(address=cls.address))


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[RayCluster]:
    with RayCluster() as started:
        # Engines find this process connected, and share its workers.
        ray.init(started.address, namespace="prefect", log_to_driver=False)
        OnRay.address = TestRay.address = started.address
        yield started
        ray.shutdown()


class TestRay(OnRay, WorkersAreLost, StudiesOnEngine):
    """All in one class, for one cluster."""

    name = "ray"
