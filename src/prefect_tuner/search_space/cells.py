"""The cells of a search space: its finitely many candidates, numbered, none of them stored.

Notation:
    axis: the values of one parameter.
    cell: one candidate, a value of each axis that is active.
    place: the number of a cell. Of parameters independent of each other the last one declared is
        fastest, as in `itertools.product`; what depends on a parameter turns within its values.

```
Product   independent parts             size: the product of theirs
Choice    the values of one axis, in segments of neighbours that activate the same others
Segment   neighbouring values, and the product of what they activate
```
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias, final

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import HyperValue, Params
from prefect_tuner.search_space.conditions import Conditions
from prefect_tuner.search_space.parameters import Parameter

MOST_COMBINATIONS = 20_000
"""Combinations of conditions that are told apart, beside one for each parameter."""

DEEPEST = 150
"""Conditions within conditions."""

_Pending: TypeAlias = tuple[tuple[str, frozenset[str]], ...]
"""Parameters that may still be active, each with those of its parents that are not decided."""


@dataclass(frozen=True)
class _Product:
    choices: tuple[_Choice, ...]
    size: int | None


@dataclass(frozen=True)
class _Segment:
    first: int
    values: int
    then: _Product


@dataclass(frozen=True)
class _Choice:
    name: str
    segments: tuple[_Segment, ...]
    size: int | None
    ends: tuple[int, ...]


@final
class Cells:
    """All combinations of values of active parameters, each of them once.

    Args:
        axes: The values of each parameter, in the order declared.
        conditions: The conditions of those that have some.
        order: The names, parents first.

    Attributes:
        size: How many cells there are; None where an axis that may be active is continuous.

    Raises:
        InvalidConfiguration: There are too many combinations of conditions.

    Example:
        ```python
        from prefect_tuner import Int, SearchSpace

        space = SearchSpace({"kind": ["a", "b"], "depth": Int(1, 3, when={"kind": "b"})})
        cells = space.cells()
        assert cells.size == 4
        assert [cells.at(place) for place in (0, 3)] == [{"kind": "a"}, {"kind": "b", "depth": 3}]
        ```
    """

    def __init__(
        self,
        axes: Mapping[str, Parameter],
        conditions: Mapping[str, Conditions],
        order: Sequence[str],
    ) -> None:
        self._axes = axes
        self._conditions = conditions
        self._known: dict[_Pending, _Product] = {}
        self._nodes = 0
        pending = tuple((name, frozenset(conditions.get(name, ()))) for name in order)
        self._root = self._product(pending, 0)
        self._known.clear()
        self.size = self._root.size

    def at(self, place: int) -> Params:
        """The cell number `place`, from 0, its parameters in the order declared."""
        return self.locate(place)[0]

    def locate(self, place: int) -> tuple[Params, dict[str, int]]:
        """The cell number `place`, and for each of its parameters how far its value reaches.

        Returns:
            The cell; and by name the number of places after which the value changes, or another
            value does that it depends on.
        """
        if self.size is None or not 0 <= place < self.size:
            raise IndexError(f"there is no cell {place} of {self.size}")
        values: dict[str, HyperValue] = {}
        reach: dict[str, int] = {}
        self._descend(self._root, place, 1, 0, values, reach)
        return {name: values[name] for name in self._axes if name in values}, reach

    def _descend(
        self,
        product: _Product,
        place: int,
        stride: int,
        passed: int,
        values: dict[str, HyperValue],
        reach: dict[str, int],
    ) -> None:
        """Read the digits of a place, the fastest first.

        Args:
            product: The part to read.
            place: The number of the cell within it.
            stride: Places from one of its cells to the next.
            passed: Places since its cell began.
            values: Filled with the values found.
            reach: Filled with how far they reach.
        """
        for choice in reversed(product.choices):
            assert choice.size is not None  # noqa: S101 - a finite product has finite parts
            place, local = divmod(place, choice.size)
            number = bisect_right(choice.ends, local)
            segment = choice.segments[number]
            inner = segment.then.size or 1
            value, within = divmod(local - (choice.ends[number - 1] if number else 0), inner)
            values[choice.name] = self._axes[choice.name].value_at(segment.first + value)
            reach[choice.name] = (inner - within) * stride - passed
            self._descend(segment.then, within, stride, passed, values, reach)
            passed += local * stride
            stride *= choice.size

    def _product(self, pending: _Pending, depth: int) -> _Product:
        known = self._known.get(pending)
        if known is None:
            choices = tuple(self._choice(part, depth) for part in _independent(pending))
            known = _Product(choices, _times(choice.size for choice in choices))
            self._known[pending] = known
        return known

    def _choice(self, part: _Pending, depth: int) -> _Choice:
        self._nodes += 1
        if self._nodes > MOST_COMBINATIONS + len(self._axes) or depth > DEEPEST:
            raise InvalidConfiguration(
                f"space: the conditions are too entangled: they must not make more than "
                f"{MOST_COMBINATIONS:,} combinations, or be nested deeper than {DEEPEST} levels"
            )
        (name, _), *others = part
        axis = self._axes[name]
        if axis.cardinality is None:
            return _Choice(name, (), None, ())
        children = [other for other, waits in others if name in waits]
        segments = tuple(
            _Segment(first, values, self._product(_decided(others, name, allowed), depth + 1))
            for first, values, allowed in self._runs(axis, name, children)
        )
        sizes = [_times((segment.values, segment.then.size)) for segment in segments]
        if None in sizes:
            return _Choice(name, segments, None, ())
        ends = tuple(accumulate(size or 0 for size in sizes))
        return _Choice(name, segments, ends[-1], ends)

    def _runs(
        self, axis: Parameter, name: str, children: Sequence[str]
    ) -> list[tuple[int, int, frozenset[str]]]:
        """Neighbouring values of a parent with the same active children.

        Returns:
            For each run the index of its first value, how many values it has, and the children.
        """
        listed: dict[int, set[str]] = {}
        for child in children:
            for value in self._conditions[child][name]:
                if axis.contains(value):
                    index = axis.index_of(value)  # type: ignore[arg-type]
                    listed.setdefault(index, set()).add(child)
        runs: list[tuple[int, int, frozenset[str]]] = []
        following = 0
        for index in sorted(listed):
            if index > following:
                runs.append((following, index - following, frozenset()))
            allowed = frozenset(listed[index])
            if runs and runs[-1][2] == allowed:
                first, count, _ = runs.pop()
                runs.append((first, count + 1, allowed))
            else:
                runs.append((index, 1, allowed))
            following = index + 1
        if following < (axis.cardinality or 0):
            runs.append((following, (axis.cardinality or 0) - following, frozenset()))
        return runs


def _independent(pending: _Pending) -> list[_Pending]:
    """The parts that share no condition, each in the order given, the first one's first."""
    part_of: dict[str, dict[str, None]] = {}
    for name, waits in pending:
        part = {name: None}
        for other in {id(part_of[parent]): part_of[parent] for parent in waits}.values():
            part |= other
        for member in part:
            part_of[member] = part
    parts: dict[int, list[tuple[str, frozenset[str]]]] = {}
    for name, waits in pending:
        parts.setdefault(id(part_of[name]), []).append((name, waits))
    return [tuple(part) for part in parts.values()]


def _decided(
    others: Sequence[tuple[str, frozenset[str]]], parent: str, allowed: frozenset[str]
) -> _Pending:
    """What may still be active once a parent has a value that allows some of its children."""
    left_out: set[str] = set()
    pending: list[tuple[str, frozenset[str]]] = []
    for name, waits in others:
        if waits & left_out or (parent in waits and name not in allowed):
            left_out.add(name)
        else:
            pending.append((name, waits - {parent}))
    return tuple(pending)


def _times(sizes: Iterable[int | None]) -> int | None:
    known = list(sizes)
    return None if None in known else math.prod(size for size in known if size is not None)
