"""Which failures of trials are of one kind."""

from __future__ import annotations

import re

from prefect_tuner.trial import Trial

_NUMBER = re.compile(r"0x[0-9a-fA-F]+|[-+]?\d[\d,]*(\.\d+)?([eE][-+]?\d+)?")


def failure_kind(trial: Trial) -> str:
    """What failures of one kind have in common; empty for a trial that has not failed.

    Numbers in their messages make no difference: they are parameters, sizes and times.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.flows.study.failure_kind import failure_kind

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
