"""Ax as a method of the benchmark: Bayesian optimization by BoTorch.

Sources: E. Bakshy et al., AE: A domain-agnostic platform for adaptive experimentation, NeurIPS
Systems for ML workshop 2018; M. Balandat et al., BoTorch: A Framework for Efficient Monte-Carlo
Bayesian Optimization, NeurIPS 2020. Needs `ax-platform` in an environment of its own, see
`peers.txt`.
"""

from __future__ import annotations

import logging
from typing import Any, Final

from benchmarks.search.parameter_kinds import active_candidate, is_range
from prefect_tuner import Categorical, Float, Int, Params, SearchSpace

_METRIC: Final = "metric"


class AxClient:
    """Ax with its defaults, asked and told one by one.

    It is not told of conditions: a parameter that is not active is suggested, and left out of the
    candidate. A parameter that is no plain range is handed over by the places of its values.

    Args:
        space: What is searched, without constraints.
        seed: Of its random numbers.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        import torch
        from ax.api.client import Client
        from ax.utils.common.logger import set_ax_logger_levels

        torch.set_num_threads(1)
        set_ax_logger_levels(logging.ERROR)
        self._space = space
        self._client = Client(random_seed=seed)
        self._client.configure_experiment([_configured(name, p) for name, p in space.items()])
        self._client.configure_optimization(f"-{_METRIC}")
        self._asked: dict[int, int] = {}
        self._metrics: dict[int, float] = {}

    def suggest(self, number: int) -> Params:
        """The candidate of trial `number`."""
        ((index, given),) = self._client.get_next_trials(1).items()
        self._asked[number] = index
        return active_candidate(self._space, given)

    def tell(self, number: int, metric: float) -> None:
        """Hear of the metric of a trial."""
        self._metrics[number] = metric
        self._client.complete_trial(self._asked.pop(number), {_METRIC: metric})

    @property
    def best(self) -> int:
        """The trial with the best metric."""
        return min(self._metrics, key=self._metrics.__getitem__)


def _configured(name: str, parameter: Float | Int | Categorical) -> Any:
    from ax.api.configs import ChoiceParameterConfig, RangeParameterConfig

    if not is_range(parameter):
        return ChoiceParameterConfig(
            name,
            list(range(parameter.cardinality or 1)),
            "int",
            is_ordered=not isinstance(parameter, Categorical) or parameter.ordered,
        )
    return RangeParameterConfig(
        name,
        (parameter.low, parameter.high),
        "float" if isinstance(parameter, Float) else "int",
        scaling="log" if parameter.log else "linear",
    )
