"""Which choices a `Categorical` may still have where part of a constraint is known to hold.

In `depth == None or depth <= 5`, the second part is looked at only where the first does not hold:
there `depth` is a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.constraint_terms import (
    Both,
    Comparison,
    Inverse,
    Literal,
    Reference,
    Term,
    equal,
    exact,
)
from prefect_tuner.search_space.parameters import Parameter

Remaining: TypeAlias = Mapping[str, frozenset[int]]
"""By the name of a categorical, the numbers of the choices that it may still have."""


def remaining_choices(term: Term, holds: bool, parameters: Mapping[str, Parameter]) -> Remaining:
    """Which choices are left where a term holds, or where it does not; of some parameters.

    Args:
        term: A part of a constraint.
        holds: Whether it does.
        parameters: All parameters.

    Example:
        ```python
        from prefect_tuner import Categorical
        from prefect_tuner.search_space.constraint_narrowing import remaining_choices
        from prefect_tuner.search_space.constraint_terms import Comparison, Literal, Reference

        term = Comparison(Reference("depth"), (("==", Literal(None)),))
        parameters = {"depth": Categorical([None, 3, 10])}
        assert remaining_choices(term, False, parameters) == {"depth": {1, 2}}
        ```
    """
    match term:
        case Inverse(part=part):
            return remaining_choices(part, not holds, parameters)
        case Both(all_of_them=all_of_them, parts=parts) if all_of_them == holds:
            # All of them hold, or none does.
            return narrowed({}, (remaining_choices(part, holds, parameters) for part in parts))
        case Comparison(first=first, rest=((sign, other),)) if sign in ("==", "!=", "in", "not in"):
            is_among = holds == (sign in ("==", "in"))
            for reference, literal in ((first, other), (other, first)):
                if isinstance(reference, Reference) and isinstance(literal, Literal):
                    return _among(reference.name, literal, is_among, parameters)
    return {}


def narrowed(known: Remaining, others: Iterable[Remaining]) -> Remaining:
    """What is left of the choices when all of this is known of them."""
    left = dict(known)
    for each in others:
        for name, numbers in each.items():
            left[name] = left[name] & numbers if name in left else numbers
    return left


def _among(
    name: str, literal: Literal, is_among: bool, parameters: Mapping[str, Parameter]
) -> Remaining:
    parameter = parameters[name]
    if not isinstance(parameter, Categorical):
        return {}
    content = literal.content
    values = content if isinstance(content, tuple) else (content,)
    return {
        name: frozenset(
            number
            for number, choice in enumerate(parameter.choices)
            if any(equal(exact(choice), value) for value in values) == is_among
        )
    }
