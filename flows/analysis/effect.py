"""Whether there are parameters that make no difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from prefect_tuner.flows.analysis.case import Case
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.models.restricted import Restricted, Trace
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Trial

_FEWEST = 50
_FEWEST_PER_AXIS = 12
"""Trials from which on it is said that a parameter has no effect."""

_FEWEST_ACTIVE = 25
"""Trials that have the parameter."""

_SURE_BY_LOSSES, _SURE_BY_RANKS = 2.5, 3.0
"""Standard errors from which on an effect is one."""

_GAIN_BY_LOSSES, _GAIN_BY_RANKS = 2.5, 3.5
"""How much likelier, as a logarithm, losses or ranks are with a parameter from which on it has an
effect. Ranks of trials that a strategy has put at one place look like an effect more often."""

_MOST_EFFECT = 0.003
"""The share of the variance that it may explain, at the most, so that it is said to have none."""

_MOST_UNEXPLAINED = 0.1
"""The share of the variance that forecasts leave, at the most, by a model that can tell."""


def without_effect(case: Case) -> Iterator[Finding]:
    """Forecasts of the metric are as good without some parameters."""
    found = _found(case)
    if not found:
        return
    # A parent is named with its children, which make no difference either.
    *most, last = found
    names = (
        f"the parameters {', '.join(most)} and {last} have" if most else f"the parameter {last} has"
    )
    yield Finding(
        "parameter_without_effect",
        f"{names} no effect on the metric that {len(case.done)} trials would show",
        f"see whether the objective uses {'them' if most else 'it'}, and leave "
        f"{'them' if most else 'it'} out of the space otherwise",
        "" if most else last,
    )


def _found(case: Case) -> list[str]:
    """The parameters without effect; of two that can stand in for each other, one is kept."""
    found: list[str] = []
    if _can_tell(case):
        for name in case.parameters:
            if not _has_effect(case, name, found):
                found.append(name)
    return found


def _can_tell(case: Case) -> bool:
    model, of_losses = case.surrogate, case.surrogate_of_losses
    if model is None or of_losses is None or len(model.names) < 2:
        return False
    if model.size < max(_FEWEST, _FEWEST_PER_AXIS * len(model.names)):
        return False
    return min(model.unexplained, of_losses.unexplained) <= _MOST_UNEXPLAINED


def _has_effect(case: Case, name: str, others: list[str]) -> bool:
    """Whether a parameter has an effect, or may have one that cannot be seen.

    Losses as they are tell of it where a strategy has gone on to a small part of the space, in
    which ranks are as good as noise, and ranks where a few trials are far worse than all others.

    Args:
        case: The study.
        name: The parameter.
        others: Those that have none.
    """
    family = _family(case.space, name)
    trials = [case.done[row] for row in case.rows_for_surrogate]
    if sum(name in trial.params for trial in trials) < _FEWEST_ACTIVE:
        return True
    is_told = False
    gains = []
    for model, sure, gain in (
        (case.surrogate_of_losses, _SURE_BY_LOSSES, _GAIN_BY_LOSSES),
        (case.surrogate, _SURE_BY_RANKS, _GAIN_BY_RANKS),
    ):
        if model is None:
            continue
        restricted = model.without(family | {*others})
        traces = [trace for each in family for trace in _traces(case, trials, restricted, each)]
        if any(trace.sureness >= sure for trace in traces):
            return True
        gains.append((restricted, gain))
        is_told = is_told or (
            model.unexplained <= _MOST_UNEXPLAINED
            and all(trace.most <= _MOST_EFFECT for trace in traces)
        )
    return not is_told or any(restricted.gain() >= gain for restricted, gain in gains)


def _traces(
    case: Case, trials: Sequence[Trial], restricted: Restricted, name: str
) -> Iterator[Trace]:
    is_active = np.array([name in trial.params for trial in trials])
    values = [trial.params[name] for trial in trials if name in trial.params]
    return restricted.traces(case.space[name], is_active, values)


def _family(space: SearchSpace, name: str) -> set[str]:
    """A parameter, and those whose conditions it decides."""
    family = {name}
    for each in space.order:
        if family & set(space[each].when or {}):
            family.add(each)
    return family
