"""The values that stand for a parameter in a grid."""

from __future__ import annotations

from decimal import Decimal, localcontext

from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.search_space.parameters import Categorical, Float, Int, Parameter

# More digits than a float has (17), so that the nearest float is the one that is meant: the
# fourth of 11 points from 0 to 1 is 0.3, and not 0.30000000000000004.
_DIGITS = 40


def spread(parameter: Float | Int, points: int) -> Parameter:
    """A parameter with at most `points` of the values of another, evenly spaced.

    The endpoints are among them, and a single point lies in the middle. With `log` the ratio of
    neighbours is even, otherwise their difference. Values of an `Int`, or of a `Float` with a
    step, are the nearest ones that its domain has; where points meet on one value, it stands once.

    Args:
        parameter: What to take values of.
        points: How many, at least 1.

    Example:
        ```python
        from prefect_tuner import Float, Int
        from prefect_tuner.strategies.candidates.grid_points import spread

        assert spread(Float(1e-4, 1e-2, log=True), 3) .choices == (1e-4, 1e-3, 1e-2)
        assert spread(Int(0, 100), 3).choices == (0, 50, 100)
        ```
    """
    if parameter.cardinality is not None and parameter.cardinality <= points:
        return parameter
    places = [(1, 2)] if points == 1 else [(k, points - 1) for k in range(points)]
    values = [_value(parameter, *place) for place in places]
    return Categorical(list(dict.fromkeys(values)), ordered=True)


def _value(parameter: Float | Int, part: int, whole: int) -> HyperValue:
    """The value at the fraction `part / whole` of the way from `low` to `high`."""
    if part == 0:
        return parameter.low
    if part == whole:
        return parameter.high
    if parameter.cardinality is not None and not parameter.log:
        return parameter.value_at((2 * part * (parameter.cardinality - 1) + whole) // (2 * whole))
    with localcontext(prec=_DIGITS):
        low, high = Decimal(repr(parameter.low)), Decimal(repr(parameter.high))
        if parameter.log:
            exact = (low.ln() + (high.ln() - low.ln()) * part / whole).exp()
        else:
            exact = low + (high - low) * part / whole
    value = round(exact) if isinstance(parameter, Int) else float(exact)
    return min(max(value, parameter.low), parameter.high)
