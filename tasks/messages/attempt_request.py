"""What one attempt at a trial is asked to do, as it travels to the process that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from prefect_tuner.hyper_value import Params


@dataclass(frozen=True)
class AttemptRequest:
    """An attempt at a trial.

    Attributes:
        study: The study's name.
        number: The trial's place in the study, from 0.
        params: The values to try.
        seed: The trial's own seed, the same in every attempt.
        attempt: 1, or more after retries.
        more: How many further trials may follow in this run of the study, for which processes are
            made ready; None where that is not known.
        reevaluates: The place of the trial that is evaluated once more; None for a trial.
    """

    study: str
    number: int
    params: Params
    seed: int
    attempt: int = 1
    more: int | None = None
    reevaluates: int | None = None


@dataclass(frozen=True)
class StartOrder:
    """What the fork server is sent to start an attempt, and passes on to its process.

    Attributes:
        trial: A name that no other attempt has.
        request: The attempt.
        slot: Which of the places for trials at the same time it has, from 0.
        device: The device of that place; empty where there are none.
        environment: Variables to set for it, such as the one that names the device.
        measures_memory: Whether it is to say what memory it has before the objective is called.
    """

    trial: str
    request: AttemptRequest
    slot: int = 0
    device: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    measures_memory: bool = False

    def to_json(self) -> dict[str, Any]:
        """The order as plain JSON data, not copied: it is sent at once."""
        return {**vars(self), "request": vars(self.request)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The order from what `to_json` gave."""
        return cls(**{**data, "request": AttemptRequest(**data["request"])})
