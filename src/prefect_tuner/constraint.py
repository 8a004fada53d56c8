"""Constraints on candidates: expressions over parameters, such as `a + 2*b <= 512`.

```
text -> ast.parse -> _Parser: only what is allowed, checked against the parameters -> Constraint
```

Nothing is ever evaluated as Python code.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, final

from prefect_tuner.categorical import Categorical
from prefect_tuner.constraint_terms import (
    Arithmetic,
    Both,
    Comparison,
    Inverse,
    Literal,
    Negation,
    Reference,
    Term,
    equal,
    exact,
)
from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.parameters import Parameter
from prefect_tuner.validation import unknown_name

LONGEST_CONSTRAINT = 1000
"""Characters of a constraint."""

DEEPEST_CONSTRAINT = 50
"""Levels of operations within operations in a constraint."""

ALLOWED = (
    "names of parameters (params['a name'] where one is no Python identifier), numbers, texts, "
    "True, False, +, -, *, comparisons, in [...], and, or, not"
)
"""What may stand in a constraint."""

_Kinds: TypeAlias = frozenset[str]
_NUMBER, _TEXT, _TRUTH = frozenset(["number"]), frozenset(["text"]), frozenset(["truth"])

_SIGNS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.In: "in",
    ast.NotIn: "not in",
}


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
            from prefect_tuner.constraint import parse_constraint

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
        raise InvalidConfiguration(f"a constraint must be a text, got {text!r}")
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
        tree = ast.parse(text, mode="eval").body
    except SyntaxError as error:
        where = f" at character {error.offset}" if error.offset else ""
        raise InvalidConfiguration(
            f"constraint {text!r}: cannot be understood{where}: {error.msg}; allowed are {ALLOWED}"
        ) from None
    except (MemoryError, RecursionError, ValueError):
        raise InvalidConfiguration(f"constraint {text!r}: is too deeply nested") from None
    parser = _Parser(text, parameters)
    term = parser.truth(tree, 0)
    if not parser.names:
        raise InvalidConfiguration(f"constraint {text!r}: mentions no parameter")
    return Constraint(text, frozenset(parser.names), term)


class _Parser:
    """Turns the syntax tree of one constraint into terms."""

    def __init__(self, text: str, parameters: Mapping[str, Parameter]) -> None:
        self._text = text
        self._parameters = parameters
        self.names: set[str] = set()

    def truth(self, node: ast.expr, depth: int) -> Term:
        """A part that must be true or false."""
        term, kinds = self._term(node, depth)
        if kinds != _TRUTH:
            raise self._mistake(
                node, f"must be a comparison, or true or false, is {_listed(kinds)}"
            )
        return term

    def _term(self, node: ast.expr, depth: int) -> tuple[Term, _Kinds]:
        if depth > DEEPEST_CONSTRAINT:
            raise self._mistake(node, f"is nested deeper than {DEEPEST_CONSTRAINT} levels")
        match node:
            case ast.Constant():
                return self._literal(node)
            case ast.Name(id=name):
                return self._reference(node, name)
            case ast.Subscript(value=ast.Name(id="params"), slice=ast.Constant(value=str(name))):
                return self._reference(node, name)
            case ast.Compare():
                return self._comparison(node, depth), _TRUTH
        return self._operation(node, depth + 1)

    def _operation(self, node: ast.expr, depth: int) -> tuple[Term, _Kinds]:
        match node:
            case ast.BoolOp(op=op, values=parts):
                truths = tuple(self.truth(part, depth) for part in parts)
                return Both(isinstance(op, ast.And), truths), _TRUTH
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return Inverse(self.truth(operand, depth)), _TRUTH
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return Negation(self._number(operand, depth)), _NUMBER
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self._number(operand, depth), _NUMBER
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() as op, right=right):
                sides = self._number(left, depth), self._number(right, depth)
                return Arithmetic(_SIGNS[type(op)], *sides), _NUMBER
        raise self._mistake(node, f"is not allowed; allowed are {ALLOWED}")

    def _number(self, node: ast.expr, depth: int) -> Term:
        term, kinds = self._term(node, depth)
        if kinds != _NUMBER:
            raise self._mistake(node, f"must be a number, is {_listed(kinds)}")
        return term

    def _literal(self, node: ast.Constant) -> tuple[Literal, _Kinds]:
        value = node.value
        if type(value) not in (bool, int, float, str):
            raise self._mistake(node, f"is not allowed; allowed are {ALLOWED}")
        if isinstance(value, float) and not math.isfinite(value):
            raise self._mistake(node, "must be a finite number")
        known: HyperValue = value  # type: ignore[assignment]
        return Literal(exact(known)), _kind(known)

    def _reference(self, node: ast.expr, name: str) -> tuple[Reference, _Kinds]:
        if name not in self._parameters:
            raise self._mistake(node, unknown_name(name, self._parameters))
        self.names.add(name)
        parameter = self._parameters[name]
        if isinstance(parameter, Categorical):
            return Reference(name), frozenset[str]().union(*map(_kind, parameter.choices))
        return Reference(name), _NUMBER

    def _comparison(self, node: ast.Compare, depth: int) -> Comparison:
        operands = [node.left, *node.comparators]
        signs = [_SIGNS.get(type(op), "") for op in node.ops]
        terms: list[tuple[Term, _Kinds]] = []
        for i, operand in enumerate(operands):
            is_list = i > 0 and signs[i - 1] in ("in", "not in")
            terms.append(
                self._list(operand, depth + 1) if is_list else self._term(operand, depth + 1)
            )
        for i, sign in enumerate(signs):
            self._check_pair(sign, operands[i : i + 2], terms[i : i + 2])
            if sign in ("in", "not in") and i + 1 < len(signs):
                raise self._mistake(operands[i + 1], "a list must be the end of a comparison")
        (first, _), *others = terms
        rest = zip(signs, (term for term, _ in others), strict=True)
        return Comparison(first, tuple(rest))

    def _list(self, node: ast.expr, depth: int) -> tuple[Literal, _Kinds]:
        if not isinstance(node, ast.List | ast.Tuple | ast.Set) or not node.elts:
            raise self._mistake(node, "must be a list of values, such as [1, 2]")
        literals: list[Literal] = []
        kinds: _Kinds = frozenset()
        for element in node.elts:
            term, of_term = self._term(element, depth)
            if isinstance(term, Negation) and isinstance(term.operand, Literal):
                term = Literal(term.value({}))
            if not isinstance(term, Literal):
                raise self._mistake(element, "must be a value, not an expression")
            literals.append(term)
            kinds |= of_term
        return Literal(tuple(literal.content for literal in literals)), kinds

    def _check_pair(
        self, sign: str, nodes: list[ast.expr], terms: list[tuple[Term, _Kinds]]
    ) -> None:
        if not sign:
            raise self._mistake(nodes[0], f"`is` is not allowed; allowed are {ALLOWED}")
        (left, left_kinds), (right, right_kinds) = terms
        if sign in ("<", "<=", ">", ">="):
            for node, (_, kinds) in zip(nodes, terms, strict=True):
                if kinds != _NUMBER:
                    raise self._mistake(node, f"must be a number, is {_listed(kinds)}")
            return
        if not left_kinds & right_kinds:
            raise self._mistake(
                nodes[1],
                f"is {_listed(right_kinds)} and never equals {self._source(nodes[0])}, which is "
                f"{_listed(left_kinds)}",
            )
        self._check_choices(nodes[1], left, right)
        self._check_choices(nodes[0], right, left)

    def _check_choices(self, node: ast.expr, reference: Term, literal: Term) -> None:
        """A value misspelt would make a constraint that says something else, or nothing."""
        if not isinstance(reference, Reference) or not isinstance(literal, Literal):
            return
        parameter = self._parameters[reference.name]
        if not isinstance(parameter, Categorical):
            return
        content = literal.content
        for value in content if isinstance(content, tuple) else (content,):
            if not any(equal(value, exact(choice)) for choice in parameter.choices):
                raise self._mistake(
                    node, f"{reference.name} has no such choice, it has {list(parameter.choices)}"
                )

    def _source(self, node: ast.expr) -> str:
        return ast.get_source_segment(self._text, node) or "it"

    def _mistake(self, node: ast.expr, sentence: str) -> InvalidConfiguration:
        # The tree counts bytes, people count characters.
        place = len(self._text.encode()[: node.col_offset].decode(errors="ignore")) + 1
        return InvalidConfiguration(
            f"constraint {self._text!r}: at character {place}: {self._source(node)}: {sentence}"
        )


def _kind(value: HyperValue) -> _Kinds:
    if isinstance(value, bool):
        return _TRUTH
    return _TEXT if isinstance(value, str) else _NUMBER


def _listed(kinds: _Kinds) -> str:
    told = {"truth": "true or false"}
    return " or ".join(told.get(kind, f"a {kind}") for kind in sorted(kinds))
