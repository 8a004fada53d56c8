"""Grid search: every cell of the Cartesian product, once, without ever holding the product.

Notation:
    axis: the finitely many values of one parameter.
    cell: one candidate, a value of each axis.
    index: the number of a cell, counted as `itertools.product` does: the last axis is fastest.
    place: when a cell's turn comes; its index, unless the grid is shuffled.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Annotated, ClassVar, TypeAlias, final

from pydantic import BaseModel, Field

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.history import History
from prefect_tuner.parameters import Categorical, HyperValue, Int, Parameter, Params
from prefect_tuner.space import SearchSpace
from prefect_tuner.strategies.grid_points import spread
from prefect_tuner.strategies.permutation import Permutation
from prefect_tuner.strategies.strategy import SearchStrategy, StrategyOptions
from prefect_tuner.trial import Direction
from prefect_tuner.validation import unknown_name

# The cells of the fastest axes are built once and used again, as far as this many of them go.
_LARGEST_BLOCK = 4096

_Points: TypeAlias = Annotated[int, Field(ge=1, le=100_000)]


class GridSearchOptions(StrategyOptions):
    """Options of the strategy `grid`."""

    points: _Points | dict[str, _Points] | None = Field(
        default=None,
        description=(
            "How many evenly spaced values to try of each continuous parameter; or, by name, of "
            "any Float or Int parameter."
        ),
    )
    shuffle: bool = Field(
        default=False,
        description="Visit the cells in a random order that the study's seed decides.",
    )


@final
class GridSearch(SearchStrategy):
    """Visits every cell once: in the order of `itertools.product`, or shuffled by the seed.

    Nothing is stored but one block of cells, so that a grid of 10**12 cells starts at once. The
    next candidate is the first cell, in order, that no trial of the history has.

    Raises:
        InvalidConfiguration: A continuous parameter has no points, or points are given for a
            parameter that is not there or not a number.

    Example:
        ```python
        from prefect_tuner import Float, Int, Study

        space = {"lr": Float(1e-4, 1e-2, log=True), "depth": Int(3, 7, step=2)}
        study = Study(space, strategy={"name": "grid", "points": 3})
        assert study.ask().params == {"lr": 1e-4, "depth": 3}
        assert study.ask().params == {"lr": 1e-4, "depth": 5}
        ```
    """

    Options: ClassVar[type[BaseModel]] = GridSearchOptions

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: GridSearchOptions
    ) -> None:
        super().__init__(space, direction, seed, options)
        self._axes = _axes(space, options.points)
        self._radices = [axis.cardinality or 1 for axis in self._axes.values()]
        self._order = Permutation(self.cardinality, seed) if options.shuffle else None
        # A history only grows: what it held of the order's beginning, it still holds.
        self._visited: tuple[History, int] = (History(), 0)

    @property
    def cardinality(self) -> int:
        """How many cells there are."""
        return math.prod(self._radices)

    def next_candidate(self, history: History) -> Params | None:
        """The first cell in order that no trial has; the search for it goes on where it was."""
        known, place = self._visited
        if known is not history:
            place = 0
        size, candidate = self.cardinality, None
        while place < size and history.has_candidate(candidate := self._cell(place)):
            place, candidate = place + 1, None
        self._visited = (history, place)
        return candidate

    def cells(self) -> Iterator[Params]:
        """All the cells in the order they are visited, made one by one."""
        if self._order is not None:
            return (self._cell(place) for place in range(self.cardinality))
        return _walk(list(self._axes.items()))

    def _cell(self, place: int) -> Params:
        index = place if self._order is None else self._order.at(place)
        digits: list[int] = []
        for radix in reversed(self._radices):
            index, digit = divmod(index, radix)
            digits.append(digit)
        return {
            name: axis.value_at(digit)
            for (name, axis), digit in zip(self._axes.items(), reversed(digits), strict=True)
        }


def _axes(space: SearchSpace, points: int | dict[str, int] | None) -> dict[str, Parameter]:
    """For each parameter one with finitely many values of it."""
    by_name = points if isinstance(points, dict) else {}
    mistakes = [
        f"option points.{name} {unknown_name(name, space)}" for name in by_name if name not in space
    ]
    axes: dict[str, Parameter] = {}
    for name, parameter in space.items():
        count = by_name.get(name)
        if isinstance(points, int) and parameter.cardinality is None:
            count = points
        if count is None:
            axes[name] = parameter
            if parameter.cardinality is None:
                mistakes.append(
                    f"parameter {name} is continuous, and a grid needs finitely many values: give "
                    f'it a step, or say how many in the option points, such as {{"{name}": 5}}, '
                    f"got {parameter!r}"
                )
        elif isinstance(parameter, Categorical):
            mistakes.append(
                f"option points.{name} must be left out: all the choices of a Categorical are "
                f"tried, got {count}"
            )
        else:
            axes[name] = spread(parameter, count)
    if mistakes:
        raise InvalidConfiguration(*mistakes)
    return axes


def _walk(axes: list[tuple[str, Parameter]]) -> Iterator[Params]:
    """The product of the axes, with one block of the fastest ones built in advance."""
    names, size = [name for name, _ in axes], 1
    split = len(axes)
    while split and size * (axes[split - 1][1].cardinality or 1) <= _LARGEST_BLOCK:
        split -= 1
        size *= axes[split][1].cardinality or 1
    values = product(*(_values(axis) for _, axis in axes[split:]))
    block = [dict(zip(names[split:], tail, strict=True)) for tail in values]
    return (head | tail for head in _lazily(axes[:split]) for tail in block)


def _lazily(axes: list[tuple[str, Parameter]]) -> Iterator[Params]:
    if not axes:
        yield {}
        return
    *outer, (name, axis) = axes
    for head in _lazily(outer):
        for value in _values(axis):
            yield head | {name: value}


def _values(axis: Parameter) -> Iterable[HyperValue]:
    if isinstance(axis, Int):
        return range(axis.low, axis.high + 1, axis.step or 1)
    if isinstance(axis, Categorical):
        return axis.choices
    return map(axis.value_at, range(axis.cardinality or 1))
