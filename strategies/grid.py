"""Grid search: every cell of the Cartesian product, once, without ever holding the product.

Notation:
    axis: the finitely many values of one parameter.
    cell: one candidate, a value of each active axis.
    index: the number of a cell, counted as `itertools.product` does: the last axis is fastest.
    place: when a cell's turn comes; its index, unless the grid is shuffled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Annotated, ClassVar, TypeAlias, final

from pydantic import BaseModel, Field

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.history import History
from prefect_tuner.hyper_value import HyperValue, Params, copied_params
from prefect_tuner.search_space.parameters import Categorical, Int, Parameter
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.candidates.feasible_cells import infeasible
from prefect_tuner.strategies.candidates.grid_points import spread
from prefect_tuner.strategies.candidates.permutation import Permutation
from prefect_tuner.strategies.feasibility.narrowing import Narrowing
from prefect_tuner.strategies.feasibility.ranges import Infeasible
from prefect_tuner.strategies.strategy import SearchStrategy, StrategyOptions
from prefect_tuner.trial import Direction
from prefect_tuner.validation import unknown_name

# The cells of the fastest axes are built once and used again, as far as this many of them go.
_LARGEST_BLOCK = 4096
# Cells in a row that violate constraints, after which it is looked whether more of them must.
_LOOK_AHEAD_AFTER = 32
# Cells in a row that may violate constraints, before the search for the next one is given up.
_MOST_INFEASIBLE = 200_000

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
    next candidate is the first cell, in order, that no trial of the history has. Cells that
    violate a constraint are left out. A conditional parameter turns within the values it depends
    on, and stands still where it is not active: no cell comes twice.

    Raises:
        InvalidConfiguration: A continuous parameter has no points, points are given for a
            parameter that is not there or not a number, or no cell meets the constraints.

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
    supports_conditions = True
    supports_constraints = True

    def __init__(
        self, space: SearchSpace, direction: Direction, seed: int, options: GridSearchOptions
    ) -> None:
        super().__init__(space, direction, seed, options)
        self._axes = _axes(space, options.points)
        self._cells = space.cells(self._axes)
        self._narrowing = Narrowing(space, self._axes)
        self._order = Permutation(self.cardinality, seed) if options.shuffle else None
        # A history only grows: what it held of the order's beginning, it still holds.
        self._visited: tuple[History, int] = (History(), 0)
        if space.constraints and self.next_candidate(History()) is None:
            raise infeasible(space, f"the {self.cardinality:,} cells")

    @property
    def axes(self) -> Mapping[str, Parameter]:
        """For each parameter one with the values that the grid has of it."""
        return self._axes

    @property
    def cardinality(self) -> int:
        """How many cells there are, those that violate constraints included."""
        assert self._cells.size is not None  # noqa: S101 - all axes are finite
        return self._cells.size

    def next_candidate(self, history: History) -> Params | None:
        """The first cell in order that no trial has; the search for it goes on where it was."""
        known, first = self._visited
        for place, cell in self._feasible_from(first if known is history else 0):
            if not history.has_candidate(cell):
                self._visited = (history, place)
                return cell
        self._visited = (history, self.cardinality)
        return None

    def cells(self) -> Iterator[Params]:
        """All the cells that meet the constraints, in the order they are visited, one by one."""
        if self._order is not None or self.space.constraints or self.space.is_conditional:
            return (cell for _, cell in self._feasible_from(0))
        # The cells of a block share their values, and each is the caller's own.
        return map(copied_params, _walk(list(self._axes.items())))

    def _feasible_from(self, place: int) -> Iterator[tuple[int, Params]]:
        """The feasible cells from a place on, each with its own place."""
        infeasible_ones = 0
        while place < self.cardinality:
            cell, reach = self._cells.locate(
                place if self._order is None else self._order.at(place)
            )
            violated = self.space.violated(cell)
            if not violated:
                infeasible_ones = 0
                yield place, cell
                place += 1
                continue
            infeasible_ones += 1
            if infeasible_ones == _MOST_INFEASIBLE:
                raise infeasible(self.space, f"{infeasible_ones:,} cells in a row")
            if self._order is not None:
                place += 1
                continue
            # Until a value changes that the constraint mentions, no cell meets it.
            far = max(min(map(reach.__getitem__, each.names)) for each in violated)
            if infeasible_ones % _LOOK_AHEAD_AFTER == 0:
                far = max(far, self._contradicted_for(cell, reach))
            place += far

    def _contradicted_for(self, cell: Params, reach: Mapping[str, int]) -> int:
        """For how many places the slow values of a cell contradict the constraints, whatever else.

        Args:
            cell: The cell.
            reach: For each of its parameters, for how many places it has its value.
        """
        box = self._narrowing.everything()
        for name in sorted(reach, key=reach.__getitem__, reverse=True):
            try:
                box = self._narrowing.narrowed(self._narrowing.fixed(box, name, cell[name]))
            except Infeasible:
                return reach[name]
        return 1


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
