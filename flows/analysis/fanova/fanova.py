"""How much of a metric's variance each parameter explains, by a random forest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.flows.analysis.fanova.columns import columns_of
from prefect_tuner.flows.analysis.fanova.leaf_boxes import LeafBoxes
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Trial

TREES, DEPTH = 64, 64
"""Of the forest, and of each of its trees at the most."""

MOST_TRIALS = 4_000
"""Trials that the forest is made of at the most, evenly from the first to the last, which takes
about three seconds of a processor."""

_LARGEST = 1e100
"""Metrics of which squares can be taken."""


def fanova(
    space: SearchSpace, trials: Iterable[Trial], *, seed: int = 0, most: int | None = None
) -> dict[str, float]:
    """The share of the metric's variance that each parameter explains by itself (fANOVA).

    A random forest is fitted to the metrics; of each tree, the variance of its mean for each value
    of a parameter, in units of the tree's variance over the whole space. What parameters do
    together only is no part of it. Trials without a metric are left out. A conditional parameter
    counts over the whole space as well: where it is not active it makes no difference, and the
    rarer it is active, the less it explains. (Optuna leaves conditional parameters out; without
    any, the values are those of its `FanovaImportanceEvaluator` with the same seed.) Numbers are
    taken as they are, also those that are searched on a logarithmic scale.

    Source: Hutter, Hoos, Leyton-Brown, "An Efficient Approach for Assessing Hyperparameter
    Importance" (ICML 2014).

    Args:
        space: The search space.
        trials: Any of the study. Of more than `most` with a metric, so many are taken, evenly.
        seed: Of the forest.
        most: Trials that the forest is made of at the most; 4,000 when left out.

    Returns:
        For each parameter of more than one value that trials with a metric have, its share, the
        largest first. They sum to one; they are all zero where the trials say nothing, as with one
        metric for all. Empty with less than two such trials.

    Raises:
        InvalidConfiguration: scikit-learn is not installed.

    Example:
        ```python
        from prefect_tuner import Float, Outcome, SearchSpace, Trial
        from prefect_tuner.flows.analysis.fanova.fanova import fanova

        space = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
        values = [(i / 20, (7 * i % 20) / 20) for i in range(20)]
        trials = [
            Trial(i, {"x": x, "y": y}, outcome=Outcome.COMPLETED, metric=x)
            for i, (x, y) in enumerate(values)
        ]
        assert fanova(space, trials)["x"] > 0.9
        ```
    """
    try:
        from sklearn.ensemble import RandomForestRegressor  # It loads slowly.
    except ImportError as error:
        raise InvalidConfiguration(
            "importance: 'fanova' needs scikit-learn, which is not installed: "
            'pip install "prefect-tuner[importance]"'
        ) from error
    done = [trial for trial in trials if trial.metric is not None]
    if len(done) > (most := most or MOST_TRIALS):
        done = [done[int(place)] for place in np.linspace(0, len(done) - 1, most)]
    if len(done) < 2:
        return {}
    columns = columns_of(space, done, seed)
    metrics = np.array([trial.metric for trial in done], dtype=np.float64)
    if (size := np.abs(metrics).max()) > _LARGEST:
        metrics = np.ldexp(metrics, -int(np.frexp(size)[1]))  # Which changes no digit.
    if not columns.of or metrics.min() == metrics.max():
        return dict.fromkeys(columns.of, 0.0)
    forest = RandomForestRegressor(n_estimators=TREES, max_depth=DEPTH, random_state=seed)
    forest.fit(columns.values, metrics)
    fractions = dict.fromkeys(columns.of, 0.0)
    for each in forest.estimators_:
        boxes = LeafBoxes.of(each.tree_, columns.low, columns.high)
        if (variance := boxes.variance) <= 0.0:
            continue
        for name, own in columns.of.items():
            if isinstance(space[name], Categorical):
                fractions[name] += boxes.variance_of_choice(own) / variance
            else:
                fractions[name] += boxes.variance_of_number(own.start) / variance
    total = sum(fractions.values())
    scale = 1.0 / total if total > 0.0 else 0.0
    ordered = sorted(fractions.items(), key=lambda pair: -pair[1])
    return {name: scale * value for name, value in ordered}
