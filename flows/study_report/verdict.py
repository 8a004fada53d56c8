"""A study in a sentence or two, as a person would tell it who has looked at it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from prefect_tuner.flows.pictures.number_axis import number_texts
from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.trial import Outcome

_CLEAR = 0.5
"""The share of one parameter that matters more than all others."""


def verdict(view: StudyView) -> str:
    """What came of a study, with its figures.

    Example:
        ```python
        from prefect_tuner import Float, Study
        from prefect_tuner.flows.study_report.trials_view import study_view
        from prefect_tuner.flows.study_report.verdict import verdict

        study = Study({"x": Float(0.0, 1.0)})
        for metric in (3.0, 1.0, 2.0):
            study.tell(study.ask(), metric)
        told = "The best metric is 1, found by trial 1 of 3; the first trial had 3."
        assert verdict(study_view(study)) == told
        ```
    """
    ended = len(view.ended_trials)
    if not view.trials:
        return "No trial has been started yet."
    if not ended:
        return f"{_trials(len(view.trials))} started, and none has ended by itself yet."
    if view.best is None:
        return _without_metric(view)
    if len(view.measured) > 1 and np.ptp(view.metrics / 2) == 0.0:
        metric = number_texts([float(view.metrics[0])])[0]
        return f"All {len(view.measured)} trials with a metric have the same, {metric}."
    parts = (_best(view), _winner(view), _failed(view), _important(view))
    return " ".join(part for part in parts if part)


def _best(view: StudyView) -> str:
    best = view.best
    assert best is not None  # noqa: S101 - looked at before
    assert best.metric is not None  # noqa: S101 - likewise
    first = view.measured[0]
    texts = number_texts([best.metric, float(view.metrics[0])])
    text = f"The best metric is {texts[0]}, found by trial {best.number} of {len(view.trials)}"
    if len(view.measured) == 1 or first.number == best.number:
        return (
            f"{text}."
            if len(view.measured) == 1
            else f"{text}, the first one; no other did better."
        )
    since = sum(trial.number > best.number for trial in view.ended_trials)
    tail = f" {_trials(since)} since then did no better." if since > 1 else ""
    return f"{text}; the first trial had {texts[1]}.{tail}"


def _winner(view: StudyView) -> str:
    """What is to be relied on where the best trials were evaluated anew."""
    confirmation = view.confirmation
    winner = None if confirmation is None else confirmation.winner
    if confirmation is None or winner is None or winner.mean is None:
        return ""
    mean = number_texts([winner.mean, winner.first])[0]
    tied = f", tied with {_trials(len(confirmation.tied))} more" if confirmation.tied else ""
    return f"Evaluated anew, trial {winner.number} leads with a mean of {mean}{tied}."


def _failed(view: StudyView) -> str:
    count = len(view.failures)
    return f"{_trials(count)} of {len(view.ended_trials)} failed." if count else ""


def _important(view: StudyView) -> str:
    if len(view.importance) < 2:
        return ""
    name, share = next(iter(view.importance.items()))
    return f"What decides is {name} ({share:.0%} of the importance)." if share >= _CLEAR else ""


def _without_metric(view: StudyView) -> str:
    counts = Counter(t.outcome for t in view.ended_trials if t.outcome is not None)
    outcome, most = counts.most_common(1)[0]
    count = len(view.ended_trials)
    told = {Outcome.PRUNED: "were pruned"}.get(outcome, f"{outcome.value.replace('_', ' ')}")
    if count == 1:
        return f"No trial has a metric: the only one ended as {outcome.value.replace('_', ' ')}."
    if most == count:
        return f"No trial has a metric: all {count} {told}."
    return f"No trial has a metric: of {count}, {most} {told}."


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count:,} trials"
