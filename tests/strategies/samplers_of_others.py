"""Samplers as third parties write them for Optuna, found by `package.module:Class`."""

from __future__ import annotations

from collections import Counter
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial


class WhatIsSeen(optuna.samplers.BaseSampler):
    """Proposes how many other trials it sees in the state that a parameter is named after."""

    def infer_relative_search_space(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self,
        study: optuna.Study,  # noqa: ARG002
        trial: FrozenTrial,  # noqa: ARG002
        search_space: dict[str, BaseDistribution],  # noqa: ARG002
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,  # noqa: ARG002
    ) -> Any:
        seen = Counter(
            each.state.name
            for each in study.get_trials(deepcopy=False)
            if each.number != trial.number and "salt" in each.params
        )
        # What is new each time keeps candidates apart.
        return float(trial.number) if param_name == "salt" else seen[param_name]


class Refuses(WhatIsSeen):
    """Cannot be made."""

    def __init__(self, patience: int = 0) -> None:
        raise ValueError(f"patience must be above {patience}")
