"""What pictures and reports are made of: one study, as plain data, wherever it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from prefect_tuner.flows.analysis.finding import Finding
from prefect_tuner.flows.analysis.importance import GOOD
from prefect_tuner.flows.confirmation.confirmation import Confirmation
from prefect_tuner.goal import Goal
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.trial import Outcome, Trial


@dataclass(frozen=True)
class StudyView:
    """A study as it is shown.

    Attributes:
        name: Its name.
        goal: Which metrics are better.
        space: What was searched; read off the trials where nobody has declared it.
        trials: All trials in the order asked.
        best: The best trial of the search; None where none has a metric.
        known: The numbers of results from elsewhere, which the study did not run.
        started: When each trial was last called, in seconds that the study had run by then, by its
            number. Empty where that is not known.
        ended: When it ended, likewise.
        elapsed: Seconds that the study has run; None where that is not known.
        searched: Seconds of these that its search took; None where that is all of them.
        slots: How many trials may run at a time; 0 where that is not known.
        engine: What runs the trials; empty where that is not known.
        objective: What is tuned; or empty.
        code: A text that is the same for the same code of the objective; or empty.
        strategy: The strategy's name; or empty.
        reason: Why it decides as it does, in a sentence; or empty.
        ending: In what state the study is, behind "is" or "has"; or empty.
        importance: The share of each parameter, the largest first; empty where trials do not tell.
        findings: What is wrong with the study.
        confirmation: What came of evaluating its best trials anew; None where that was not done.
    """

    name: str
    goal: Goal
    space: SearchSpace
    trials: tuple[Trial, ...]
    best: Trial | None = None
    known: frozenset[int] = frozenset()
    started: Mapping[int, float] = field(default_factory=dict)
    ended: Mapping[int, float] = field(default_factory=dict)
    elapsed: float | None = None
    searched: float | None = None
    slots: int = 0
    engine: str = ""
    objective: str = ""
    code: str = ""
    strategy: str = ""
    reason: str = ""
    ending: str = ""
    importance: Mapping[str, float] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    confirmation: Confirmation | None = None

    @property
    def search_time(self) -> float:
        """Seconds of the search: no trial runs while the best ones are evaluated anew."""
        return (self.elapsed if self.searched is None else self.searched) or 0.0

    @cached_property
    def winner(self) -> Trial | None:
        """The trial to rely on: the confirmed winner, and where there is none, the best."""
        confirmed = None if self.confirmation is None else self.confirmation.winner
        if confirmed is None:
            return self.best
        return next(trial for trial in self.trials if trial.number == confirmed.number)

    @cached_property
    def measured(self) -> tuple[Trial, ...]:
        """The trials with a metric, in the order asked."""
        return tuple(trial for trial in self.trials if trial.metric is not None)

    @cached_property
    def metrics(self) -> FloatArray:
        """Their metrics, shape (n,)."""
        return np.array([trial.metric for trial in self.measured], dtype=np.float64)

    @cached_property
    def losses(self) -> FloatArray:
        """The same as numbers to minimise."""
        return self.goal.loss(self.metrics)

    @cached_property
    def failures(self) -> tuple[Trial, ...]:
        """The trials that failed, in whichever way, in the order asked."""
        return tuple(t for t in self.trials if t.outcome is not None and t.outcome.is_failure)

    @cached_property
    def ended_trials(self) -> tuple[Trial, ...]:
        """The trials that have ended by themselves."""
        return tuple(t for t in self.trials if t.outcome not in (None, Outcome.CANCELLED))

    @cached_property
    def good(self) -> frozenset[int]:
        """The numbers of the best tenth of the trials with a metric, which importance looks at."""
        count = int(np.ceil(GOOD * len(self.measured)))
        order = np.argsort(self.losses, kind="stable")[:count]
        return frozenset(self.measured[i].number for i in order)

    @cached_property
    def ranks(self) -> FloatArray:
        """For each trial with a metric, from 0 for the best to 1 for the worst; equals are equal.

        Pictures have colours by these: a single metric that is far worse than all others would
        leave the others without a difference.
        """
        if not len(self.losses):
            return np.empty(0)
        values, places = np.unique(self.losses, return_inverse=True)
        return np.asarray(places / max(1, len(values) - 1), dtype=np.float64)

    def important(self, most: int) -> list[str]:
        """The parameters to show, the most important first, then as declared.

        Args:
            most: How many at the most. Those of one value alone are left out.
        """
        varied = [
            name
            for name, parameter in self.space.items()
            if parameter.cardinality != 1 and any(name in trial.params for trial in self.measured)
        ]
        ranked = sorted(varied, key=lambda name: -self.importance.get(name, 0.0))
        return ranked[:most]
