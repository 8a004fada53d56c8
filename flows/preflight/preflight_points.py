"""By which candidates a study is judged: the middle of its space, and two of its corners.

Notation:
    units: for each parameter a point of [0, 1]: 0 is its first or lowest value, 1 its last or
        highest, on the logarithmic scale where `log` asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from prefect_tuner.flows.ledger.ledger_records import PreflightPoint
from prefect_tuner.flows.study.tuning_events import PreflightPlace
from prefect_tuner.history import History
from prefect_tuner.hyper_value import HyperValue, Params, copied_params
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.grid_points import spread
from prefect_tuner.strategies.strategy import SearchStrategy
from prefect_tuner.trial import Trial

PLACES: Final[Mapping[PreflightPlace, float]] = {
    "middle": 0.5,
    "low corner": 0.0,
    "high corner": 1.0,
}
"""The places in the order in which they are tried, with the unit that all parameters have there."""

MOST_LISTED = 5_000
"""Candidates of a space so small are all looked at; of others, as many at random."""

_HALVINGS = 12

Units: TypeAlias = dict[str, float]


def preflight_points(strategy: SearchStrategy, max_trials: int) -> list[PreflightPoint]:
    """What a study tries first to be judged by, each candidate once but for the repetition.

    In the middle, each parameter has its middle value; in the corners each has its lowest or
    highest, its first or last choice, which is where the cost of a trial is mostly least and most.
    Where constraints do not allow that, the nearest candidates that are found stand for them. The
    middle comes once more at the end, to be run with another seed, unless the budget is needed for
    candidates. They follow from the arguments alone.

    Args:
        strategy: Of the study; the candidates are some that it could give.
        max_trials: How many trials there may be.

    Example:
        ```python
        from prefect_tuner import Categorical, Float, Int, make_strategy
        from prefect_tuner.flows.preflight.preflight_points import preflight_points

        space = {"lr": Float(1e-4, 1e-2, log=True), "layers": Int(1, 9), "dart": [True, False]}
        middle, low, high, again = preflight_points(make_strategy("random", space), 20)
        assert low.params == {"lr": 1e-4, "layers": 1, "dart": True}
        assert high.params == {"lr": 1e-2, "layers": 9, "dart": False}
        assert again.params == middle.params
        ```
    """
    looked_at = _Candidates(strategy)
    tried = History()
    points: list[PreflightPoint] = []
    for place, unit in PLACES.items():
        params = looked_at.nearest(unit)
        if params is not None and not tried.has_candidate(params):
            tried.add(Trial(len(tried), params))
            points.append(PreflightPoint(place=place, params=params))
    if points and points[0].place == "middle" and _is_room_for_more(looked_at, points, max_trials):
        again = copied_params(points[0].params)
        points.append(PreflightPoint(place="middle again", params=again))
    return points[:max_trials]


def _is_room_for_more(
    looked_at: _Candidates, points: Sequence[PreflightPoint], max_trials: int
) -> bool:
    """Whether a candidate may be tried twice: not where the budget is for each of them once."""
    return max_trials > len(points) and looked_at.count != max_trials


@dataclass(frozen=True)
class _Candidate:
    units: Units
    params: Params


class _Candidates:
    """The candidates that a strategy could give, as far as they are looked at.

    Args:
        strategy: The strategy.

    Attributes:
        count: How many there are; None where that is not known.
    """

    def __init__(self, strategy: SearchStrategy) -> None:
        self._strategy = strategy
        self._space: SearchSpace = strategy.space
        self._axes: Mapping[str, Parameter] = strategy.axes
        cells = self._space.cells(self._axes)
        self._is_listed = cells.size is not None and cells.size <= MOST_LISTED
        self._known: list[_Candidate] | None = None
        self.count: int | None = len(self._all()) if self._is_listed else None

    def nearest(self, unit: float) -> Params | None:
        """The candidate nearest to where all parameters have this unit; None if there is none."""
        wished = self._at(dict.fromkeys(self._axes, unit))
        if self._space.meets_constraints(wished.params):
            return wished.params
        if not (known := self._all()):
            return self._first()
        # Of active parameters alone: the others are nowhere.
        best = min(known, key=lambda each: _distance(each, unit))
        return best.params if self._is_listed else self._pushed(best, unit).params

    def _all(self) -> list[_Candidate]:
        if self._known is None:
            drawn = self._listed() if self._is_listed else self._drawn()
            self._known = [each for each in drawn if self._space.meets_constraints(each.params)]
        return self._known

    def _listed(self) -> Iterator[_Candidate]:
        cells = self._space.cells(self._axes)
        for place in range(cells.size or 0):
            params = cells.at(place)
            yield _Candidate({name: self._unit(name, params[name]) for name in params}, params)

    def _drawn(self) -> Iterator[_Candidate]:
        draws = np.random.default_rng(0).random((MOST_LISTED, len(self._axes)))
        for units in draws.tolist():
            yield self._at(dict(zip(self._axes, units, strict=True)))

    def _first(self) -> Params | None:
        """What the strategy begins with: it knows how to find what is seldom."""
        proposal = self._strategy.propose(History())
        return None if proposal is None else proposal.params

    def _at(self, units: Units) -> _Candidate:
        values = {name: _value(self._axes[name], unit) for name, unit in units.items()}
        active = set(self._space.active(values))
        params = {name: value for name, value in values.items() if name in active}
        return _Candidate(units, params)

    def _unit(self, name: str, value: HyperValue) -> float:
        axis = self._axes[name]
        last = (axis.cardinality or 1) - 1
        return axis.index_of(value) / last if last else 0.5  # type: ignore[arg-type]

    def _pushed(self, candidate: _Candidate, unit: float) -> _Candidate:
        """A candidate with one parameter after the other as near to a unit as it may be."""
        for name in self._space.order:
            near, far = unit, candidate.units[name]
            moved = self._at({**candidate.units, name: near})
            for _ in range(_HALVINGS):
                if self._space.meets_constraints(moved.params):
                    candidate, far = moved, moved.units[name]
                else:
                    near = moved.units[name]
                if near == far:
                    break
                moved = self._at({**candidate.units, name: (near + far) / 2})
        return candidate


def _value(axis: Parameter, unit: float) -> HyperValue:
    """The value at a unit; at the ends the first and the last, to the last bit."""
    if unit in (0.0, 1.0):
        if axis.cardinality is not None:
            return axis.value_at(0 if unit == 0.0 else axis.cardinality - 1)
        low, high = axis.low, axis.high
        return low if unit == 0.0 else high
    if unit == 0.5 and axis.cardinality is None:  # 0.01 rather than 0.010000000000000004.
        return spread(axis, 1).value_at(0)
    return axis.from_unit(unit)


def _distance(candidate: _Candidate, unit: float) -> float:
    """The mean of squares over the active parameters."""
    units = [candidate.units[name] for name in candidate.params]
    return sum((each - unit) ** 2 for each in units) / len(units)
