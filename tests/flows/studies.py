"""Trials and studies that the tests of this room share."""

from __future__ import annotations

from typing import Any

from prefect_tuner import Outcome, SearchSpace, StudyStarted, Trial, TunerConfig
from prefect_tuner.history import History

SPACE = SearchSpace({"x": {"type": "float", "low": 0.0, "high": 1.0}})


def completed(number: int, metric: float, **params: Any) -> Trial:
    return Trial(
        number,
        params or {"x": 0.5},
        outcome=Outcome.COMPLETED,
        metric=metric,
        duration=0.25,
        attempts=1,
    )


def failed(number: int, outcome: Outcome = Outcome.FAILED, **fields: Any) -> Trial:
    message = fields.pop("message", "ValueError: no")
    return Trial(number, {"x": 0.5}, outcome=outcome, message=message, attempts=1, **fields)


def study_started(name: str, *trials: Trial, max_trials: int = 10) -> StudyStarted:
    return StudyStarted(
        study=name,
        objective="package.module:train",
        space=SPACE,
        strategy="random",
        direction="maximize",
        config=TunerConfig(max_trials=max_trials),
        history=History(trials),
    )
