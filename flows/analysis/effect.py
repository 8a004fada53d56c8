"""Whether there are parameters that make no difference."""

from __future__ import annotations

import math
from collections.abc import Iterator

from prefect_tuner.flows.analysis.case import Case
from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.models.surrogate import Surrogate
from prefect_tuner.search_space.space import SearchSpace

_FEWEST = 40
_FEWEST_PER_AXIS = 12
"""Trials from which on it is said that a parameter has no effect."""

_FEWEST_ACTIVE = 25
"""Trials that have the parameter."""

_BY_CHANCE = 0.05
"""How improbable it may be, at the most, that a parameter without effect seems to have as large a
one."""

_MOST_EFFECT = 0.006
"""The share of the variance that it may explain, at the most."""

_VISIBLE = 0.003
"""The share that would be seen if it were explained, at the most."""

_MOST_UNEXPLAINED = 0.3
"""The share of the variance of ranks that the other parameters leave, at the most."""

_MOST_DIFFERENCE = 0.1
"""The squared difference of neighbours, in units of that of any two trials, at the most."""

_SEEN_FROM = 6.0
"""An effect can be seen from so many times the unexplained variance, divided by the trials."""

_HARDLY_ANY = 0.0015
"""A share that is not told from none."""


def without_effect(case: Case) -> Iterator[Finding]:
    """Forecasts of the metric are as good without some parameters."""
    found = (
        [name for name in case.parameters if not _has_effect(case, name)] if _can_tell(case) else []
    )
    if not found:
        return
    # A parent is named with its children, which make no difference either.
    *most, last = found
    names = f"{', '.join(most)} and {last} have" if most else f"{last} has"
    yield Finding(
        "parameter_without_effect",
        f"{names} no effect on the metric that {len(case.done)} trials would show",
        f"see whether the objective uses {'them' if most else 'it'}, and leave "
        f"{'them' if most else 'it'} out of the space otherwise",
        "" if most else last,
    )


def _can_tell(case: Case) -> bool:
    model = case.surrogate
    if model is None or model.size < max(_FEWEST, _FEWEST_PER_AXIS * len(model.names)):
        return False
    if len(model.names) < 2:
        return False
    # Where ranks are left unexplained, either noise hides effects, or there is none: then
    # neighbours have nearly the same metric.
    return (
        model.unexplained <= _MOST_UNEXPLAINED
        or model.difference_of_neighbours() <= _MOST_DIFFERENCE
    )


def _has_effect(case: Case, name: str) -> bool:
    """Whether a parameter has an effect, or may have one that cannot be seen.

    Ranks tell of small effects near the best trials, losses of them where a strategy has gone on
    to a small part of the space, in which ranks are as good as noise.
    """
    family = _family(case.space, name)
    for each in family:
        chance = case.additive_of_losses.chance(each)
        if chance is None or chance < _BY_CHANCE:
            return True
    models = [each for each in (case.surrogate, case.surrogate_of_losses) if each is not None]
    judged = [_judged(model, name, family) for model in models]
    return any(seems for seems, _ in judged) or not any(sure for _, sure in judged)


def _judged(model: Surrogate, name: str, family: set[str]) -> tuple[bool, bool]:
    """Whether a parameter seems to have an effect, and whether it surely has next to none."""
    active = model.is_active[:, model.names.index(name)]
    count = int(active.sum())
    if count < _FEWEST_ACTIVE:
        return True, False
    loss = model.loss_without(family)[active]
    mean, error = float(loss.mean()), float(loss.std()) / math.sqrt(count)
    seems = mean > max(2.0 * error, _HARDLY_ANY)
    visible = model.unexplained * _SEEN_FROM / count
    return seems, visible <= _VISIBLE and mean + 2.0 * error <= _MOST_EFFECT


def _family(space: SearchSpace, name: str) -> set[str]:
    """A parameter, and those whose conditions it decides."""
    family = {name}
    for each in space.order:
        if family & set(space[each].when or {}):
            family.add(each)
    return family
