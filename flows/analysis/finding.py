"""What a check has found wrong with a study."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Something about a study that a person should know, and what to do.

    Attributes:
        check: Which check has found it: `same_error`, `failures_in_region`, `constant_metric`,
            `too_good_to_be_true`, `noise`, `best_at_bound`, `log_scale_advisable`,
            `parameter_without_effect`, `slow_region`, `idle_workers`, `overhead` or `converged`.
        sentence: What was found, with its figures.
        advice: What to do, a sentence.
        parameter: Which parameter it is about; empty where it is about none.
        space: The search space to try, as JSON data, where the advice is to change it.
        seconds: What the time without an objective went into, for each trial on average, where it
            is about that and the ledger tells: `suggestion`, `startup`, `teardown` and `rest`.
    """

    check: str
    sentence: str
    advice: str
    parameter: str = ""
    space: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON data."""
        return {
            "check": self.check,
            "sentence": self.sentence,
            "advice": self.advice,
            "parameter": self.parameter or None,
            "space": self.space or None,
            "seconds": self.seconds or None,
        }
