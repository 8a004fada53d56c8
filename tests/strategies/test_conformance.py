from __future__ import annotations

from typing import ClassVar

from prefect_tuner.strategies.factory import StrategySpec
from tests.strategies.conformance import StrategyConformance


class TestRandom(StrategyConformance):
    spec: ClassVar[StrategySpec] = "random"


class TestGrid(StrategyConformance):
    spec: ClassVar[StrategySpec] = {"name": "grid", "points": 3}


class TestShuffledGrid(StrategyConformance):
    spec: ClassVar[StrategySpec] = {"name": "grid", "points": 3, "shuffle": True}
