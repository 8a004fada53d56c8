"""One Euclidean embedding of a search space: what the model of `gp` computes on.

Notation:
    A: axes, the parameters that have more than one value.
    E: columns of the embedding.
    codes: candidates as rows of numbers, shape (m, A). The code of a number is its place in
        [0, 1], on the logarithmic scale with `log`; that of a choice without order is its index.
    Z: embedded candidates, shape (m, E): a numeric axis is one column that spans 1, a choice
        without order one column for each choice, so that any two choices are 1 apart.

All there is between the parameters and the arrays stands in this file.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import cast

import numpy as np

from prefect_tuner.parameters import Categorical, Float, HyperValue, Int, Parameter, Params
from prefect_tuner.space import SearchSpace
from prefect_tuner.strategies.array_types import FloatArray, IntArray

_SQRT_HALF = math.sqrt(0.5)


@dataclass(frozen=True)
class LogScale:
    """Whole numbers on a logarithmic scale, each with half a step on either side.

    Attributes:
        first: The smallest number.
        last: The largest number.
    """

    first: int
    last: int

    @property
    def bounds(self) -> tuple[float, float]:
        """The logarithms at which [0, 1] begins and ends."""
        return math.log(self.first - 0.5), math.log(self.last + 0.5)

    def codes(self, values: FloatArray) -> FloatArray:
        """The codes of some values, of the same shape."""
        low, high = self.bounds
        return np.asarray((np.log(values) - low) / (high - low))

    def values(self, codes: FloatArray) -> FloatArray:
        """The nearest values, of the same shape."""
        low, high = self.bounds
        values = np.rint(np.exp(low + (high - low) * np.clip(codes, 0.0, 1.0)))
        return np.clip(values, float(self.first), float(self.last))

    def spacing(self, codes: FloatArray) -> FloatArray:
        """How far the next value is from each code."""
        low, high = self.bounds
        return np.asarray(np.exp(-low - (high - low) * codes) / (high - low))


@dataclass(frozen=True)
class Axis:
    """One parameter as a column of codes.

    Attributes:
        name: The parameter's name.
        parameter: The parameter.
        count: How many values there are; None for a continuous axis.
        has_order: Whether codes that are near each other mean values that are.
        stretch: Length of the axis per unit of code, such that its ends are 1 apart.
        log_scale: Where the values of an `Int` with `log` lie, None for any other parameter.
    """

    name: str
    parameter: Parameter
    count: int | None
    has_order: bool
    stretch: float
    log_scale: LogScale | None

    @property
    def width(self) -> int:
        """How many columns of the embedding belong to the axis."""
        return 1 if self.has_order or self.count == 2 else self.count or 1

    def code_of(self, value: HyperValue) -> float:
        """The code of a value of the parameter."""
        if isinstance(self.parameter, Categorical):
            index = _index_of(self.parameter, value)
            return float(index) if not self.has_order else (index + 0.5) / (self.count or 1)
        return self._code_of_number(self.parameter, cast("float", value))

    def value_of(self, code: float) -> HyperValue:
        """The value that a code stands for, a native Python value of the parameter's domain."""
        if not self.has_order:
            return self.parameter.value_at(int(code))
        return self.parameter.from_unit(min(max(code, 0.0), 1.0))

    def snapped(self, codes: FloatArray) -> FloatArray:
        """The nearest codes that stand for values, of the same shape."""
        if self.count is None:
            return np.clip(codes, 0.0, 1.0)
        if not self.has_order:
            return np.clip(np.rint(codes), 0, self.count - 1)
        if self.log_scale is None:
            indices = np.clip(np.floor(codes * self.count), 0, self.count - 1)
            return np.asarray((indices + 0.5) / self.count)
        return self.log_scale.codes(self.log_scale.values(codes))

    def all_codes(self) -> FloatArray:
        """The codes of all values of a discrete axis, shape (count,)."""
        count = self.count or 0
        if not self.has_order:
            return np.arange(count, dtype=float)
        if self.log_scale is None:
            return (np.arange(count) + 0.5) / count
        first, last = self.log_scale.first, self.log_scale.last
        return self.log_scale.codes(np.arange(first, last + 1, dtype=float))

    def spacing(self, codes: FloatArray) -> FloatArray:
        """How far the next value is from each code of a discrete axis with an order."""
        if self.log_scale is None:
            return np.full_like(codes, 1.0 / (self.count or 1))
        return self.log_scale.spacing(codes)

    def _code_of_number(self, parameter: Float | Int, value: float) -> float:
        if self.log_scale is not None:
            return float(self.log_scale.codes(np.array(value, dtype=float)))
        if self.count is not None:
            step = Fraction(repr(parameter.step or 1))
            index = round((Fraction(repr(value)) - Fraction(repr(parameter.low))) / step)
            return float(Fraction(2 * index + 1, 2 * self.count))
        low, high = parameter.low, parameter.high
        if parameter.log:
            low, high, value = math.log(low), math.log(high), math.log(value)
        if math.isinf(high - low):
            low, high, value = low / 2, high / 2, value / 2
        return min(max((value - low) / (high - low), 0.0), 1.0)


