"""What an objective may know of its trial."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TrialContext:
    """The second argument of an objective that takes two.

    Attributes:
        number: The trial's place in the study, from 0. Where one of the best trials is evaluated
            once more, it is another number, which no trial has, so that what is named by it is
            not mixed up: 1,000,003 for the first time that trial 3 is, 2,000,003 for the second.
        seed: A seed of the trial's own, the same in every attempt. The global generators of Python,
            numpy, torch and TensorFlow are seeded with it before the objective is called.
        attempt: 1, or more after retries.
        study: The study's name.
        slot: A place that no other running trial has, from 0 to `max_concurrency` - 1. It is held
            until all processes of the trial are gone.
        device: Which of the `devices` of the configuration belongs to that place, which is also in
            `CUDA_VISIBLE_DEVICES`; empty where none are given.
        reevaluates: The number of the trial that is evaluated once more, to confirm the best ones;
            None in the search.

    Example:
        ```python
        from prefect_tuner import Params, TrialContext

        def train(params: Params, trial: TrialContext) -> float:
            trial.log(f"trial {trial.number} begins with seed {trial.seed}")
            return -float(params["lr"])

        assert train({"lr": 0.1}, TrialContext(number=0, seed=7)) == -0.1
        ```
    """

    number: int
    seed: int
    attempt: int = 1
    study: str = ""
    slot: int = 0
    device: str = ""
    reevaluates: int | None = None
    _send: Callable[[int, str], None] | None = field(default=None, repr=False, compare=False)

    def log(self, message: str, level: int = logging.INFO) -> None:
        """Write a line to the log of the trial's task run.

        Args:
            message: The line.
            level: One of `logging`'s levels.
        """
        if self._send is not None:
            self._send(level, str(message))
        else:
            logging.getLogger("prefect_tuner.trial").log(level, "%s", message)
