"""The search space: parameters by name, the conditions between them, constraints on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import HyperValue, Params
from prefect_tuner.redaction import shown
from prefect_tuner.search_space.cells import Cells
from prefect_tuner.search_space.condition_graph import ConditionGraph, with_checked_conditions
from prefect_tuner.search_space.constraint import Constraint, parse_constraints
from prefect_tuner.search_space.parameters import Parameter, parse_parameter

CONSTRAINTS_TYPE = "constraints"
"""The `type` of the entry that holds the constraints in the JSON data of a space."""

# In JSON that it reads back, such as a flow's result, Prefect imports what stands under these.
_ACTED_ON = ("__class__", "__exc_type__")


class SearchSpace(Mapping[str, Parameter]):
    """An immutable mapping of names to parameters, in the order declared.

    A parameter declared with `when` is active only where each of the parameters named there is
    active and has one of the values listed for it. A candidate holds the active parameters and no
    others. In `when`, a list lists values: the choice `[64, 64]` is written `[[64, 64]]`.

    Constraints are expressions that every candidate meets; one that mentions a parameter that is
    not active holds. Allowed are numbers, texts, `True`, `False`, `None`, lists, dicts, names of
    parameters (`params["learning rate"]` where one is no Python identifier), `+ - *`, comparisons,
    `in [...]`, `and`, `or` and `not`. Numbers are compared exactly, as the decimal numbers they are
    written as. What is added or compared by `<` has to be a number: of a parameter with other
    choices, too, it must be said first what holds for these, as in `depth == None or depth <= 5`.

    Args:
        parameters: For each name a `Float`, `Int` or `Categorical`, a list of choices, or the JSON
            data of one (`{"type": "float", "low": 0.0, "high": 1.0}`). An entry of the type
            `constraints` is no parameter, whatever its name: `{"type": "constraints",
            "expressions": [...]}` holds further constraints.
        constraints: What candidates have to meet besides.

    Raises:
        InvalidConfiguration: Lists all the mistakes, each with the name of its parameter.

    Example:
        ```python
        from prefect_tuner import Float, Int, SearchSpace

        space = SearchSpace(
            {
                "lr": Float(1e-5, 1e-1, log=True),
                "booster": ["gbtree", "dart"],
                "rate_drop": Float(0.0, 0.5, when={"booster": ["dart"]}),
                "depth": Int(2, 10),
            },
            constraints=["not (booster == 'dart' and depth > 8)"],
        )
        assert SearchSpace(space.to_json()) == space
        assert space.contains({"lr": 0.01, "booster": "gbtree", "depth": 9})
        assert not space.contains({"lr": 0.01, "booster": "dart", "rate_drop": 0.1, "depth": 9})
        ```
    """

    def __init__(
        self, parameters: Mapping[str, Any], constraints: Sequence[str] | None = None
    ) -> None:
        if not isinstance(parameters, Mapping):
            raise InvalidConfiguration(
                f"space: must be a mapping of names to parameters, got {shown(parameters)}"
            )
        mistakes: list[str] = []
        expressions: list[object] = []
        if isinstance(parameters, SearchSpace):
            expressions += parameters.constraints
        parsed: dict[str, Parameter] = {}
        names: list[object] = []
        for name, declared in parameters.items():
            if _holds_constraints(declared):
                expressions += _expressions(name, declared, mistakes)
                continue
            names.append(name)
            try:
                known = _checked_name(name)
                parsed[known] = _parameter(known, declared)
            except InvalidConfiguration as error:
                mistakes += error.mistakes
        if not names:
            mistakes.insert(0, f"space: must hold at least one parameter, got {dict(parameters)}")
        try:
            parsed = with_checked_conditions(parsed, names)
        except InvalidConfiguration as error:
            mistakes += error.mistakes
        expressions += _listed(constraints, "space: constraints", mistakes)
        self._parameters = parsed
        # A constraint that mentions a parameter declared wrong cannot be judged.
        wrong = [str(name) for name in names if name not in parsed]
        judged = [e for e in expressions if not any(name in str(e) for name in wrong)]
        self._constraints = parse_constraints(judged, parsed, mistakes)
        if mistakes:
            raise InvalidConfiguration(*mistakes)
        self._graph = ConditionGraph(parsed)
        self._cells = Cells(parsed, self._graph.conditions, self._graph.order)

    def __getitem__(self, name: str) -> Parameter:
        return self._parameters[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __len__(self) -> int:
        return len(self._parameters)

    def __repr__(self) -> str:
        constraints = f", constraints={list(self.constraints)!r}" if self._constraints else ""
        return f"SearchSpace({self._parameters!r}{constraints})"

    # In another order it is another space: a grid walks it differently. A plain mapping has none.
    # Constraints have to be met all together, in whatever order they stand.
    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SearchSpace):
            return NotImplemented
        return list(self.items()) == list(other.items()) and (
            set(self.constraints) == set(other.constraints)
        )

    def __hash__(self) -> int:
        return hash((tuple(self._parameters.items()), frozenset(self.constraints)))

    @property
    def constraints(self) -> tuple[str, ...]:
        """The expressions that every candidate meets, as declared."""
        return tuple(constraint.text for constraint in self._constraints)

    @property
    def is_conditional(self) -> bool:
        """Whether some parameter is not always active."""
        return bool(self._graph.conditions)

    @property
    def order(self) -> tuple[str, ...]:
        """All names, the parents of conditional parameters before them, otherwise as declared."""
        return self._graph.order

    @property
    def cardinality(self) -> int | None:
        """How many different candidates there are; None with a continuous parameter.

        Constraints are left out of account: with them there are at most that many.
        """
        return self._cells.size

    def cells(self, axes: Mapping[str, Parameter] | None = None) -> Cells:
        """The candidates by number, constraints left out of account.

        Args:
            axes: For each name a parameter with the values to take; those of the space when left
                out.
        """
        if axes is None:
            return self._cells
        return Cells(axes, self._graph.conditions, self._graph.order)

    def active(self, values: Mapping[str, HyperValue]) -> list[str]:
        """The names of the parameters that are active with these values, parents first.

        Args:
            values: At least those of the active parents. Values of parameters that are not active
                make no difference.

        Example:
            ```python
            from prefect_tuner import Int, SearchSpace

            space = SearchSpace({"kind": ["a", "b"], "depth": Int(1, 3, when={"kind": ["b"]})})
            assert space.active({"kind": "a"}) == ["kind"]
            assert space.active({"kind": "b"}) == ["kind", "depth"]
            ```
        """
        return self._graph.active(values)

    def from_units(self, units: Sequence[float]) -> Params:
        """The active parameters at a point of the unit cube, constraints left out of account.

        Args:
            units: For each parameter, in the order declared, a point of [0, 1]; those of
                parameters that are not active make no difference.
        """
        values: Params = {
            name: parameter.from_unit(unit)
            for (name, parameter), unit in zip(self._parameters.items(), units, strict=True)
        }
        if not self.is_conditional:
            return values
        active = set(self.active(values))
        return {name: value for name, value in values.items() if name in active}

    def violated(self, params: Mapping[str, HyperValue]) -> list[Constraint]:
        """The constraints that a candidate does not meet."""
        return [constraint for constraint in self._constraints if not constraint.holds(params)]

    def meets_constraints(self, params: Mapping[str, HyperValue]) -> bool:
        """Whether a candidate meets all constraints."""
        return all(constraint.holds(params) for constraint in self._constraints)

    def contains(self, params: Mapping[str, HyperValue]) -> bool:
        """Whether `params` is a candidate.

        It has exactly the parameters that are active with its values, each with a value of its
        domain, and meets the constraints.
        """
        return (
            params.keys() == (set(self.active(params)) if self.is_conditional else self.keys())
            and all(self[name].contains(value) for name, value in params.items())
            and self.meets_constraints(params)
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
        active = set(self.active(params))
        if params.keys() != active:
            rule = "active with these values are" if self.is_conditional else "the space has"
            known = [name for name in self if name in active]
            return [f"got the parameters {list(params)}, {rule} {known}"]
        mistakes = [
            f"{name}={shown(params[name])} ({type(params[name]).__name__}) is not of "
            f"{shown(self[name])}"
            for name in self
            if name in active and not self[name].contains(params[name])
        ]
        return mistakes or [
            f"{shown(dict(params))} does not meet the constraint {violated.text!r}"
            for violated in self.violated(params)
        ]

    def to_json(self) -> dict[str, dict[str, Any]]:
        """The space as plain JSON data, which `SearchSpace` takes back."""
        data = {name: parameter.to_json() for name, parameter in self.items()}
        if self._constraints:
            key = CONSTRAINTS_TYPE
            while key in data:
                key += "_"
            data[key] = {"type": CONSTRAINTS_TYPE, "expressions": list(self.constraints)}
        return data


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name or not name.isprintable():
        raise InvalidConfiguration(
            f"space: a name must be a string of printable characters, got {name!r}"
        )
    if name in _ACTED_ON:
        raise InvalidConfiguration(
            f"space: a name must not be {name!r}, which Prefect acts on when it reads a result"
        )
    return name


def _parameter(name: str, declared: object) -> Parameter:
    try:
        return parse_parameter(declared)
    except InvalidConfiguration as error:
        raise InvalidConfiguration(*(f"space.{name}: {m}" for m in error.mistakes)) from None


def _holds_constraints(declared: object) -> bool:
    return isinstance(declared, Mapping) and declared.get("type") == CONSTRAINTS_TYPE


def _expressions(name: object, declared: Mapping[str, Any], mistakes: list[str]) -> list[object]:
    """The constraints in an entry of the space."""
    mistakes += [
        f"space.{name}: constraints has no argument {key!r}, it has expressions"
        for key in declared
        if key not in ("type", "expressions")
    ]
    return _listed(declared.get("expressions", ()), f"space.{name}: expressions", mistakes)


def _listed(constraints: object, field: str, mistakes: list[str]) -> list[object]:
    if constraints is None:
        return []
    if not isinstance(constraints, list | tuple):
        mistakes.append(
            f'{field}: must be a list of constraints, such as ["a + b <= 5"], '
            f"got {shown(constraints)}"
        )
        return []
    return list(constraints)
