"""A trial: one candidate, what it may take, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from numbers import Real
from typing import Any, Literal, TypeAlias

from prefect_tuner.choice_value import RESERVED
from prefect_tuner.hyper_value import Params
from prefect_tuner.printable_text import printable_line, shortened

EXIT_GRACE = 10.0
"""Seconds that a program may take to end after its objective has returned, by default."""

_LONGEST_VALUE = 200
"""Characters of a value in a log line."""

Direction: TypeAlias = Literal["maximize", "minimize"]
"""Whether a larger or a smaller metric is better."""


ExtraValue: TypeAlias = float | str | bool
"""What an objective may return beside the metric."""

LONGEST_EXTRA_TEXT = 1_000
"""Characters of a text: it stands in the ledger, and in the result, for good."""

KEPT_EXTRA = f"finite numbers, bools and texts of up to {LONGEST_EXTRA_TEXT:,} characters"
"""What is kept, in words."""


class Outcome(StrEnum):
    """How a trial ended."""

    COMPLETED = "completed"
    """The objective returned a metric."""
    FAILED = "failed"
    """The objective raised an exception."""
    TIMED_OUT = "timed_out"
    """The trial ran past its time limit and was killed."""
    OUT_OF_MEMORY = "out_of_memory"
    """The trial took more memory than its limit, or the objective raised `MemoryError`."""
    CRASHED = "crashed"
    """The trial's process was killed by a signal, or exited."""
    INVALID_METRIC = "invalid_metric"
    """The objective returned NaN, an infinity, None or something that is not a number."""
    PRUNED = "pruned"
    """The trial was stopped early because it was not promising."""
    CANCELLED = "cancelled"
    """The trial was stopped because the study was."""

    @property
    def is_failure(self) -> bool:
        """Whether something went wrong with the trial itself."""
        return self not in (Outcome.COMPLETED, Outcome.PRUNED, Outcome.CANCELLED)


@dataclass(frozen=True, slots=True)
class Trial:
    """One candidate that was asked, running or finished.

    Attributes:
        number: Place in the study, from 0 in the order asked.
        params: The values tried, by parameter.
        seed: A seed of the trial's own, below 2**32, for the objective's random numbers.
        outcome: How the trial ended; None while it runs.
        metric: What the objective returned; None unless the outcome is `completed`.
        extra: What else the objective returned beside the metric, each an `ExtraValue`.
        duration: Seconds that the last attempt ran; None while it runs or when it never started.
        attempts: How many times the objective was started.
        message: Why the trial failed, in a sentence; empty when it did not.
        proposer: Which of the strategies within the study's strategy gave the candidate; empty
            when it consists of none, and for candidates that did not come from it.
        memory: The most bytes of memory that the trial's processes had at a time in its last
            attempt, beyond what was there before the objective was called; None where that is not
            known.
    """

    number: int
    params: Params
    seed: int = 0
    outcome: Outcome | None = None
    metric: float | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    duration: float | None = None
    attempts: int = 0
    message: str = ""
    proposer: str = ""
    memory: int | None = None

    @property
    def is_running(self) -> bool:
        """Whether the trial was asked and has not finished."""
        return self.outcome is None


@dataclass(frozen=True)
class TrialLimits:
    """What a trial may take.

    Attributes:
        timeout: Seconds, from the call of the objective; None for no limit.
        memory: Bytes that the trial's process and its descendants add together to what was there
            before the objective was called; None for no limit.
        exit_grace: Seconds from the return of the objective for what the program still does:
            threads, handlers for its end, processes that it has left.
    """

    timeout: float | None = None
    memory: int | None = None
    exit_grace: float = EXIT_GRACE


def finite_metric(value: Any) -> float | None:
    """`value` as a metric, None when it is not a finite real number.

    Numpy's scalars are numbers, and so are arrays and tensors without dimensions; a bool is not.

    Example:
        ```python
        import numpy as np

        from prefect_tuner.trial import finite_metric

        assert finite_metric(np.float32(0.5)) == 0.5
        assert finite_metric("0.5") is None
        assert finite_metric(float("nan")) is None
        ```
    """
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        metric = float(value)
    except OverflowError:
        return None
    return metric if math.isfinite(metric) else None


def extra_value(name: str, value: Any) -> ExtraValue | None:
    """A value as it is kept, None where it is not.

    Numbers become floats, numpy's bools and texts those of Python.

    Args:
        name: Its name; what bears one that begins with two underscores is not kept.
        value: Whatever the objective returned.

    Example:
        ```python
        from prefect_tuner.trial import extra_value

        assert extra_value("model_path", "/models/7.pkl") == "/models/7.pkl"
        assert extra_value("converged", True) is True
        assert extra_value("history", [0.1, 0.2]) is None
        ```
    """
    # Prefect acts on some such names when it reads a result; what is recorded is printable.
    if printable_line(name).startswith(RESERVED):
        return None
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        # Half a surrogate pair, as in names of files that are no UTF-8, makes no JSON.
        text = str.__str__(value).encode("utf-8", "backslashreplace").decode("utf-8")
        return text if len(text) <= LONGEST_EXTRA_TEXT else None
    return finite_metric(value)


def describe_params(params: Params) -> str:
    """Parameters as they are shown in logs and state messages.

    Example:
        ```python
        from prefect_tuner.trial import describe_params

        assert describe_params({"lr": 0.1, "booster": "dart"}) == "lr=0.1, booster='dart'"
        ```
    """
    shown = {name: shortened(repr(value), _LONGEST_VALUE) for name, value in params.items()}
    return ", ".join(f"{name}={value}" for name, value in shown.items())
