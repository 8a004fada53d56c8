"""fANOVA of as many trials as take about a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prefect_tuner.flows.analysis.fanova.columns import count_columns
from prefect_tuner.flows.analysis.fanova.fanova import fanova
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.trial import Trial

MOST_TRIALS, FEWEST_TRIALS = 1_000, 300
"""Trials that are taken of more: the former of usual spaces, the latter of the largest."""

MOST_CELLS = 10_000
"""Trials times columns, which take about half a second of a processor; a choice has a column for
each of its values."""

MOST_COLUMNS = 500
"""Of a space for which this is told at all."""


@dataclass(frozen=True)
class BriefFanova:
    """The importance of parameters by fANOVA, and what it rests on.

    Attributes:
        shares: The share of each parameter, the largest first; empty where the space is too large,
            or the trials say nothing.
        taken: How many trials the forest was made of.
        measured: How many trials with a metric there are.
        is_too_large: Whether the space has too many columns.
    """

    shares: Mapping[str, float]
    taken: int
    measured: int
    is_too_large: bool = False


def brief_fanova(space: SearchSpace, trials: Sequence[Trial]) -> BriefFanova:
    """FANOVA of a part of the trials, spread evenly, where all of them would take long.

    Args:
        space: The search space.
        trials: Any of the study.

    Raises:
        InvalidConfiguration: scikit-learn is not installed.

    Example:
        ```python
        from prefect_tuner import Float, Outcome, SearchSpace, Trial
        from prefect_tuner.flows.analysis.fanova.brief_fanova import brief_fanova

        space = SearchSpace({"x": Float(0.0, 1.0), "y": Float(0.0, 1.0)})
        values = [(i / 20, (7 * i % 20) / 20) for i in range(20)]
        trials = [
            Trial(i, {"x": x, "y": y}, outcome=Outcome.COMPLETED, metric=x)
            for i, (x, y) in enumerate(values)
        ]
        told = brief_fanova(space, trials)
        assert told.shares["x"] > 0.9 and told.taken == told.measured == 20
        ```
    """
    measured = sum(trial.metric is not None for trial in trials)
    columns = count_columns(space)
    if columns > MOST_COLUMNS:
        return BriefFanova({}, 0, measured, is_too_large=True)
    most = min(MOST_TRIALS, max(FEWEST_TRIALS, MOST_CELLS // max(1, columns)))
    shares = fanova(space, trials, most=most)
    return BriefFanova(shares if any(shares.values()) else {}, min(most, measured), measured)
