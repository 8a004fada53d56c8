"""Credit: what the trials of each proposer brought, and whose turn it is by that.

Notation:
    use: a trial that some proposer gave, unless it was cancelled; those that run are among them.
    improvement: a completed trial whose metric is better than those of all trials asked before it.
        The first one has nothing to improve on.
    H: the latest uses, at most `WINDOW` of them.

Sources: A. Fialho, M. Schoenauer and M. Sebag, Toward Comparison-Based Adaptive Operator Selection,
GECCO (2010), and J. Ansel et al., OpenTuner: An Extensible Framework for Program Autotuning, PACT
(2014), where search techniques take the place of operators.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import final

from prefect_tuner.goal import Goal
from prefect_tuner.history import History
from prefect_tuner.trial import Outcome, Trial

WINDOW = 100
"""How many of the latest uses count. OpenTuner has 500, for studies of ten thousands of trials."""

START = 5
"""Uses that each has in turn before the bandit decides: the first improvements are easy ones."""

EXPLORATION = 0.1
"""The constant C of the bandit. OpenTuner has half of it, for the same reason."""


@dataclass(frozen=True)
class Credit:
    """What the trials of one proposer brought.

    Attributes:
        trials: How many trials it was given, in whatever way they ended.
        improvements: How many of them were better than all trials asked before.
        gain: By how much they were, added up; in units of the metric, at least 0.
    """

    trials: int = 0
    improvements: int = 0
    gain: float = 0.0

    def __str__(self) -> str:
        trials = "1 trial" if self.trials == 1 else f"{self.trials} trials"
        if not self.improvements:
            return f"{trials}, no improvement"
        plural = "" if self.improvements == 1 else "s"
        return f"{trials}, {self.improvements} improvement{plural} by {self.gain:.6g} in all"


def credits_of(trials: Iterable[Trial], goal: Goal) -> dict[str, Credit]:
    """The credit of every proposer, in the order of their first trials.

    Args:
        trials: All trials of a study in the order asked. Those without a proposer have to be
            improved on like any other.
        goal: Which of two metrics is better.

    Example:
        ```python
        from prefect_tuner import Outcome, Trial
        from prefect_tuner.goal import Goal
        from prefect_tuner.strategies.credit import Credit, credits_of

        trials = [
            Trial(n, {"x": m}, outcome=Outcome.COMPLETED, metric=m, proposer=proposer)
            for n, (m, proposer) in enumerate([(1.0, "gp"), (1.5, "tpe"), (1.25, "gp")])
        ]
        credit = credits_of(trials, Goal("maximize"))
        assert credit == {"gp": Credit(2), "tpe": Credit(1, 1, 0.5)}
        ```
    """
    found: dict[str, Credit] = {}
    best: float | None = None
    for trial in trials:
        gain, best = _gain(trial, best, goal)
        if trial.proposer:
            credit = found.get(trial.proposer, Credit())
            found[trial.proposer] = replace(
                credit,
                trials=credit.trials + 1,
                improvements=credit.improvements + (gain > 0),
                gain=credit.gain + gain,
            )
    return found


@final
class CreditBandit:
    """Says whose turn it is: a bandit on the improvements that each proposer's trials brought.

    Until there are `START` uses for each, they take turns. Then the next trial goes to the proposer
    t with the largest sum of two terms. One is the area under
    its curve, which rises by one with each use that was an improvement: late improvements count for
    more than early ones, so a proposer that has come to an end loses its credit as it goes on. The
    other one grows as t is not used:

        AUC_t + C * sqrt(2 * log2(|H|) / |H_t|),  AUC_t = 2 / (m (m + 1)) * sum of i * V_t,i

    with |H_t| the uses of t in H, m those that have finished, and V_t,i 1 where the i-th of these
    was an improvement and 0 elsewhere. Improvements are counted, not measured, so that the scale
    of the metric does not matter.

    Args:
        proposers: Their names, at most 10; the one that was used least is first among equals, and
            of these the one named first.
        goal: Which of two metrics is better.

    Example:
        ```python
        from prefect_tuner import History
        from prefect_tuner.goal import Goal
        from prefect_tuner.strategies.credit import CreditBandit

        bandit = CreditBandit(["gp", "tpe"], Goal("minimize"))
        assert bandit.ranking(History()) == ["gp", "tpe"]
        ```
    """

    def __init__(self, proposers: Sequence[str], goal: Goal) -> None:
        self._proposers = list(proposers)
        self._uses = _Uses(goal)

    def ranking(self, history: History) -> list[str]:
        """All proposers, the one whose turn it is first; a function of the history alone."""
        latest = [use for use in self._uses.of(history) if use.proposer in self._proposers]
        latest = latest[-WINDOW:]
        counts = Counter(use.proposer for use in latest)
        by_uses = sorted(self._proposers, key=counts.__getitem__)
        if len(latest) < START * len(self._proposers):
            return by_uses
        return sorted(by_uses, key=lambda name: -_score(name, latest, counts))


@dataclass(frozen=True)
class _Use:
    """A trial's proposer, and whether it was an improvement; None while that is not known."""

    proposer: str
    improved: bool | None


def _score(name: str, latest: Sequence[_Use], counts: Counter[str]) -> float:
    if not counts[name]:  # Its uses are older than the window.
        return math.inf
    finished = [use.improved for use in latest if use.proposer == name and use.improved is not None]
    m = len(finished)
    area = sum(i for i, improved in enumerate(finished, start=1) if improved)
    exploitation = 2.0 * area / (m * (m + 1)) if m else 0.0
    return exploitation + EXPLORATION * math.sqrt(2.0 * math.log2(len(latest)) / counts[name])


@dataclass
class _Settled:
    """The beginning of a history, up to the first trial that runs: it cannot change any more.

    Attributes:
        history: The whole of it.
        length: Trials at its beginning.
        best: The best metric among them.
        uses: The latest uses among them.
    """

    history: History
    length: int = 0
    best: float | None = None
    uses: list[_Use] = field(default_factory=list)


class _Uses:
    """The uses of a history. What is settled is counted once, however long the history becomes."""

    def __init__(self, goal: Goal) -> None:
        self._goal = goal
        self._settled = _Settled(History())

    def of(self, history: History) -> list[_Use]:
        """The latest uses in the order asked, at least `WINDOW` where there are as many."""
        if self._settled.history is not history:
            self._settled = _Settled(history)
        settled = self._settled
        best, tail, is_settled = settled.best, list[_Use](), True
        for number in range(settled.length, len(history)):
            trial = history[number]
            is_settled = is_settled and not trial.is_running
            gain, best = _gain(trial, best, self._goal)
            if trial.proposer and trial.outcome is not Outcome.CANCELLED:
                tail.append(_Use(trial.proposer, None if trial.is_running else gain > 0))
            if is_settled:
                settled.uses, tail = [*settled.uses, *tail][-WINDOW:], []
                settled.length, settled.best = number + 1, best
        return [*settled.uses, *tail]


def _gain(trial: Trial, best: float | None, goal: Goal) -> tuple[float, float | None]:
    """By how much a trial improves on the best metric before it, and the best metric after it."""
    metric = trial.metric
    if metric is None or not goal.is_better(metric, than=best):
        return 0.0, best
    return (0.0 if best is None else abs(metric - best)), metric
