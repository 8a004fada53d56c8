"""The test suites that every strategy and every engine pass, for those of your own.

Needs pytest and hypothesis: `pip install "prefect-tuner[testing]"`.

Room: the conformance suites, and the spaces and trials that they try strategies and engines on.
May import: the vocabulary, the study, strategies, engines, pytest, hypothesis.
In comes a strategy's spec, or an engine; out come tests.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prefect_tuner.testing.conformance import StrategyConformance as StrategyConformance
    from prefect_tuner.testing.conformance import exactly as exactly
    from prefect_tuner.testing.conformance import metric_of as metric_of
    from prefect_tuner.testing.conformance import run_trials as run_trials
    from prefect_tuner.testing.conformance import strategy_of as strategy_of
    from prefect_tuner.testing.engine_conformance import EngineConformance as EngineConformance

__all__ = [
    "EngineConformance",
    "StrategyConformance",
    "exactly",
    "metric_of",
    "run_trials",
    "strategy_of",
]


def __getattr__(name: str) -> Any:
    # Imported when first used: a process that only runs trials needs neither pytest nor hypothesis.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = "engine_conformance" if name == "EngineConformance" else "conformance"
    return getattr(import_module(f"prefect_tuner.testing.{room}"), name)
