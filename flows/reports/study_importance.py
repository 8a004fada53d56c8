"""The importance of a study's parameters, where enough trials tell of it."""

from __future__ import annotations

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.analysis.importance import importance
from prefect_tuner.flows.ledger.counted_trials import counted_trials
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.search_space.space import SearchSpace

FEWEST_TRIALS = 10
"""Trials with a metric from which on importance is shown. Of fewer, not one in ten can be good."""


def shown_importance(state: StudyState) -> dict[str, float]:
    """The share of each parameter, the largest first; see `importance`.

    Empty where the study has too few trials with a metric, or where they do not tell: with one
    metric for all, or a space that this release cannot read.

    Args:
        state: What the ledger says.
    """
    trials = [trial for trial in counted_trials(state) if trial.metric is not None]
    if len(trials) < FEWEST_TRIALS:
        return {}
    try:
        space = SearchSpace(state.definition.space)
    except InvalidConfiguration:
        return {}
    shares = importance(space, trials, state.definition.goal)
    return shares if any(shares.values()) else {}
