"""Candidates as solutions of CMA-ES with margin, and back.

A solution has three parts: points `x` of the unit interval for continuous parameters, places `z`
in [0, 1] for those with three to 1,000 ordered values, and rows `c` of zeros and a one for choices.
What has two values is a choice, as the authors of the method advise. Logarithmic scales are
linear in `x` and `z`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, cast, final

import numpy as np

from prefect_tuner.hyper_value import HyperValue, Params
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.numeric import Int
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray

if TYPE_CHECKING:
    from cmaes import CatCMAwM

# With more values than that, steps are so fine that no margin is needed between them.
_MOST_LEVELS = 1_000


class Encoded(NamedTuple):
    """A candidate in numbers.

    Attributes:
        v: Points of continuous parameters, then places of ordered values; shape (n,).
        c: A row for each parameter with choices, shape (choosing, most choices); None for none.
    """

    v: FloatArray
    c: BoolArray | None


@final
class SolutionSpace:
    """The search space as the package `cmaes` has it.

    Parameters with a single value are left out of solutions.

    Args:
        space: A search space without conditional parameters.

    Attributes:
        continuous: The names of the parameters in `x`.
        levels: For each name in `z` the places of its values, ascending in [0, 1].
        choices: For each name in `c` how many choices it has.

    Example:
        ```python
        from prefect_tuner import Float, Int, SearchSpace
        from prefect_tuner.strategies.cma.solutions import SolutionSpace

        space = SearchSpace({"kind": ["a", "b"], "n": Int(1, 4, log=True), "x": Float(-1.0, 1.0)})
        solutions = SolutionSpace(space)
        assert solutions.encode({"kind": "b", "n": 2, "x": 0.5}).v.round(2).tolist() == [0.75, 0.5]
        ```
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self.continuous: list[str] = []
        self.levels: dict[str, FloatArray] = {}
        self.choices: dict[str, int] = {}
        for name, parameter in space.items():
            count = parameter.cardinality
            if count is None or count > _MOST_LEVELS:
                self.continuous.append(name)
            elif count > 2 and (not isinstance(parameter, Categorical) or parameter.ordered):
                self.levels[name] = _places(parameter, count)
            elif count > 1:
                self.choices[name] = count

    @property
    def dimensions(self) -> int:
        """How many parameters have more than one value."""
        return len(self.continuous) + len(self.levels) + len(self.choices)

    def decode(self, solution: CatCMAwM.Solution) -> Params:
        """The candidate that a solution stands for, in the order of the space."""
        values: Params = {}
        for name, unit in zip(self.continuous, _listed(solution.x), strict=True):
            values[name] = self._space[name].from_unit(unit)
        for (name, places), place in zip(self.levels.items(), _listed(solution.z), strict=True):
            values[name] = self._value_at(name, int(np.abs(places - place).argmin()))
        for name, row in zip(self.choices, _listed(solution.c), strict=True):
            values[name] = self._value_at(name, row.index(True))
        return {
            name: values[name] if name in values else self._value_at(name, 0)
            for name in self._space
        }

    def encode(self, params: Params) -> Encoded:
        """A candidate in numbers."""
        units = [_to_unit(self._space[name], params[name]) for name in self.continuous]
        places = [
            self.levels[name][self._index_of(name, params[name])].item() for name in self.levels
        ]
        rows = np.zeros((len(self.choices), max(self.choices.values(), default=0)), dtype=bool)
        for row, name in zip(rows, self.choices, strict=True):
            row[self._index_of(name, params[name])] = True
        return Encoded(np.array(units + places), rows if self.choices else None)

    def _value_at(self, name: str, index: int) -> HyperValue:
        return self._space[name].value_at(index)

    def _index_of(self, name: str, value: HyperValue) -> int:
        return self._space[name].index_of(value)  # type: ignore[arg-type]


def _places(parameter: Parameter, count: int) -> FloatArray:
    """Where the values of a parameter lie in [0, 1], shape (count,)."""
    if isinstance(parameter, Int) and parameter.log:
        values = np.log([float(parameter.value_at(index)) for index in range(count)])
        places: FloatArray = (values - values[0]) / (values[-1] - values[0])
        return places
    return np.linspace(0.0, 1.0, count)


def _to_unit(parameter: Parameter, value: HyperValue) -> float:
    """A point of [0, 1] that stands for a value: the inverse of the parameter's `from_unit`."""
    if isinstance(parameter, Categorical) or (parameter.cardinality and not parameter.log):
        count = parameter.cardinality or 1
        return (parameter.index_of(value) + 0.5) / count  # type: ignore[arg-type]
    low, high, number = float(parameter.low), float(parameter.high), float(cast("float", value))
    if isinstance(parameter, Int):
        low, high = low - 0.5, high + 0.5
    if parameter.log:
        low, high, number = math.log(low), math.log(high), math.log(number)
    # Halves: the difference of the bounds may be more than a float can hold.
    return min(max((number / 2 - low / 2) / (high / 2 - low / 2), 0.0), 1.0)


def _listed(part: FloatArray | BoolArray | None) -> list[Any]:
    return [] if part is None else part.tolist()
