"""A race: which candidates are to be evaluated next, and which are left.

All candidates that are left have the same number of evaluations at each look, and evaluation r of
one has the same seed as evaluation r of another. So they are compared in pairs, in which whatever
the seed decides for both, such as how the data are split, cancels out; and noise that is skewed
makes differences that are less so. A candidate that is worse than another beyond the noise is out.

What the candidates scored in the search plays no part: they were chosen by it, so it flatters them.
All decisions are made at looks, when the evaluations before them have ended: how many run at a time
and how long each takes makes no difference.

Sources: O. Maron, A. W. Moore, "Hoeffding Races", NIPS 6 (1994), for the race; M. Lopez-Ibanez and
others, "The irace package", Operations Research Perspectives 3 (2016), section 3, for the race
with a paired t-test on common seeds. Unlike there, the looks share the chance of error (`looks`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, final

from prefect_tuner.flows.confirmation.looks import ALPHA, error_at, evaluations_at
from prefect_tuner.flows.confirmation.sample import is_above_zero
from prefect_tuner.goal import Goal

GLANCE = 2
"""Evaluations of each candidate after which an objective without noise is known by equal metrics,
where its metric can have any value; one that comes in steps is asked up to the first look."""

MOST_FAILURES = 1 / 4
"""The share of a candidate's evaluations that put it out of the race by their failure."""


@dataclass(frozen=True)
class Evaluation:
    """What came of evaluating a candidate once more.

    Attributes:
        metric: None where it failed.
        duration: Seconds that it took, if that is known.
    """

    metric: float | None
    duration: float | None = None


Evaluations: TypeAlias = Mapping[int, Mapping[int, Evaluation]]
"""By the candidate's number, and by how many came before it of the same candidate."""


class RaceEnd(StrEnum):
    """Why a race is over."""

    SETTLED = "settled"
    """One candidate is left, and it does not fail too often."""
    NO_NOISE = "no_noise"
    """All evaluations of each candidate gave the metric that it had in the search."""
    FAILED = "failed"
    """All candidates fail too often."""
    BUDGET = "budget"
    """There are too few evaluations left for another look."""
    STOPPED = "stopped"
    """It was stopped: the time was over."""


@dataclass(frozen=True)
class Standing:
    """How a race stands.

    Attributes:
        left: The candidates in the race.
        failing: Those that are out since too many of their evaluations failed.
        looks: At how many looks each candidate was compared with others, by number; the
            evaluations before the last of them count.
        wanted: The candidates to evaluate next, each with how many evaluations came before.
        end: Why the race is over; None while it goes on.
    """

    left: frozenset[int]
    failing: frozenset[int]
    looks: Mapping[int, int]
    wanted: tuple[tuple[int, int], ...] = ()
    end: RaceEnd | None = None


@final
class Race:
    """The rules of a race among candidates. It holds nothing of how it goes.

    Args:
        goal: Which of two metrics is better.
        firsts: What each candidate scored in the search, by number, the best first.
        budget: How many evaluations there may be in all.
        step: In which the metric comes; 0 where it can have any value.

    Example:
        ```python
        from prefect_tuner.flows.confirmation.race import Evaluation, Race
        from prefect_tuner.goal import Goal

        race = Race(Goal("maximize"), {3: 0.9, 8: 0.8}, budget=20)
        assert race.standing({}).wanted == ((3, 0), (8, 0), (3, 1), (8, 1))
        again = {number: Evaluation(first) for number, first in race.firsts.items()}
        twice = {number: {0: each, 1: each} for number, each in again.items()}
        assert race.standing(twice).end == "no_noise"
        ```
    """

    def __init__(
        self, goal: Goal, firsts: Mapping[int, float], budget: int, step: float = 0.0
    ) -> None:
        self.goal = goal
        self.firsts = dict(firsts)
        self.budget = budget
        self.step = step

    def standing(self, evaluations: Evaluations) -> Standing:
        """How the race stands.

        Args:
            evaluations: Those that have ended.
        """
        left, failing = list(self.firsts), set[int]()
        looks = dict.fromkeys(self.firsts, 0)
        spent = 0
        for look in range(1_000):  # Look 0 is the glance.
            count = evaluations_at(look) if look else GLANCE
            before = 0 if not look else evaluations_at(look - 1) if look > 1 else GLANCE
            spent += (count - before) * len(left)
            if spent > self.budget:
                return Standing(frozenset(left), frozenset(failing), looks, (), RaceEnd.BUDGET)
            wanted = tuple(
                (number, place)
                for place in range(count)
                for number in left
                if place not in evaluations.get(number, {})
            )
            if wanted:
                return Standing(frozenset(left), frozenset(failing), looks, wanted)
            end = None
            if look:
                looks |= dict.fromkeys(left, look)
                seen = {n: [evaluations[n][place].metric for place in range(count)] for n in left}
                failing |= {n for n in left if seen[n].count(None) >= MOST_FAILURES * count}
                left = self._not_beaten({n: seen[n] for n in left if n not in failing}, look)
                end = self._end(left, seen)
            if look <= 1 and len(failing) == 0 and self._has_no_noise(evaluations, count):
                looks = dict.fromkeys(self.firsts, look)
                return Standing(frozenset(self.firsts), frozenset(), looks, (), RaceEnd.NO_NOISE)
            if end is not None:
                return Standing(frozenset(left), frozenset(failing), looks, (), end)
        raise AssertionError("a budget is finite")  # pragma: no cover

    def _not_beaten(self, seen: Mapping[int, list[float | None]], look: int) -> list[int]:
        """The candidates that none other is better than beyond the noise."""
        error = error_at(look, len(self.firsts) - 1)
        return [n for n in seen if not any(self._beats(seen[o], seen[n], error) for o in seen)]

    def _beats(self, one: list[float | None], other: list[float | None], error: float) -> bool:
        gains = [
            self.goal.loss(b) - self.goal.loss(a)
            for a, b in zip(one, other, strict=True)
            if a is not None and b is not None
        ]
        return all(map(math.isfinite, gains)) and is_above_zero(gains, error, self.step)

    def _end(self, left: list[int], seen: Mapping[int, list[float | None]]) -> RaceEnd | None:
        if not left:
            return RaceEnd.FAILED
        if len(left) > 1:
            return None
        return RaceEnd.SETTLED if is_reliable(seen[left[0]]) else None

    def _has_no_noise(self, evaluations: Evaluations, count: int) -> bool:
        """Whether all evaluations of each candidate have given the metric of the search again.

        Noise that can have any value never does. Where a metric comes in steps, it may by luck,
        so more evaluations are asked.
        """
        if self.step and count == GLANCE:
            return False
        return all(
            evaluations[number][place].metric == first
            for number, first in self.firsts.items()
            for place in range(count)
        )


def is_reliable(metrics: list[float | None]) -> bool:
    """Whether it is shown that a candidate fails in less than half of its evaluations.

    By the exact binomial test, with the chance of error 0.05: that takes no failure among 5
    evaluations, no more than 1 among 10, and 5 among 20.

    Args:
        metrics: Of its evaluations, None for those that failed.
    """
    failed, count = metrics.count(None), len(metrics)
    as_few = sum(math.comb(count, failures) for failures in range(failed + 1))
    return bool(as_few <= ALPHA * 2**count)
