"""Constraints on candidates: expressions over parameters, such as `a + 2*b <= 512`.

```
text -> ast.parse -> ConstraintParser: only what is allowed, checked against the parameters -> Term
```

Nothing is ever evaluated as Python code.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.redaction import shown
from prefect_tuner.search_space.constraint_parser import ALLOWED, ConstraintParser
from prefect_tuner.search_space.constraint_terms import Term
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.search_space.syntax_tree import parsed

LONGEST_CONSTRAINT = 1000
"""Characters of a constraint."""

MOST_CONSTRAINTS = 100
"""Constraints of a space."""


@final
@dataclass(frozen=True)
class Constraint:
    """A condition that candidates have to meet.

    Attributes:
        text: The expression as declared.
        names: The parameters that it mentions.
        term: What it says.
    """

    text: str
    names: frozenset[str]
    term: Term

    def holds(self, params: Mapping[str, HyperValue]) -> bool:
        """Whether a candidate meets it; one in which a mentioned parameter is not active does.

        Example:
            ```python
            from prefect_tuner import Int
            from prefect_tuner.search_space.constraint import parse_constraint

            constraint = parse_constraint("a + 2*b <= 5", {"a": Int(0, 9), "b": Int(0, 9)})
            assert constraint.holds({"a": 1, "b": 2}) and not constraint.holds({"a": 2, "b": 2})
            assert constraint.holds({"a": 9})
            ```
        """
        return not self.names <= params.keys() or bool(self.term.value(params))


def parse_constraint(text: object, parameters: Mapping[str, Parameter]) -> Constraint:
    """A constraint from its expression.

    Numbers are compared exactly, as the decimal numbers that they are written as. Products of
    parameters are allowed; what is not, is refused with its position.

    Args:
        text: The expression.
        parameters: The parameters that it may mention.

    Raises:
        InvalidConfiguration: It cannot be understood, or makes no sense for these parameters.
    """
    if not isinstance(text, str):
        raise InvalidConfiguration(f"a constraint must be a text, got {shown(text)}")
    text = text.strip()
    if len(text) > LONGEST_CONSTRAINT:
        raise InvalidConfiguration(
            f"constraint {text[:60] + '...'!r}: must have at most {LONGEST_CONSTRAINT} characters, "
            f"has {len(text)}"
        )
    if not text.isprintable():
        raise InvalidConfiguration(
            f"constraint {text!r}: must stand on one line, of printable characters"
        )
    try:
        tree = parsed(lambda: ast.parse(text, mode="eval")).body
    except SyntaxError as error:
        where = f" at character {error.offset}" if error.offset else ""
        raise InvalidConfiguration(
            f"constraint {text!r}: cannot be understood{where}: {error.msg}; allowed are {ALLOWED}"
        ) from None
    except (MemoryError, RecursionError, ValueError):
        raise InvalidConfiguration(f"constraint {text!r}: is too deeply nested") from None
    parser = ConstraintParser(text, parameters)
    term = parser.truth(tree, 0)
    if not parser.names:
        raise InvalidConfiguration(f"constraint {text!r}: mentions no parameter")
    return Constraint(text, frozenset(parser.names), term)


def parse_constraints(
    expressions: Iterable[object], parameters: Mapping[str, Parameter], mistakes: list[str]
) -> list[Constraint]:
    """The constraints of a space, each once; those that are wrong are left out.

    Args:
        expressions: The expressions.
        parameters: The parameters that they may mention.
        mistakes: Where the mistakes in them are noted.
    """
    parsed: dict[str, Constraint] = {}
    for expression in expressions:
        try:
            constraint = parse_constraint(expression, parameters)
            parsed[constraint.text] = constraint
        except InvalidConfiguration as error:
            mistakes += [f"space: {mistake}" for mistake in error.mistakes]
    if len(parsed) > MOST_CONSTRAINTS:
        mistakes.append(f"space: at most {MOST_CONSTRAINTS} constraints, got {len(parsed)}")
    return list(parsed.values())