class Encoding:
    """The way from candidates to codes, from codes to the embedding, and back.

    Args:
        space: The search space.

    Attributes:
        axes: The parameters with more than one value.
        owners: To which axis each column of the embedding belongs, shape (E,).

    Example:
        ```python
        import numpy as np

        from prefect_tuner import Categorical, Float, SearchSpace
        from prefect_tuner.strategies.gp_encoding import Encoding

        space = SearchSpace({"x": Float(0.0, 2.0), "kind": Categorical(["a", "b", "c"])})
        encoding = Encoding(space)
        codes = np.array([encoding.encode({"x": 0.5, "kind": "c"})])
        assert codes.tolist() == [[0.25, 2.0]]
        assert encoding.embed(codes).shape == (1, 4)
        assert encoding.decode(codes[0]) == {"x": 0.5, "kind": "c"}
        ```
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self.axes = tuple(
            _axis(name, parameter)
            for name, parameter in space.items()
            if parameter.cardinality != 1
        )
        widths = [axis.width for axis in self.axes]
        self.owners: IntArray = np.repeat(np.arange(len(widths)), widths)
        self._starts = np.concatenate([[0], np.cumsum(widths)]).astype(int).tolist()

    def encode(self, params: Mapping[str, HyperValue]) -> list[float]:
        """The codes of a candidate, A of them."""
        return [axis.code_of(params[axis.name]) for axis in self.axes]

    def decode(self, codes: FloatArray) -> Params:
        """The candidate that a row of codes stands for."""
        varying = {
            axis.name: axis.value_of(code)
            for axis, code in zip(self.axes, codes.tolist(), strict=True)
        }
        return {
            name: varying[name] if name in varying else _only_value(parameter)
            for name, parameter in self._space.items()
        }

    def codes_at(self, number: int) -> FloatArray:
        """The codes of candidate `number` of a finite space, counted from 0, shape (A,)."""
        row = np.empty(len(self.axes))
        for j, axis in enumerate(self.axes):
            number, index = divmod(number, axis.count or 1)
            row[j] = axis.code_of(axis.parameter.value_at(index))
        return row

    def embed(self, codes: FloatArray) -> FloatArray:
        """Z of some rows of codes, shape (m, E)."""
        embedded = np.empty((len(codes), len(self.owners)))
        for j, (axis, (start, stop)) in enumerate(
            zip(self.axes, pairwise(self._starts), strict=True)
        ):
            if stop - start == 1:
                embedded[:, start] = codes[:, j] * axis.stretch
            else:
                is_choice = codes[:, j, None] == np.arange(stop - start)
                embedded[:, start:stop] = is_choice * _SQRT_HALF
        return embedded

    def snap(self, codes: FloatArray) -> FloatArray:
        """The nearest codes that stand for candidates, shape (m, A)."""
        columns = [axis.snapped(codes[:, j]) for j, axis in enumerate(self.axes)]
        return np.stack(columns, axis=1)

    def gradient_by_codes(self, gradient: FloatArray) -> FloatArray:
        """Of a function of Z, the gradient by the codes from that by Z, shape (m, A).

        It is of use along axes with an order alone, and 0 along the others.
        """
        by_codes = np.zeros((len(gradient), len(self.axes)))
        for j, (axis, start) in enumerate(zip(self.axes, self._starts, strict=False)):
            if axis.has_order:
                by_codes[:, j] = gradient[:, start] * axis.stretch
        return by_codes

    def from_unit_cube(self, points: FloatArray) -> FloatArray:
        """The codes at points of [0, 1]**A; every value has its share of the axis."""
        codes = points.copy()
        for j, axis in enumerate(self.axes):
            if not axis.has_order:
                codes[:, j] = np.floor(codes[:, j] * (axis.count or 1))
        return self.snap(codes)


def _axis(name: str, parameter: Parameter) -> Axis:
    count = parameter.cardinality
    has_order = not isinstance(parameter, Categorical) or parameter.ordered
    log_scale = None
    stretch = 1.0 if count is None or not has_order else count / (count - 1)
    if isinstance(parameter, Int) and parameter.log:
        log_scale = LogScale(parameter.low, parameter.high)
        low, high = log_scale.bounds
        stretch = (high - low) / (math.log(parameter.high) - math.log(parameter.low))
    return Axis(name, parameter, count, has_order, stretch, log_scale)


def _index_of(parameter: Categorical, value: HyperValue) -> int:
    for index, choice in enumerate(parameter.choices):
        if type(choice) is type(value) and choice == value:
            return index
    raise ValueError(f"{value!r} is not a choice of {parameter!r}")


def _only_value(parameter: Parameter) -> HyperValue:
    return parameter.value_at(0)
