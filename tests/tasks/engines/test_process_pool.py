"""Trials in the processes of a pool keep the contract of engines."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest

from prefect_tuner.tasks.engine import Engine, EngineOptions, EngineStudy
from prefect_tuner.tasks.engines.process_pool import ProcessPoolEngine
from tests.tasks.engines.studies import StudiesOnEngine, WorkersAreLost

pytestmark = [
    pytest.mark.usefixtures("prefect_server"),
    pytest.mark.slow,
    # Each process of a pool imports all of Prefect, several at a time.
    pytest.mark.timeout(400),
]


class TestProcessPoolEngine(WorkersAreLost):
    @classmethod
    def engine(cls, study: EngineStudy) -> AbstractContextManager[Engine]:
        return ProcessPoolEngine.opened(study, EngineOptions())


class TestStudiesOnProcesses(StudiesOnEngine):
    name = "processes"
