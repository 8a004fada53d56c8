"""The test suite that every strategy passes, for strategies of your own.

Needs pytest and hypothesis: `pip install "prefect-tuner[testing]"`.

Room: the conformance suite, and the spaces and trials that it tries strategies on.
May import: the vocabulary, the study, strategies, pytest, hypothesis.
In comes a strategy's spec; out come tests.
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

__all__ = ["StrategyConformance", "exactly", "metric_of", "run_trials", "strategy_of"]


def __getattr__(name: str) -> Any:
    # Imported when first used: a process that only runs trials needs neither pytest nor hypothesis.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("prefect_tuner.testing.conformance"), name)
