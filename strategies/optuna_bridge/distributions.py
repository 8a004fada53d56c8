"""Parameters as Optuna's distributions, values as Optuna has them, and back.

To Optuna, `1`, `1.0` and `True` are the same choice, and it keeps no lists and dicts: a
`Categorical` that has several of the former, or any of the latter, is given to it by labels, the
choices as Python writes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.numeric import Float
from prefect_tuner.search_space.parameters import Parameter

if TYPE_CHECKING:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

Distribution: TypeAlias = "CategoricalDistribution | FloatDistribution | IntDistribution"
"""What stands for a parameter in Optuna."""

_Label: TypeAlias = int | float | str | bool | None


def distribution_of(parameter: Parameter) -> Distribution:
    """The distribution that stands for a parameter; conditions are left out of account.

    Example:
        ```python
        from optuna.distributions import IntDistribution

        from prefect_tuner import Int
        from prefect_tuner.strategies.optuna_bridge.distributions import distribution_of

        assert distribution_of(Int(1, 8, log=True)) == IntDistribution(1, 8, log=True)
        ```
    """
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(parameter, Categorical):
        return CategoricalDistribution(_labels(parameter))
    if isinstance(parameter, Float):
        return FloatDistribution(parameter.low, parameter.high, parameter.log, parameter.step)
    return IntDistribution(parameter.low, parameter.high, parameter.log, parameter.step or 1)


def to_optuna(value: HyperValue, parameter: Parameter) -> HyperValue:
    """A value of a parameter as Optuna's distribution has it."""
    if isinstance(parameter, Categorical):
        return _labels(parameter)[parameter.index_of(value)]
    return value


def from_optuna(value: HyperValue, parameter: Parameter) -> HyperValue:
    """A value of Optuna's distribution as the parameter has it; the inverse of `to_optuna`.

    Rounding errors are taken back: with a step of 0.1, Optuna says 0.30000000000000004.
    """
    if isinstance(parameter, Categorical):
        # No label equals another one.
        return parameter.value_at(_labels(parameter).index(value))  # type: ignore[arg-type]
    number = cast("float", value)
    inside = min(max(number, parameter.low), parameter.high)
    if parameter.step is None:
        return float(inside) if isinstance(parameter, Float) else int(inside)
    return parameter.value_at(parameter.index_of(inside))  # type: ignore[arg-type]


def _labels(parameter: Categorical) -> list[_Label]:
    """What stands for each choice: the choice itself where all of them are what Optuna takes."""
    plain = [each for each in parameter.choices if not isinstance(each, list | dict)]
    if len(set(plain)) == parameter.cardinality:
        return [*plain]
    return [repr(each) for each in parameter.choices]
