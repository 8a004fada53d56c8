"""Failures of one kind, counted from the beginning of a run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import final

from prefect_tuner.trial import Outcome, Trial

_NUMBER = re.compile(r"0x[0-9a-fA-F]+|[-+]?\d[\d,]*(\.\d+)?([eE][-+]?\d+)?")


def failure_kind(trial: Trial) -> str:
    """What failures of one kind have in common; empty for a trial that has not failed.

    Numbers in their messages make no difference: they are parameters, sizes and times.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.flows.study.alike_failures import failure_kind

        one, other = (
            Trial(n, {}, outcome=Outcome.FAILED, message=f"ValueError: bad rate 0.{n}")
            for n in (1, 2)
        )
        assert failure_kind(one) == failure_kind(other) != ""
        ```
    """
    if trial.outcome is None or not trial.outcome.is_failure:
        return ""
    return f"{trial.outcome.value}: {_NUMBER.sub('0', trial.message)}"


def all_failed_alike(trials: Iterable[Trial]) -> bool:
    """Whether all of some trials have failed, and all in the same way.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.flows.study.alike_failures import all_failed_alike

        failed = Trial(0, {}, outcome=Outcome.FAILED, message="KeyError: 'lr'")
        assert all_failed_alike([failed, failed])
        assert not all_failed_alike([failed, Trial(1, {}, outcome=Outcome.CRASHED)])
        ```
    """
    kinds = {failure_kind(trial) for trial in trials}
    return len(kinds) == 1 and "" not in kinds


@final
class AlikeFailures:
    """Counts the trials that failed alike since it was made, one after the other.

    It is over with the first trial that ends otherwise: then what the objective does is not all
    wrong.

    Attributes:
        count: How many there are; 0 when it is over.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.flows.study.alike_failures import AlikeFailures

        alike = AlikeFailures()
        for number in range(3):
            alike.add(Trial(number, {}, outcome=Outcome.FAILED, message="KeyError: 'lr'"))
        assert alike.count == 3
        ```
    """

    def __init__(self) -> None:
        self.count = 0
        self._kind: str | None = None

    def add(self, trial: Trial) -> None:
        """Take the next trial that has ended into account."""
        if trial.outcome is Outcome.CANCELLED:
            return
        kind = failure_kind(trial)
        if self._kind is None:
            self._kind = kind
        self.count = self.count + 1 if kind and kind == self._kind else 0
        if not self.count:
            self._kind = ""
