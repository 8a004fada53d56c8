"""How much each parameter of a study matters."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from prefect_tuner.flows.analysis.models.parzen_grid import cells_of, density
from prefect_tuner.goal import Goal
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray
from prefect_tuner.trial import Trial

GOOD = 0.1
"""The share of trials that count as good ones."""

_FEWEST_ACTIVE = 2
_NOT_QUITE_NOTHING = 1e-12
"""Added to densities, which may be zero."""


def importance(
    space: SearchSpace, trials: Iterable[Trial], goal: Goal, good: float = GOOD
) -> dict[str, float]:
    """How much each parameter decides whether a trial is among the good ones, by PED-ANOVA.

    A parameter matters as far as good trials have other values of it than all trials have. Trials
    without a metric are left out. A conditional parameter counts as far as it is active.

    Sources: Watanabe, Bansal, Hutter, "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance
    in Arbitrary Subspaces" (IJCAI 2023, arXiv 2304.10255); for conditional parameters "Conditional
    PED-ANOVA" (arXiv 2601.20800, theorem 4.2), with two regimes: active, and not.

    Args:
        space: The search space.
        trials: Any of the study.
        goal: Which metrics are better.
        good: The share of trials with a metric that count as good, above 0 and below 1.

    Returns:
        For each parameter of more than one value that trials with a metric have, its share, the
        largest first. They sum to one; they are all zero where the trials say nothing, as with one
        metric for all. Empty with less than two such trials.

    Raises:
        ValueError: `good` is no such share.

    Example:
        ```python
        from prefect_tuner import Float, Outcome, SearchSpace, Trial
        from prefect_tuner.flows.analysis.importance import importance
        from prefect_tuner.goal import Goal

        space = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
        values = [(i / 20, (7 * i % 20) / 20) for i in range(20)]
        trials = [
            Trial(i, {"x": x, "y": y}, outcome=Outcome.COMPLETED, metric=x)
            for i, (x, y) in enumerate(values)
        ]
        assert importance(space, trials, Goal("minimize"))["x"] > 0.5
        ```
    """
    if not 0.0 < good < 1.0:
        raise ValueError(f"good: must be above 0 and below 1, got {good!r}")
    done = [trial for trial in trials if trial.metric is not None]
    if len(done) < 2:
        return {}
    losses = np.array([goal.loss(trial.metric) for trial in done if trial.metric is not None])
    is_good = _best(losses, good)
    found = {
        name: _unscaled(name, parameter, done, is_good)
        for name, parameter in space.items()
        if parameter.cardinality != 1 and any(name in trial.params for trial in done)
    }
    total = sum(found.values())
    scale = 1.0 / total if total > 0.0 else 0.0
    return {name: scale * value for name, value in sorted(found.items(), key=lambda pair: -pair[1])}


def _best(losses: FloatArray, share: float) -> BoolArray:
    """Which losses are among the best share; ties with the last of them are as well."""
    last = math.ceil(share * losses.size) - 1
    return np.asarray(losses <= np.partition(losses, last)[last])


def _unscaled(name: str, parameter: Parameter, done: list[Trial], is_good: BoolArray) -> float:
    """The importance of one parameter, but for a factor that all have."""
    is_active = np.array([name in trial.params for trial in done])
    good_here = is_good[is_active]
    if is_active.sum() < _FEWEST_ACTIVE or not good_here.any():
        return 0.0
    cells = cells_of(parameter, [trial.params[name] for trial in done if name in trial.params])
    of_good = density(parameter, cells[good_here]) + _NOT_QUITE_NOTHING
    of_all = density(parameter, cells) + _NOT_QUITE_NOTHING
    divergence = of_all @ (of_good / of_all - 1.0) ** 2  # Pearson's.
    share_of_good, share_of_all = good_here.sum() / is_good.sum(), is_active.mean()
    return float(share_of_good**2 / share_of_all * divergence)
