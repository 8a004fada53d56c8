"""What the checks are given of a study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from prefect_tuner.flows.analysis.models.normal_scores import normal_scores
from prefect_tuner.flows.analysis.models.partial_effect import AdditiveModel
from prefect_tuner.flows.analysis.models.run_times import RunTimes
from prefect_tuner.flows.analysis.models.surrogate import Surrogate
from prefect_tuner.goal import Goal
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.trial import Trial

FEWEST_TRIALS = 10
"""Trials with a metric, from which on something is said of metrics."""

_MOST_FOR_ADDITIVE = 1_000
_MOST_FOR_SURROGATE = 150
"""How many trials models are made of at the most: 10,000 would take minutes."""


@dataclass(frozen=True)
class Case:
    """What is examined.

    Attributes:
        space: The search space.
        goal: Which metrics are better.
        ended: The trials that have ended by themselves, in the order asked.
        runs: When the trials of each run ran; nothing where that is not known.
    """

    space: SearchSpace
    goal: Goal
    ended: Sequence[Trial]
    runs: Sequence[RunTimes] = field(default=())

    @cached_property
    def done(self) -> list[Trial]:
        """The trials with a metric."""
        return [trial for trial in self.ended if trial.metric is not None]

    @cached_property
    def metrics(self) -> FloatArray:
        """Their metrics, shape (n,)."""
        return np.array([trial.metric for trial in self.done], dtype=np.float64)

    @cached_property
    def losses(self) -> FloatArray:
        """The same as numbers of which the least is best, shape (n,)."""
        return self.goal.loss(self.metrics)

    @cached_property
    def scaled_losses(self) -> FloatArray:
        """The same, of a size of which squares can be taken: metrics may be as large as 1e308."""
        size = float(np.abs(self.losses).max(initial=0.0))
        return self.losses / size if size > 0.0 else self.losses

    @cached_property
    def parameters(self) -> list[str]:
        """The parameters of more than one value that trials with a metric have."""
        seen = {name for trial in self.done for name in trial.params}
        return [name for name in self.space if name in seen and self.space[name].cardinality != 1]

    @cached_property
    def rows_for_additive(self) -> list[int]:
        """Places in `done` of what `additive` is made of."""
        return _spread(range(len(self.done)), _MOST_FOR_ADDITIVE)

    @cached_property
    def additive(self) -> AdditiveModel:
        """What each parameter does to the rank of a trial; of thousands, what some tell."""
        rows = self.rows_for_additive
        scores = normal_scores(self.losses[rows])
        return AdditiveModel(self.space, [self.done[row] for row in rows], scores)

    @cached_property
    def additive_of_losses(self) -> AdditiveModel:
        """The same of losses as they are, in which a few trials far worse weigh most."""
        rows = self.rows_for_additive
        return AdditiveModel(self.space, [self.done[row] for row in rows], self.scaled_losses[rows])

    @cached_property
    def surrogate(self) -> Surrogate | None:
        """What the parameters together say of the metric; None where no model can be made."""
        return self._surrogate_of(self.rows_for_surrogate, normal_scores)

    @cached_property
    def surrogate_of_losses(self) -> Surrogate | None:
        """The same of losses as they are."""
        return self._surrogate_of(self.rows_for_surrogate, lambda losses: losses)

    @cached_property
    def rows_for_surrogate(self) -> list[int]:
        """Places in `done` of what both surrogates are made of."""
        return _spread(range(len(self.done)), _MOST_FOR_SURROGATE)

    def _surrogate_of(
        self, rows: list[int], scores_of: Callable[[FloatArray], FloatArray]
    ) -> Surrogate | None:
        if len(rows) < FEWEST_TRIALS:
            return None
        trials = [self.done[row] for row in rows]
        return Surrogate.of(self.space, trials, scores_of(self.scaled_losses[rows]))


def _spread(rows: Sequence[int], most: int) -> list[int]:
    """At most so many of some places, evenly from the first to the last."""
    if len(rows) <= most:
        return list(rows)
    return [rows[int(place)] for place in np.linspace(0, len(rows) - 1, most)]
