"""The engine `local` keeps the contract of engines."""

from __future__ import annotations

from contextlib import AbstractContextManager

import pytest

from prefect_tuner.tasks.engine import Engine, EngineOptions, EngineStudy
from prefect_tuner.tasks.engines.local import LocalEngine
from prefect_tuner.testing import EngineConformance


@pytest.mark.usefixtures("prefect_server")
class TestLocalEngine(EngineConformance):
    @classmethod
    def engine(cls, study: EngineStudy) -> AbstractContextManager[Engine]:
        return LocalEngine.opened(study, EngineOptions())
