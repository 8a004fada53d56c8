"""First feasible points where draws find none: one parameter after the other, with look-ahead.

Each parameter gets a value of what is left of its range, then all ranges are narrowed by what that
implies. Where nothing is left of one, the value is taken back, and another is tried. The values
tried first are those of a linear program.

Source: R. Dechter, Constraint Processing (2003), chapter 5, backtracking with look-ahead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import numpy as np

from prefect_tuner.hyper_value import HyperValue, Params
from prefect_tuner.search_space.parameters import Categorical
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.feasibility.intervals import Interval
from prefect_tuner.strategies.feasibility.linear import linear_start
from prefect_tuner.strategies.feasibility.narrowing import Narrowing
from prefect_tuner.strategies.feasibility.ranges import Box, Infeasible, index_range

_DIVES, _MOST_VALUES_EACH = 12, 300
# Values of one parameter that are tried at one place.
_TRIED_NUMBERS, _TRIED_CHOICES = 3, 30


class _Exhausted(Exception):
    """So many values were tried that the dive is given up."""


@dataclass
class _Dive:
    hints: dict[str, float]
    left: int = _MOST_VALUES_EACH


@final
class Dives:
    """Looks for candidates of a space that meet its constraints.

    Args:
        space: The space.
        narrowing: Its constraints.

    Example:
        ```python
        import numpy as np

        from prefect_tuner import Int, SearchSpace
        from prefect_tuner.strategies.feasibility.dives import Dives
        from prefect_tuner.strategies.feasibility.narrowing import Narrowing

        numbers = {"a": Int(0, 10**6), "b": Int(0, 10**6), "c": Int(0, 10**6)}
        space = SearchSpace(numbers, constraints=["a + b + c == 999_990", "a == 2*b", "b == 3*c"])
        narrowing = Narrowing(space)
        dives = Dives(space, narrowing)
        found = dives.found(np.random.default_rng(0), narrowing.everything())
        assert found[0] == {"a": 599_994, "b": 299_997, "c": 99_999}
        ```
    """

    def __init__(self, space: SearchSpace, narrowing: Narrowing) -> None:
        self._space = space
        self._narrowing = narrowing

    def found(self, rng: np.random.Generator, box: Box) -> list[Params]:
        """Some feasible candidates, at most one of each dive; none where none was found.

        Raises:
            Infeasible: The linear constraints allow nothing.
        """
        found: list[Params] = []
        for number in range(_DIVES):
            start = linear_start(rng, self._narrowing, dict(self._space), box)
            if not start.is_possible:
                raise Infeasible
            dive = _Dive(start.values if number % 3 < 2 else {})
            try:
                params = self._dive(rng, list(self._space.order), box, dive)
            except _Exhausted:
                continue
            if params is not None:
                found.append(params)
        return found

    def _dive(
        self, rng: np.random.Generator, names: list[str], box: Box, dive: _Dive
    ) -> Params | None:
        """A feasible candidate that has the parameters decided as in the box, None without any."""
        if not names:
            return self._decided(box)
        name, *others = names
        for value in self._tried(rng, name, box, dive):
            dive.left -= 1
            if dive.left < 0:
                raise _Exhausted
            each = dict(box)
            each[name] = value
            try:
                each = self._narrowing.narrowed(each)
            except Infeasible:
                continue
            params = self._dive(rng, others, each, dive)
            if params is not None:
                return params
        return None

    def _tried(
        self, rng: np.random.Generator, name: str, box: Box, dive: _Dive
    ) -> list[Interval | frozenset[int]]:
        """The values of a parameter to try, in this order."""
        parameter, left = self._space[name], box[name]
        if isinstance(left, frozenset):
            order = rng.permutation(sorted(left)).tolist()
            return [frozenset([index]) for index in order[:_TRIED_CHOICES]]
        assert not isinstance(parameter, Categorical)  # noqa: S101 - a number has an interval
        hint = dive.hints.get(name)
        if parameter.cardinality is None:
            low, high = (math.log(v) if parameter.log else v for v in (left.low, left.high))
            drawn = (low + (high - low) * rng.random(_TRIED_NUMBERS)).tolist()
            values = [math.exp(v) if parameter.log else v for v in drawn]
            numbers = [*([] if hint is None else [hint]), *values]
            kept = (min(max(v, left.low), left.high) for v in numbers)
            return [Interval(v, v) for v in kept]
        first, last = index_range(parameter, left)
        indices = rng.integers(first, last + 1, size=_TRIED_CHOICES).tolist()
        if last - first < _TRIED_CHOICES:
            indices = (first + rng.permutation(last - first + 1)).tolist()
        if hint is not None:
            near = round((hint - parameter.low) / (parameter.step or 1))
            indices = [min(max(near, first), last), *indices]
        each = [float(parameter.value_at(index)) for index in dict.fromkeys(indices)]
        return [Interval(v, v) for v in each]

    def _decided(self, box: Box) -> Params | None:
        values: dict[str, HyperValue] = {}
        for name, parameter in self._space.items():
            left = box[name]
            if isinstance(left, frozenset):
                values[name] = parameter.value_at(min(left))
            elif parameter.cardinality is None:
                values[name] = left.low
            else:
                values[name] = parameter.value_at(index_range(parameter, left)[0])
        active = set(self._space.active(values))
        params = {name: value for name, value in values.items() if name in active}
        return params if self._space.meets_constraints(params) else None
