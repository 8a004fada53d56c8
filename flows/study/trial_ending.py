"""How a trial ends: the metric that it has goes with its outcome, or nothing is recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from prefect_tuner.ending import Ending
from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import native
from prefect_tuner.trial import ExtraValue, Outcome, Trial, finite_metric
from prefect_tuner.validation import unknown_name


def told_ending(
    number: int,
    metric: object,
    outcome: Outcome | str | None,
    *,
    extra: Mapping[str, ExtraValue],
    duration: float | None,
    attempts: int,
    message: str,
) -> Ending:
    """What came of a trial; the arguments are those of `Study.tell`.

    Raises:
        InvalidConfiguration: The outcome is not known, or the metric does not go with it.
    """
    ended = _outcome(number, outcome)
    value = finite_metric(metric)
    if ended is Outcome.COMPLETED and value is None:
        ended = Outcome.INVALID_METRIC
        message = message or f"the metric must be a finite number, got {metric!r}"
    elif ended is not Outcome.COMPLETED and metric is not None:
        raise InvalidConfiguration(
            f"trial {number}: only a completed trial has a metric, got "
            f"metric={metric!r} with outcome={ended.value!r}"
        )
    return Ending(
        outcome=ended,
        metric=value,
        extra={name: native(value) for name, value in extra.items()},
        duration=duration,
        attempts=attempts,
        message=message,
    )


def with_known_outcome(trial: Trial) -> Trial:
    """A trial that ended elsewhere, with its outcome and metric as a study has them.

    Raises:
        InvalidConfiguration: The outcome is not known, or the metric does not go with it.
    """
    ended = _outcome(trial.number, trial.outcome)
    metric = finite_metric(trial.metric)
    if (metric is not None) != (ended is Outcome.COMPLETED):
        raise InvalidConfiguration(
            f"trial {trial.number}: a completed trial has a finite metric and no other has "
            f"one, got metric={trial.metric!r} with outcome={ended.value!r}"
        )
    return replace(trial, outcome=ended, metric=metric)


def _outcome(number: int, outcome: Outcome | str | None) -> Outcome:
    if outcome is None:
        return Outcome.COMPLETED
    try:
        return Outcome(outcome)
    except ValueError:
        known = unknown_name(str(outcome), [each.value for each in Outcome])
        raise InvalidConfiguration(f"trial {number}: outcome {outcome!r} {known}") from None
