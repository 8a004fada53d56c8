"""Trials to try strategies with: `prefect_tuner.testing` does, and so may other tests."""

from __future__ import annotations

import json
import math

from prefect_tuner import HyperValue, Params, Study


def run_trials(study: Study, count: int) -> list[Params]:
    """Ask a study for trials one by one, and tell each its `metric_of`.

    Returns:
        What was asked, fewer than `count` where the strategy is exhausted.
    """
    asked: list[Params] = []
    while len(asked) < count and (trial := study.ask()) is not None:
        asked.append(dict(trial.params))
        study.tell(trial, metric_of(trial.params))
    return asked


def metric_of(params: Params) -> float:
    """A smooth metric of parameters, whatever they are; parameters that are missing add nothing."""
    return sum(math.cos(_as_number(value) + len(name)) for name, value in params.items())


def exactly(params: Params) -> str:
    """Params as text, in which `True`, `1` and `1.0` differ."""
    return repr(list(params.items()))


def _as_number(value: HyperValue) -> float:
    if isinstance(value, int | float):
        return float(value)
    return float(len(value if isinstance(value, str) else json.dumps(value)))
