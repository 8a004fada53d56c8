"""The importance of parameters as Optuna tells it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import pytest

from prefect_tuner import SearchSpace, Trial
from prefect_tuner.strategies.optuna_bridge.distributions import distribution_of, to_optuna
from prefect_tuner.trial import Direction


def by_optuna(
    space: SearchSpace, trials: Sequence[Trial], direction: Direction, evaluator: Any = None
) -> dict[str, float]:
    """The shares of the same trials; those without a metric have failed.

    Args:
        space: The search space.
        trials: All trials.
        direction: Of the metric.
        evaluator: One of Optuna's, which is its default when left out.
    """
    optuna = pytest.importorskip("optuna")
    study = optuna.create_study(direction=direction)
    distributions = {name: distribution_of(each) for name, each in space.items()}
    states = optuna.trial.TrialState
    study.add_trials(
        [
            optuna.trial.create_trial(
                state=states.FAIL if trial.metric is None else states.COMPLETE,
                value=trial.metric,
                params={n: to_optuna(value, space[n]) for n, value in trial.params.items()},
                distributions={name: distributions[name] for name in trial.params},
            )
            for trial in trials
        ]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of few trials.
        found: dict[str, float] = optuna.importance.get_param_importances(
            study, evaluator=evaluator
        )
    return found
