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
    from prefect_tuner.testing.conformance import strategy_of as strategy_of
    from prefect_tuner.testing.trials import exactly as exactly
    from prefect_tuner.testing.trials import metric_of as metric_of
    from prefect_tuner.testing.trials import run_trials as run_trials

# Imported when first used: a process that only runs trials needs neither pytest nor hypothesis.
_HOMES = {
    "StrategyConformance": "prefect_tuner.testing.conformance",
    "exactly": "prefect_tuner.testing.trials",
    "metric_of": "prefect_tuner.testing.trials",
    "run_trials": "prefect_tuner.testing.trials",
    "strategy_of": "prefect_tuner.testing.conformance",
}

__all__ = sorted(_HOMES)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
