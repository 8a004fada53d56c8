"""A stand-in for a training run, so that a first study needs nothing but this package."""

from __future__ import annotations

import math
from typing import Any

from prefect_tuner.hyper_value import Params

SPACE: dict[str, Any] = {
    "lr": {"type": "float", "low": 0.0001, "high": 0.1, "log": True},
    "depth": {"type": "int", "low": 2, "high": 10},
    "booster": ["gbtree", "dart"],
}
"""The search space that goes with `train`, as JSON data."""


def train(params: Params) -> float:
    """A made-up accuracy, best (1.0) at `lr=0.01`, `depth=6` and `booster="dart"`.

    Example:
        ```python
        from prefect_tuner.example import train

        assert train({"lr": 0.01, "depth": 6, "booster": "dart"}) == 1.0
        ```
    """
    lr_distance = math.log10(float(params["lr"])) + 2.0
    depth_distance = (float(params["depth"]) - 6.0) / 4.0
    penalty = 0.0 if params["booster"] == "dart" else 0.05
    return 1.0 / (1.0 + lr_distance**2 + depth_distance**2) - penalty
