"""Which parameter depends on which: the conditions of a whole search space."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import final

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.redaction import shown
from prefect_tuner.search_space.conditions import Conditions
from prefect_tuner.search_space.numeric import Float
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.validation import unknown_name


@final
class ConditionGraph:
    """The conditions of parameters, in an order in which parents come before their children.

    Args:
        parameters: The parameters in the order declared, their conditions known to be right.

    Attributes:
        conditions: The conditions of the parameters that have some.
        order: All names, parents first; otherwise as declared.
    """

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self.conditions = conditions_of(parameters)
        self.order = tuple(_order(parameters, self.conditions))

    def active(self, values: Mapping[str, HyperValue]) -> list[str]:
        """The names of the parameters that are active with these values, parents first.

        Args:
            values: At least the values of active parents; a parent without one has no children.
        """
        if not self.conditions:
            return list(self.order)
        active: dict[str, None] = {}
        for name in self.order:
            needed = self.conditions.get(name)
            if needed is None or all(
                parent in active and parent in values and needed.allow(parent, values[parent])
                for parent in needed
            ):
                active[name] = None
        return list(active)


def conditions_of(parameters: Mapping[str, Parameter]) -> dict[str, Conditions]:
    """The conditions of those parameters that have some."""
    return {
        name: parameter.when
        for name, parameter in parameters.items()
        if isinstance(parameter.when, Conditions)
    }


def with_checked_conditions(
    parameters: Mapping[str, Parameter], declared: Iterable[object]
) -> dict[str, Parameter]:
    """The parameters, whole numbers in the conditions made floats where the parent is a `Float`.

    Args:
        parameters: By name; those that were declared wrong are missing.
        declared: All names that were declared.

    Raises:
        InvalidConfiguration: Lists all the mistakes in their conditions.
    """
    names = [name for name in declared if isinstance(name, str)]
    checked: dict[str, Parameter] = {}
    mistakes: list[str] = []
    conditions = conditions_of(parameters)
    for name, parameter in parameters.items():
        typed: dict[str, tuple[HyperValue, ...]] = {}
        for parent, values in conditions.get(name, {}).items():
            if parent not in names:
                mistakes.append(f"space.{name}: when.{parent} {unknown_name(parent, names)}")
            elif parent in parameters:
                typed[parent] = _typed(values, parameters[parent])
                mistakes += _misfits(
                    f"space.{name}: when.{parent}", typed[parent], parameters[parent]
                )
        checked[name] = replace(parameter, when=typed) if typed else parameter
    if circle := _circle(conditions):
        needs = ", ".join(
            f"{child} needs {parent}"
            for child, parent in zip(circle, [*circle[1:], circle[0]], strict=True)
        )
        mistakes.append(f"space: conditions must not go round in a circle: {needs}")
    if mistakes:
        raise InvalidConfiguration(*mistakes)
    return checked


def _misfits(field: str, values: tuple[HyperValue, ...], parent: Parameter) -> list[str]:
    """What is wrong with values that a parent does not have."""
    several = list(values)
    hint = (
        f": to mean this one choice, write {shown([several])}" if parent.contains(several) else ""
    )
    return [
        f"{field}: {shown(value)} ({type(value).__name__}) is not of {shown(parent)}{hint}"
        for value in values
        if not parent.contains(value)
    ]


def _typed(values: Iterable[HyperValue], parent: Parameter) -> tuple[HyperValue, ...]:
    """JSON editors write `1` for `1.0`."""
    is_float = isinstance(parent, Float)
    return tuple(float(each) if is_float and type(each) is int else each for each in values)


def _order(parameters: Iterable[str], conditions: Mapping[str, Conditions]) -> list[str]:
    names = list(parameters)
    waits_for = {name: len(conditions.get(name, ())) for name in names}
    children: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        for parent in conditions.get(name, ()):
            children.setdefault(parent, []).append(place)
    free = [place for place, name in enumerate(names) if not waits_for[name]]
    order: list[str] = []
    while free:
        order.append(names[heapq.heappop(free)])
        for place in children.get(order[-1], []):
            waits_for[names[place]] -= 1
            if not waits_for[names[place]]:
                heapq.heappush(free, place)
    return order


def _circle(conditions: Mapping[str, Conditions]) -> list[str]:
    """Parameters each of which needs the next one, the last one the first; empty without any."""
    rest = dict(conditions)
    while free := [name for name in rest if not rest.keys() & rest[name].keys()]:
        for name in free:
            del rest[name]
    path: list[str] = []
    following = next(iter(rest), None)
    while following is not None and following not in path:
        path.append(following)
        following = next(parent for parent in rest[following] if parent in rest)
    return path[path.index(following) :] if following is not None else []
