"""A slice of COCO's suites bbob and bbob-mixint: functions made to be hard in known ways.

They are no tuning tasks, and no claim rests on them: they tell when a strategy gets worse
(`tests/strategies/test_coco.py`). The functions of bbob are continuous; those of bbob-mixint have
4 integers, of 2, 4, 8 and 16 values, and one continuous dimension. Of each the first instance.

Needs `python -m pip install coco-experiment==2.8.2`, whose module is `cocoex`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np

from prefect_tuner import Float, Int, Params, SearchSpace


class _Function(NamedTuple):
    """A function of a suite.

    `optimum` is its value where it has its optimum, as COCO has it, and `median` that of 100,000
    candidates drawn uniformly.
    """

    suite: str
    number: int
    dimensions: int
    optimum: float
    median: float


_FUNCTIONS: Final = {
    "rastrigin-2": _Function("bbob", 3, 2, -462.09, -348.14),
    "rosenbrock-2": _Function("bbob", 8, 2, 149.15, 3179.7),
    "sphere-5": _Function("bbob", 1, 5, 79.48, 131.34),
    "rosenbrock-5": _Function("bbob", 8, 5, 149.15, 53615.0),
    "gallagher-5": _Function("bbob", 21, 5, 40.78, 107.07),
    "mixint-rastrigin-5": _Function("bbob-mixint", 3, 5, -46.209, -24.746),
    "mixint-rosenbrock-5": _Function("bbob-mixint", 8, 5, 1.4915, 220.96),
    "mixint-gallagher-5": _Function("bbob-mixint", 21, 5, 40.78, 100.87),
}

FAMILIES: Final = {name: function.suite for name, function in _FUNCTIONS.items()}
"""The suite of each function."""

TUNED_ON: Final = tuple(_FUNCTIONS)
"""The functions that were looked at while the strategies were made: all, with other seeds."""

SATURATED: Final = ()
"""The functions on which random search is nearly as good as any: none."""


@dataclass(frozen=True, eq=False)
class CocoFunction:
    """One function; a `Problem`.

    Attributes:
        name: Of the function, with its dimensions.
        family: Its suite.
        space: Its domain: parameters `x1`, `x2` and so on, the integers first.
        optimum: Its smallest value.
        median: Of its values at random.
    """

    name: str
    family: str
    space: SearchSpace
    optimum: float
    median: float
    # The suite owns the function's memory.
    _suite: Any = field(repr=False)
    _function: Any = field(repr=False)

    def metric(self, params: Params) -> float:
        """The value of the function."""
        return float(self._function([float(params[name]) for name in self.space]))

    def time(self, params: Params) -> float:  # noqa: ARG002
        """One second."""
        return 1.0

    def regret(self, metric: float) -> float:
        """How far a value is from the smallest: 0 there, 1 at the median."""
        return max(0.0, (metric - self.optimum) / (self.median - self.optimum))


@cache
def load(name: str) -> CocoFunction:
    """One of the functions.

    Raises:
        ModuleNotFoundError: coco-experiment is not installed.
    """
    import cocoex

    suite_name, number, dimensions, optimum, median = _FUNCTIONS[name]
    suite = cocoex.Suite(
        suite_name, "", f"dimensions:{dimensions} function_indices:{number} instance_indices:1"
    )
    function = suite[0]
    integers = function.number_of_integer_variables
    bounds = zip(np.ravel(function.lower_bounds), np.ravel(function.upper_bounds), strict=True)
    space = SearchSpace(
        {
            f"x{place}": Int(int(low), int(high))
            if place <= integers
            else Float(float(low), float(high))
            for place, (low, high) in enumerate(bounds, start=1)
        }
    )
    return CocoFunction(name, suite_name, space, optimum, median, suite, function)
