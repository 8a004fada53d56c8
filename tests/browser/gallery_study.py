"""The study of the gallery's pictures: the digits of `deployments/`, with two trials that hang.

It is copied to where the trials run, beside `digits.py`.
"""

from __future__ import annotations

import time
from typing import Any

from prefect_tuner import Params, TrialContext

HANGING = {5, 12}
LIMIT = 25.0
"""Seconds for a trial."""

EPOCHS = 20
"""Fewer than those of `make tune`: the trials are here to be looked at."""

STUDY: dict[str, Any] = {
    "space": {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 1.0, "log": True},
        "hidden_units": {"type": "int", "low": 8, "high": 64},
        "activation": ["relu", "tanh", "logistic"],
        "momentum": {"type": "float", "low": 0.0, "high": 0.99},
    },
    "study": "digits",
    "config": {"max_trials": 20, "max_concurrency": 2, "trial_timeout": LIMIT},
}
"""The parameters of `tune`, but for the objective, which is this file's `train`."""


def train(params: Params, trial: TrialContext) -> dict[str, float]:
    """The objective of `deployments/digits.py`, and now and then one that waits for nothing."""
    if trial.number in HANGING:
        trial.log("Waiting for a data store that does not answer ...")
        time.sleep(10 * LIMIT)
    import digits  # type: ignore[import-not-found]

    digits.EPOCHS = EPOCHS
    return dict(digits.train(params, trial))
