"""Nevergrad's NGOpt as a method of the benchmark.

Source: J. Rapin and O. Teytaud, Nevergrad: A Gradient-free Optimization Platform (2018). NGOpt
chooses one of Nevergrad's optimizers by the space and the budget. Needs `nevergrad`, see
`peers.txt`.
"""

from __future__ import annotations

from typing import Any

from benchmarks.search.parameter_kinds import is_range
from prefect_tuner import Categorical, Float, Int, Params, SearchSpace

# What it is told of the number of trials, by which it chooses.
_BUDGET = 100


class NevergradNGOpt:
    """NGOpt, asked and told one by one.

    It knows no conditions: a parameter that is not active is drawn, and left out of the candidate.

    Args:
        space: What is searched, without constraints.
        seed: Of its random numbers.
    """

    def __init__(self, space: SearchSpace, seed: int) -> None:
        import nevergrad

        self._space = space
        drawn = nevergrad.p.Dict(**{name: _drawn(each) for name, each in space.items()})
        drawn.random_state.seed(seed)
        self._optimizer = nevergrad.optimizers.NGOpt(drawn, budget=_BUDGET)
        self._asked: dict[int, Any] = {}
        self._metrics: dict[int, float] = {}

    def suggest(self, number: int) -> Params:
        """The candidate of trial `number`."""
        asked = self._asked[number] = self._optimizer.ask()
        values = {
            name: float(value)
            if is_range(parameter) and isinstance(parameter, Float)
            else parameter.value_at(int(value) - _first(parameter))
            for (name, parameter), value in zip(
                self._space.items(), map(asked.value.get, self._space), strict=True
            )
        }
        return {name: values[name] for name in self._space.active(values)}

    def tell(self, number: int, metric: float) -> None:
        """Hear of the metric of a trial."""
        self._metrics[number] = metric
        self._optimizer.tell(self._asked.pop(number), metric)

    @property
    def best(self) -> int:
        """The trial with the best metric."""
        return min(self._metrics, key=self._metrics.__getitem__)


def _drawn(parameter: Float | Int | Categorical) -> Any:
    """What it draws: a number of the range, or the place of a value."""
    import nevergrad

    if isinstance(parameter, Categorical) and not parameter.ordered:
        return nevergrad.p.Choice(parameter.cardinality or 1)
    if is_range(parameter):
        kind = nevergrad.p.Log if parameter.log else nevergrad.p.Scalar
        number = kind(lower=parameter.low, upper=parameter.high)
        return number if isinstance(parameter, Float) else number.set_integer_casting()
    last = (parameter.cardinality or 1) - 1
    if last == 0:
        return nevergrad.p.Choice(1)
    return nevergrad.p.Scalar(lower=0, upper=last).set_integer_casting()


def _first(parameter: Float | Int | Categorical) -> int:
    """What stands for the first value of a parameter."""
    return int(parameter.low) if is_range(parameter) else 0
