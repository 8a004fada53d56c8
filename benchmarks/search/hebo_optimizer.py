"""HEBO as a method of the benchmark.

Source: A. Cowen-Rivers et al., HEBO: Pushing the Limits of Sample-Efficient Hyper-parameter
Optimisation, JAIR 74 (2022). Needs `HEBO` in an environment of its own, see `peers.txt`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.search.parameter_kinds import active_candidate, is_range
from prefect_tuner import Categorical, Float, Int, Params, SearchSpace


class HeboOptimizer:
    """HEBO with its defaults, asked and told one by one.

    It knows no conditions: a parameter that is not active is suggested, and left out of the
    candidate. A parameter that is no plain range is handed over by the places of its values.

    Args:
        space: What is searched, without constraints.
        seed: Of its first candidates, and of what it draws its random numbers from.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO

        # It draws from the random states of the process.
        np.random.seed(seed)  # noqa: NPY002
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        self._space = space
        described = DesignSpace().parse([_described(name, each) for name, each in space.items()])
        self._optimizer = HEBO(described, scramble_seed=seed)
        self._asked: dict[int, Any] = {}
        self._metrics: dict[int, float] = {}

    def suggest(self, number: int) -> Params:
        """The candidate of trial `number`."""
        asked = self._asked[number] = self._optimizer.suggest(1)
        return active_candidate(self._space, asked.iloc[0].to_dict())

    def tell(self, number: int, metric: float) -> None:
        """Hear of the metric of a trial."""
        self._metrics[number] = metric
        self._optimizer.observe(self._asked.pop(number), np.array([[metric]]))

    @property
    def best(self) -> int:
        """The trial with the best metric."""
        return min(self._metrics, key=self._metrics.__getitem__)


def _described(name: str, parameter: Float | Int | Categorical) -> dict[str, Any]:
    if not is_range(parameter):
        places = parameter.cardinality or 1
        if isinstance(parameter, Categorical) and not parameter.ordered:
            return {"name": name, "type": "cat", "categories": list(range(places))}
        return {"name": name, "type": "int", "lb": 0, "ub": places - 1}
    kind = (
        ("pow" if parameter.log else "num")
        if isinstance(parameter, Float)
        else ("pow_int" if parameter.log else "int")
    )
    return {"name": name, "type": kind, "lb": parameter.low, "ub": parameter.high}
