"""One Euclidean embedding of a search space: what the models of strategies compute on.

Notation:
    A: axes, the parameters that have more than one value, in the order declared; see `axis`.
    E: columns of the embedding.
    codes: candidates as rows of numbers, shape (m, A); NaN exactly where a parameter is not
        active with the other values of its row.
    Z: embedded candidates, shape (m, E). A numeric axis is one column that spans 1, a choice
        without order one column for each choice, so that any two choices are 1 apart. A numeric
        axis that is conditional has a second column: it is (x - 1/2, 0) where it is active and
        (0, 0.2) where it is not. A conditional choice that is not active is 0 in all its columns,
        equally far from each choice. Distances are Euclidean, so that any kernel that is valid
        on Euclidean distances is valid here.

All there is between the parameters and the arrays stands in this file and in `axis`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from functools import cached_property
from itertools import pairwise

import numpy as np

from prefect_tuner.hyper_value import HyperValue, Params, exact_key
from prefect_tuner.search_space.condition_graph import conditions_of
from prefect_tuner.search_space.conditions import Conditions
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.strategies.encoding.array_types import BoolArray, FloatArray, IntArray
from prefect_tuner.strategies.encoding.axis import Axis, axis_of
from prefect_tuner.strategies.encoding.constraint_columns import ConstraintColumns

_SQRT_HALF = math.sqrt(0.5)
# From the middle of a numeric axis to where it is not active. Parameters of one condition come and
# go together, and their distances add up: farther away, what is learned of the other parameters
# with them would say little of these without them.
_ABSENCE = 0.2
MOST_CELLS = 20_000
"""Candidates of a space that is small enough to go through all of them."""

_MOST_UNCONSTRAINED_CELLS = 1000
# So many candidates, always the same, tell how many axes one has.
_SAMPLE = 512


class Encoding:
    """The way from candidates to codes, from codes to the embedding, and back.

    Rows of codes stand for candidates of the space but for its constraints, which
    `meets_constraints` judges.

    Args:
        space: The search space.

    Attributes:
        axes: The parameters with more than one value.
        owners: To which axis each column of the embedding belongs, shape (E,).
        has_order: Which axes are numbers or ordered choices, shape (A,).
        is_conditional: Which axes are not always active, shape (A,).
        is_parent: Which axes decide whether others are active, shape (A,).
        depth: How deep in the tree of conditions each axis is, 0 if always active, shape (A,).
        has_constraints: Whether candidates have to meet any.
        constraint_columns: The constraints on many candidates at once.

    Example:
        ```python
        import numpy as np

        from prefect_tuner import Categorical, Float, SearchSpace
        from prefect_tuner.strategies.encoding.encoding import Encoding

        kind = Categorical(["a", "b", "c"])
        space = SearchSpace({"x": Float(0.0, 2.0, when={"kind": ["a", "c"]}), "kind": kind})
        encoding = Encoding(space)
        codes = np.array([encoding.encode({"x": 0.5, "kind": "c"}), encoding.encode({"kind": "b"})])
        assert np.array_equal(codes, [[0.25, 2.0], [np.nan, 1.0]], equal_nan=True)
        assert encoding.embed(codes).shape == (2, 5)
        assert encoding.decode(codes[0]) == {"x": 0.5, "kind": "c"}
        assert encoding.decode(codes[1]) == {"kind": "b"}
        ```
    """

    def __init__(self, space: SearchSpace) -> None:
        self._space = space
        self._conditions = conditions_of(space)
        needs = _needs(space, self._conditions)
        self.axes: tuple[Axis, ...] = tuple(
            axis_of(
                name,
                parameter,
                is_conditional=bool(needs[name]),
                named=tuple(v for when in self._conditions.values() for v in when.get(name, ())),
            )
            for name, parameter in space.items()
            if parameter.cardinality != 1
        )
        self._place = place = {axis.name: j for j, axis in enumerate(self.axes)}
        self.is_conditional: BoolArray = np.array([a.is_conditional for a in self.axes], dtype=bool)
        # For each conditional axis, parents first, which keys of which axes it needs.
        self._needs = [
            (
                place[name],
                [
                    (place[parent], np.array([self.axes[place[parent]].key_of(v) for v in values]))
                    for parent, values in needs[name]
                ],
            )
            for name in space.order
            if name in place and needs[name]
        ]
        self.is_parent: BoolArray = np.zeros(len(self.axes), dtype=bool)
        self.is_parent[[parent for _, needed in self._needs for parent, _ in needed]] = True
        self.depth: IntArray = np.zeros(len(self.axes), dtype=int)
        for j, needed in self._needs:
            self.depth[j] = 1 + max(int(self.depth[parent]) for parent, _ in needed)
        widths = [axis.width for axis in self.axes]
        self.owners: IntArray = np.repeat(np.arange(len(widths)), widths)
        starts = np.concatenate([[0], np.cumsum(widths)]).astype(int)
        # Axes of one number and their columns; the other axes have a column for each choice.
        is_number = np.array([a.has_order or a.width == 1 for a in self.axes], dtype=bool)
        self._numbers = np.flatnonzero(is_number)
        self._columns = starts[:-1][is_number]
        self._may_be_absent = np.flatnonzero(self.is_conditional[is_number])
        self._absence_columns = self._columns[self._may_be_absent] + 1
        self._stretches = np.array([axis.stretch for axis in self.axes])[is_number]
        self._centres = np.where(self.is_conditional[is_number], 0.5 * self._stretches, 0.0)
        self._choices = [
            (j, start, np.arange(stop - start))
            for j, (start, stop) in enumerate(pairwise(starts.tolist()))
            if not is_number[j]
        ]
        self.has_constraints = bool(space.constraints)
        self.constraint_columns = ConstraintColumns(space, self.axes, self.decode)
        self._discrete = [(j, axis) for j, axis in enumerate(self.axes) if axis.count is not None]
        self.has_order: BoolArray = np.array([axis.has_order for axis in self.axes], dtype=bool)
        self._middle = self.all_from_unit_cube(np.full((1, len(self.axes)), 0.5))[0]

    def encode(self, params: Mapping[str, HyperValue]) -> list[float]:
        """The codes of a candidate, A of them, NaN for parameters that it does not hold."""
        return [
            axis.code_of(params[axis.name]) if axis.name in params else math.nan
            for axis in self.axes
        ]

    def decode(self, codes: FloatArray) -> Params:
        """The candidate that a row of codes stands for: the values of its active parameters.

        Whatever the row, it is a candidate. The code of a parameter that is not active makes no
        difference; an active one without a code has the value in the middle.
        """
        row = codes.tolist()
        values: Params = {}
        for name in self._space.order:
            when = self._conditions.get(name)
            if when is not None and not all(
                parent in values and when.allow(parent, values[parent]) for parent in when
            ):
                continue
            j = self._place.get(name)
            if j is None:
                values[name] = self._space[name].value_at(0)
            else:
                code = float(self._middle[j]) if math.isnan(row[j]) else row[j]
                values[name] = self.axes[j].value_of(code)
        return {name: values[name] for name in self._space if name in values}

    @cached_property
    def cells(self) -> FloatArray | None:
        """All the candidates that meet the constraints, shape (c, A); None if they are too many.

        A space of up to 1,000 candidates is gone through, and one of up to 20,000 if it has
        constraints, which may leave but a few that no draw would find.
        """
        most = MOST_CELLS if self.has_constraints else _MOST_UNCONSTRAINED_CELLS
        size = self._space.cardinality
        if size is None or size > most:
            return None
        if self._needs:
            at = self._space.cells().at
            cells = np.array([self.encode(at(place)) for place in range(size)])
            cells = cells.reshape(size, len(self.axes))
        else:
            values = np.meshgrid(*(axis.all_codes() for axis in self.axes), indexing="ij")
            cells = np.stack([column.ravel() for column in values], axis=1)
        # As all rows are: equal ones are equal to the last bit.
        cells = self.snap(cells)
        return cells[self.meets_constraints(cells)]

    @cached_property
    def mean_active(self) -> float:
        """How many axes are active in a candidate that is drawn at random, on average."""
        axes = len(self.axes)
        if not self._needs:
            return float(axes)
        drawn = self.all_from_unit_cube(np.random.default_rng(0).random((_SAMPLE, axes)))
        return float(self.active(drawn).sum(axis=1).mean())

    def meets_constraints(self, codes: FloatArray) -> BoolArray:
        """Which rows stand for candidates that meet the constraints of the space, shape (m,)."""
        if not self.has_constraints:
            return np.ones(len(codes), dtype=bool)
        return self.constraint_columns.are_met(codes)

    def embed(self, codes: FloatArray) -> FloatArray:
        """Z of some rows of codes, shape (m, E)."""
        embedded = np.zeros((len(codes), len(self.owners)))
        numbers = codes[:, self._numbers] * self._stretches
        if self._needs:
            numbers -= self._centres
            is_absent = np.isnan(numbers)
            numbers[is_absent] = 0.0
            embedded[:, self._absence_columns] = _ABSENCE * is_absent[:, self._may_be_absent]
        embedded[:, self._columns] = numbers
        for j, start, choices in self._choices:
            is_choice = codes[:, j, None] == choices
            embedded[:, start : start + len(choices)] = is_choice * _SQRT_HALF
        return embedded

    def active(self, codes: FloatArray) -> BoolArray:
        """Which axes are active with the other codes of their row, shape (m, A).

        Args:
            codes: Rows of codes, those of axes that are not active may be anything, shape (m, A).
        """
        active = np.ones(codes.shape, dtype=bool)
        keys: dict[int, FloatArray] = {}
        for j, needs in self._needs:
            for parent, needed in needs:
                if parent not in keys:
                    keys[parent] = self.axes[parent].keys(codes[:, parent])
                active[:, j] &= (keys[parent][:, None] == needed).any(axis=1)
        return active

    def masked(self, codes: FloatArray) -> FloatArray:
        """The same rows with NaN where an axis is not active, shape (m, A).

        Equal rows are equal to the last bit.

        Args:
            codes: Rows of codes that stand for values, shape (m, A).
        """
        return np.where(self.active(codes), codes, np.nan) if self._needs else codes

    def completed(self, codes: FloatArray, others: FloatArray) -> FloatArray:
        """The rows with the codes of others in the place of NaN, shape (m, A).

        Args:
            codes: Rows of codes, shape (m, A).
            others: Codes for what is missing, of the same shape or one row, shape (A,).
        """
        return np.where(np.isnan(codes), others, codes)

    def snap(self, codes: FloatArray) -> FloatArray:
        """The nearest rows of codes that stand for candidates, shape (m, A).

        Args:
            codes: Any numbers; NaN where nothing is known, which is the middle of the axis should
                it be active. Of shape (m, A).
        """
        full = self.completed(codes, self._middle)
        snapped = np.minimum(np.maximum(full, 0.0), 1.0)
        for j, axis in self._discrete:
            snapped[:, j] = axis.snapped(full[:, j])
        # The sum takes away the sign of zero, which would tell equal rows apart.
        return self.masked(snapped + 0.0)

    def gradient_by_codes(self, codes: FloatArray, gradient: FloatArray) -> FloatArray:
        """Of a function of Z, the gradient by the codes from that by Z, shape (m, A).

        It is of use along axes with an order alone. It is 0 along the others, and where an axis
        is not active.

        Args:
            codes: Where the gradient was taken, shape (m, A).
            gradient: The gradient by Z there, shape (m, E).
        """
        by_codes = np.zeros(codes.shape)
        by_codes[:, self._numbers] = gradient[:, self._columns] * self._stretches
        by_codes[:, ~self.has_order] = 0.0
        by_codes[np.isnan(codes)] = 0.0
        return by_codes

    def from_unit_cube(self, points: FloatArray) -> FloatArray:
        """The codes at points of [0, 1]**A, shape (m, A); every value has its share of the axis."""
        return self.masked(self.all_from_unit_cube(points))

    def all_from_unit_cube(self, points: FloatArray) -> FloatArray:
        """The same with a code for every axis, active or not: what `completed` may fill in."""
        codes = points.copy()
        for j, axis in self._discrete:
            codes[:, j] = axis.from_units(points[:, j])
        return codes + 0.0


def _needs(
    space: SearchSpace, conditions: Mapping[str, Conditions]
) -> dict[str, list[tuple[str, tuple[HyperValue, ...]]]]:
    """For each parameter the conditions that not every candidate meets, all ancestors' included.

    Each names a parameter of several values, and some but not all of these.
    """
    needs: dict[str, list[tuple[str, tuple[HyperValue, ...]]]] = {}
    for name in space.order:
        distinct: dict[Hashable, tuple[str, tuple[HyperValue, ...]]] = {}
        for parent, values in conditions.get(name, {}).items():
            for need in needs[parent]:
                distinct.setdefault((need[0], *map(exact_key, need[1])), need)
            if len(values) != space[parent].cardinality:
                distinct[(parent, *map(exact_key, values))] = (parent, values)
        needs[name] = list(distinct.values())
    return needs
