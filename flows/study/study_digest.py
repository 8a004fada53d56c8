"""The digest of a study: equal digests prove equal trials with equal results."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from prefect_tuner.hyper_value import exact_text
from prefect_tuner.trial import Outcome, Trial


def study_digest(trials: Iterable[Trial]) -> str:
    """SHA-256 over parameters and metric of the trials with a result, in trial order.

    Failed trials count, with no metric; those that run, or were stopped with the study, do not.
    Numbers are taken to the last bit, and `1` differs from `1.0` and from `True`. The order of the
    keys of a choice that is a dict makes no difference.

    Returns:
        64 hexadecimal digits.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.flows.study.study_digest import study_digest

        one = Trial(0, {"lr": 0.1}, outcome=Outcome.COMPLETED, metric=0.5)
        other = Trial(0, {"lr": 0.1}, outcome=Outcome.COMPLETED, metric=0.5000000000000001)
        assert study_digest([one]) == study_digest([one])
        assert study_digest([one]) != study_digest([other])
        ```
    """
    digest = hashlib.sha256()
    for trial in sorted(trials, key=lambda each: each.number):
        if trial.outcome is not None and trial.outcome is not Outcome.CANCELLED:
            told = [trial.number, sorted(trial.params.items()), trial.metric]
            digest.update(exact_text(told).encode() + b"\n")
    return digest.hexdigest()
