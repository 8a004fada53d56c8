"""Functions made by where their optimum lies, how wide the space is, and where nothing changes.

What a search takes for granted of tuning tasks helps on some and harms on others. These functions
tell which. The families `ends`, `middle` and `between` hold the same shapes, with the optimum at
ends of half of the ranges and beyond, near the middle of all, and anywhere; `plateau` holds
functions with one metric over most of the space; `wide` those of 20 to 100 parameters, of which
some matter. All are deterministic; the optimum of each is 0, by construction.

Nothing but numpy is needed.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from prefect_tuner import Categorical, Float, Int, Params, SearchSpace

FloatArray: TypeAlias = npt.NDArray[np.float64]

_SAMPLE: Final = 5_000
"""So many random candidates tell the median."""


class _Function(NamedTuple):
    """How one is made: its family, its shape, how many numbers and how many choices it has."""

    family: str
    shape: str
    numbers: int
    choices: int = 0


_FUNCTIONS: Final = {
    **{
        f"{family}-{shape}-{numbers}": _Function(family, shape, numbers)
        for family in ("ends", "middle", "between")
        for shape, numbers in (("bowl", 6), ("valley", 4), ("bumpy", 5))
    },
    "plateau-2": _Function("plateau", "plateau", 2),
    "plateau-4": _Function("plateau", "plateau", 4),
    "plateau-mixed-5": _Function("plateau", "plateau", 4, 1),
    "wide-20": _Function("wide", "bowl", 20),
    "wide-valley-30": _Function("wide", "valley", 30),
    "wide-mixed-40": _Function("wide", "bowl", 30, 10),
    "wide-60": _Function("wide", "bowl", 60),
    "wide-mixed-100": _Function("wide", "bowl", 80, 20),
}

FAMILIES: Final = {name: function.family for name, function in _FUNCTIONS.items()}
"""The family of each function."""

TUNED_ON: Final = tuple(_FUNCTIONS)
"""The functions that were looked at while the strategies were made: all."""

SATURATED: Final = ()
"""The functions on which random search is nearly as good as any: none."""


@dataclass(frozen=True, eq=False)
class SyntheticFunction:
    """One function; a `Problem`.

    Attributes:
        name: Of the function.
        family: Where its optimum lies, or what else is peculiar.
        space: What is searched.
        best: The candidate with the smallest value: 0, or next to it where integers are coarse.
        median: Of the values of random candidates.
    """

    name: str
    family: str
    space: SearchSpace
    best: Params
    median: float
    _value: Callable[[Params], float] = field(repr=False)

    @classmethod
    def drawn(
        cls,
        name: str,
        family: str,
        space: SearchSpace,
        best: Params,
        value: Callable[[Params], float],
        rng: np.random.Generator,
    ) -> SyntheticFunction:
        """The function of these values, with the median of random candidates."""
        sample = rng.random((_SAMPLE, len(space)))
        values = [value(space.from_units(row.tolist())) for row in sample]
        return cls(name, family, space, best, float(np.median(values)), value)

    def metric(self, params: Params) -> float:
        """The value of the function."""
        return self._value(params)

    def time(self, params: Params) -> float:  # noqa: ARG002
        """One second."""
        return 1.0

    def regret(self, metric: float) -> float:
        """How far a value is from the smallest: 0 there, 1 at the median."""
        return metric / self.median


@cache
def load(name: str) -> SyntheticFunction:
    """One of the functions.

    Its parameters are `x0`, `x1` and so on: some floats, some integers, some on a logarithmic
    scale, then choices.
    """
    function = _FUNCTIONS[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    space = _space(function)
    optimum = _OPTIMA[function.family](rng, function.numbers)
    shape = SHAPES[function.shape](rng, function.numbers)
    best = rng.integers(3, size=function.choices)
    weights = rng.exponential(0.3, size=function.choices)

    def value(params: Params) -> float:
        numbers = [
            unit_value(parameter, params[key])
            for key, parameter in space.items()
            if not isinstance(parameter, Categorical)
        ]
        choices = [
            parameter.choices.index(params[key])
            for key, parameter in space.items()
            if isinstance(parameter, Categorical)
        ]
        return float(shape(np.array(numbers) - optimum) + weights @ (np.array(choices) != best))

    units = [*optimum, *((best + 0.5) / 3.0)]
    candidate = space.from_units([float(at) for at in units])
    return SyntheticFunction.drawn(name, function.family, space, candidate, value, rng)


def _space(function: _Function) -> SearchSpace:
    numbers = {
        f"x{place}": (Float(0.0, 1.0), Float(1e-5, 1.0, log=True), Int(0, 1000))[place % 3]
        for place in range(function.numbers)
    }
    choices = {
        f"x{function.numbers + place}": Categorical(["a", "b", "c"])
        for place in range(function.choices)
    }
    return SearchSpace({**numbers, **choices})


def unit_value(parameter: Float | Int, value: object) -> float:
    """Where a value lies on the scale of its parameter, from 0 to 1."""
    number = float(value)  # type: ignore[arg-type]
    ends = np.array([parameter.low, parameter.high, number])
    low, high, at = np.log(ends) if parameter.log else ends
    return float((at - low) / (high - low))


def _bowl(rng: np.random.Generator, numbers: int) -> Shape:
    """A sum over the parameters, of which a few matter most; with edges in half of them."""
    weights = rng.permutation(0.75 ** np.arange(numbers))
    powers = rng.permutation(np.where(np.arange(numbers) % 2, 1.0, 2.0))
    return lambda z: float(weights @ np.abs(z) ** powers)


def _valley(rng: np.random.Generator, numbers: int) -> Shape:
    """A quadratic function, a hundred times as steep one way as another, along no axis."""
    turned, _ = np.linalg.qr(rng.standard_normal((numbers, numbers)))
    steepness = np.logspace(0.0, -2.0, numbers)
    return lambda z: float(steepness @ (turned @ z) ** 2)


def _bumpy(rng: np.random.Generator, numbers: int) -> Shape:
    """A bowl with about three optima in each parameter."""
    bowl = _bowl(rng, numbers)
    return lambda z: bowl(z) + float(0.1 * np.sum(1.0 - np.cos(6.0 * np.pi * z)))


def _plateau(rng: np.random.Generator, numbers: int) -> Shape:
    """A bowl that is cut off, so that a fifth of the space at the most is below."""
    bowl = _bowl(rng, numbers)
    sample = rng.random((2000, numbers)) - rng.random((2000, numbers))
    edge = float(np.quantile([bowl(row) for row in sample], 0.1))
    return lambda z: min(bowl(z), edge)


def _at_ends(rng: np.random.Generator, numbers: int) -> FloatArray:
    optimum = rng.uniform(0.1, 0.9, size=numbers)
    at_end = rng.permutation(numbers)[: (numbers + 1) // 2]
    optimum[at_end] = rng.integers(2, size=len(at_end))
    return optimum


Shape: TypeAlias = Callable[[FloatArray], float]
"""From the distances to the optimum, shape (numbers,), to a value that is 0 there."""

SHAPES: Final[dict[str, Callable[[np.random.Generator, int], Shape]]] = {
    "bowl": _bowl,
    "valley": _valley,
    "bumpy": _bumpy,
    "plateau": _plateau,
}

_OPTIMA: Final[dict[str, Callable[[np.random.Generator, int], FloatArray]]] = {
    "ends": _at_ends,
    "middle": lambda rng, numbers: rng.uniform(0.4, 0.6, size=numbers),
    "between": lambda rng, numbers: rng.uniform(0.05, 0.95, size=numbers),
    "plateau": lambda rng, numbers: rng.uniform(0.2, 0.8, size=numbers),
    "wide": lambda rng, numbers: np.clip(rng.uniform(-0.2, 1.2, size=numbers), 0.0, 1.0),
}
"""Where an optimum lies, by family."""
