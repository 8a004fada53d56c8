"""The search space: parameters by name."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.parameters import HyperValue, Parameter, parse_parameter


class SearchSpace(Mapping[str, Parameter]):
    """An immutable mapping of names to parameters, in the order declared.

    Args:
        parameters: For each name a `Float`, `Int` or `Categorical`, a list of choices, or the JSON
            data of one (`{"type": "float", "low": 0.0, "high": 1.0}`).

    Raises:
        InvalidConfiguration: Lists all the mistakes, each with the name of its parameter.

    Example:
        ```python
        from prefect_tuner import Float, SearchSpace

        space = SearchSpace({"lr": Float(1e-5, 1e-1, log=True), "booster": ["gbtree", "dart"]})
        assert SearchSpace(space.to_json()) == space
        assert space.contains({"lr": 0.01, "booster": "dart"})
        ```
    """

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        if not isinstance(parameters, Mapping):
            raise InvalidConfiguration(
                f"space: must be a mapping of names to parameters, got {parameters!r}"
            )
        if not parameters:
            raise InvalidConfiguration("space: must hold at least one parameter, got {}")
        self._parameters: dict[str, Parameter] = {}
        mistakes: list[str] = []
        for name, declared in parameters.items():
            if not isinstance(name, str) or not name or not name.isprintable():
                mistakes.append(
                    f"space: a name must be a string of printable characters, got {name!r}"
                )
                continue
            try:
                self._parameters[name] = parse_parameter(declared)
            except InvalidConfiguration as error:
                mistakes += [f"space.{name}: {mistake}" for mistake in error.mistakes]
        if mistakes:
            raise InvalidConfiguration(*mistakes)

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __repr__(self) -> str:
        return f"SearchSpace({self._parameters!r})"

    # In another order it is another space: a grid walks it differently. A plain mapping has none.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SearchSpace):
            return NotImplemented
        return list(self.items()) == list(other.items())

    def __hash__(self) -> int:
        return hash(tuple(self._parameters.items()))

    @property
    def cardinality(self) -> int | None:
        """How many different candidates there are; None with a continuous parameter."""
        counts = [parameter.cardinality for parameter in self.values()]
        return None if None in counts else math.prod(count for count in counts if count is not None)

    def contains(self, params: Mapping[str, HyperValue]) -> bool:
        """Whether `params` has exactly the names of this space, each with a value of its domain."""
        return params.keys() == self.keys() and all(
            self[name].contains(value) for name, value in params.items()
        )

    def mistakes_in(self, params: Mapping[str, HyperValue]) -> list[str]:
        """What keeps `params` from being a candidate of this space; empty when it is one.

        Example:
            ```python
            from prefect_tuner import Int, SearchSpace

            space = SearchSpace({"depth": Int(2, 10)})
            assert space.mistakes_in({"depth": 3}) == []
            assert "depth=1 (int)" in space.mistakes_in({"depth": 1})[0]
            ```
        """
        if params.keys() != self.keys():
            return [f"got the parameters {list(params)}, the space has {list(self)}"]
        return [
            f"{name}={params[name]!r} ({type(params[name]).__name__}) is not of {parameter!r}"
            for name, parameter in self.items()
            if not parameter.contains(params[name])
        ]

    def to_json(self) -> dict[str, dict[str, Any]]:
        """The space as plain JSON data, which `SearchSpace` takes back."""
        return {name: parameter.to_json() for name, parameter in self.items()}
