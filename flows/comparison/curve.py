"""The best so far of studies, as curves that can be drawn beside each other."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from string import ascii_uppercase
from typing import Literal, TypeAlias

from prefect_tuner.flows.pictures.study_view import StudyView
from prefect_tuner.goal import Goal
from prefect_tuner.printable_text import printable_line
from prefect_tuner.trial import Trial

By: TypeAlias = Literal["trial", "time"]
"""Against what a curve runs: the number of trials that have ended, or the time of the study."""

MOST_NAMES = 4
"""Studies whose names stand above the columns of tables; of more, their letters do."""

MOST_CURVES = 10
"""Curves in a picture; more could not be told apart."""


@dataclass(frozen=True)
class Curve:
    """The best so far of one study, as steps.

    Attributes:
        letter: By which it is told from the others.
        name: The study's name, on one line.
        goal: Which metrics are better.
        records: The trials that were better than all before, in the order in which they count.
        places: Where each of them is: how many trials had ended with it, or the seconds that the
            study had run by then.
        end: Up to where the curve runs.
        lacking: Why it has no records; or empty.
    """

    letter: str
    name: str
    goal: Goal
    records: tuple[Trial, ...]
    places: tuple[float, ...]
    end: float
    lacking: str = ""

    @cached_property
    def metrics(self) -> list[float]:
        """The best so far from each of the places on."""
        return [trial.metric for trial in self.records if trial.metric is not None]

    def sampled(self, count: int = 200) -> list[float]:
        """The best so far at so many places, evenly from the first record to the end.

        What most of a curve looks like decides how large it is drawn: what stood for a few trials
        alone may lie beyond the axis.
        """
        if not self.records:
            return []
        first, metrics = self.places[0], self.metrics
        step = (self.end - first) / (count - 1)
        places = (bisect_right(self.places, first + i * step) for i in range(count))
        return [metrics[max(0, place - 1)] for place in places]


def letter_of(place: int) -> str:
    """The letter of a study by its place among the compared ones; two letters from the 27th on.

    Example:
        ```python
        from prefect_tuner.flows.comparison.curve import letter_of

        assert [letter_of(place) for place in (0, 25, 26)] == ["A", "Z", "AA"]
        ```
    """
    before, last = divmod(place, len(ascii_uppercase))
    return (letter_of(before - 1) if before else "") + ascii_uppercase[last]


def mark_of(curve: Curve, trial: Trial) -> int:
    """The number of a trial's mark in a picture of several studies, which no other trial has."""
    return trial.number * MOST_CURVES + ascii_uppercase.index(curve.letter)


def curves_of(views: Sequence[StudyView], by: By) -> list[Curve]:
    """The curve of each study, the first `MOST_CURVES` of them.

    Only trials of the study's budget count: results from elsewhere are none of it. Where nobody
    knows when trials ended, a curve by time has no records.

    Args:
        views: The studies.
        by: Against what the curves run.
    """
    return [_curve(view, letter_of(place), by) for place, view in enumerate(views[:MOST_CURVES])]


def _curve(view: StudyView, letter: str, by: By) -> Curve:
    trials = [trial for trial in view.ended_trials if trial.number not in view.known]
    if by == "trial":
        placed = [(float(count), trial) for count, trial in enumerate(trials, start=1)]
        end = float(len(trials))
    else:
        timed = [trial for trial in trials if trial.number in view.ended]
        timed.sort(key=lambda trial: (view.ended[trial.number], trial.number))
        placed = [(view.ended[trial.number], trial) for trial in timed]
        end = max([view.elapsed or 0.0, *(place for place, _ in placed[-1:])])
    records = list(_records(placed, view.goal))
    lacking = "no times" if any(trial.metric is not None for trial in trials) else "no metric"
    return Curve(
        letter,
        printable_line(view.name),
        view.goal,
        tuple(trial for _, trial in records),
        tuple(place for place, _ in records),
        end,
        "" if records else lacking,
    )


def _records(placed: Sequence[tuple[float, Trial]], goal: Goal) -> Iterator[tuple[float, Trial]]:
    best: float | None = None
    for place, trial in placed:
        if goal.is_better(trial.metric, than=best):
            best = trial.metric
            yield place, trial


def by_direction(curves: Sequence[Curve]) -> Mapping[str, list[Curve]]:
    """Those that can have one axis of metrics, together: larger metrics are better, or smaller."""
    found: dict[str, list[Curve]] = {}
    for curve in curves:
        found.setdefault(curve.goal.direction, []).append(curve)
    return found


def doubt_about(views: Sequence[StudyView]) -> str:
    """Why the metrics of studies may not be comparable, in a few words; empty where they may be.

    Args:
        views: The studies. An objective that is not known is not taken for another one.
    """
    objectives = {view.objective for view in views if view.objective}
    codes = {view.code for view in views if view.code}
    directions = {view.goal.direction for view in views}
    if len(directions) > 1 and len(objectives) > 1:
        return "not comparable: other directions and objectives"
    if len(directions) > 1:
        return "not comparable: their directions differ"
    if len(objectives) > 1:
        return "compare with care: their objectives differ"
    return "compare with care: the objective's code differs" if len(codes) > 1 else ""
