"""From the syntax tree of a constraint to its terms: nothing but what is allowed, and makes sense.

`<`, `<=`, `>`, `>=`, `+`, `-` and `*` take numbers alone. A `Categorical` may have choices of
several kinds, such as `None` and numbers; it is a number where the constraint has told the others
apart by then: `depth == None or depth <= 5`. Without that it is refused, as there is no answer for
`None` that is right for everybody.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from types import NoneType
from typing import TypeAlias, final

from prefect_tuner.errors import InvalidConfiguration
from prefect_tuner.hyper_value import HyperValue
from prefect_tuner.redaction import shown
from prefect_tuner.search_space.categorical import Categorical
from prefect_tuner.search_space.constraint_narrowing import Remaining, narrowed, remaining_choices
from prefect_tuner.search_space.constraint_terms import (
    Arithmetic,
    Both,
    Comparison,
    Inverse,
    Literal,
    Negation,
    Reference,
    Term,
    Value,
    equal,
    exact,
)
from prefect_tuner.search_space.parameters import Parameter
from prefect_tuner.validation import unknown_name

DEEPEST_CONSTRAINT = 50
"""Levels of operations within operations in a constraint."""

ALLOWED = (
    "names of parameters (params['a name'] where one is no Python identifier), numbers, texts, "
    "True, False, None, lists, dicts, +, -, *, comparisons, in [...], and, or, not"
)
"""What may stand in a constraint."""

_Kinds: TypeAlias = frozenset[str]
_NUMBER, _TRUTH = frozenset(["number"]), frozenset(["truth"])
_KINDS: dict[type, str] = {str: "text", NoneType: "None", list: "list", dict: "dict"}

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
class ConstraintParser:
    """Turns the syntax tree of one constraint into terms.

    Args:
        text: The constraint.
        parameters: The parameters that it may mention.

    Attributes:
        names: Those that it does, so far.
    """

    def __init__(self, text: str, parameters: Mapping[str, Parameter]) -> None:
        self._text = text
        self._parameters = parameters
        # What the parts before this one have told of categoricals.
        self._remaining: Remaining = {}
        self.names: set[str] = set()

    def truth(self, node: ast.expr, depth: int) -> Term:
        """A part that must be true or false.

        Raises:
            InvalidConfiguration: It is not, or something in it is not allowed.
        """
        term, kinds = self._term(node, depth)
        self._check_kind(_TRUTH, "must be a comparison, or true or false", node, term, kinds)
        return term

    def _term(self, node: ast.expr, depth: int) -> tuple[Term, _Kinds]:
        if depth > DEEPEST_CONSTRAINT:
            raise self._mistake(node, f"is nested deeper than {DEEPEST_CONSTRAINT} levels")
        match node:
            case ast.Constant() | ast.List() | ast.Tuple() | ast.Dict():
                value = self._value(node, depth)
                return Literal(value), _kind(value)
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
                return self._both(isinstance(op, ast.And), parts, depth), _TRUTH
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
        self._check_kind(_NUMBER, "must be a number", node, term, kinds)
        return term

    def _both(self, all_of_them: bool, nodes: list[ast.expr], depth: int) -> Both:
        """Several parts, each of which is asked where those before it have not decided."""
        before, parts = self._remaining, []
        for node in nodes:
            parts.append(self.truth(node, depth))
            told = remaining_choices(parts[-1], all_of_them, self._parameters)
            self._remaining = narrowed(self._remaining, [told])
        self._remaining = before
        return Both(all_of_them, tuple(parts))

    def _value(self, node: ast.expr, depth: int) -> Value:
        """A value that is written out."""
        if depth > DEEPEST_CONSTRAINT:
            raise self._mistake(node, f"is nested deeper than {DEEPEST_CONSTRAINT} levels")
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                if isinstance(value, float) and not math.isfinite(value):
                    raise self._mistake(node, "must be a finite number")
                return exact(value)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                number = self._value(operand, depth + 1)
                if isinstance(number, int | Fraction) and not isinstance(number, bool):
                    return -number if isinstance(op, ast.USub) else number
            case ast.List(elts=elements):
                return [self._value(element, depth + 1) for element in elements]
            case ast.Dict():
                return self._dict(node, depth + 1)
            case ast.Tuple():
                raise self._mistake(node, "must be a list, as choices are: write [...]")
            case ast.Constant() | ast.Set():
                raise self._mistake(node, f"is not allowed; allowed are {ALLOWED}")
        raise self._mistake(node, "must be a value, not an expression")

    def _dict(self, node: ast.Dict, depth: int) -> Value:
        content: dict[str, Value] = {}
        for key, element in zip(node.keys, node.values, strict=True):
            if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
                raise self._mistake(node, "must have texts as keys")
            content[key.value] = self._value(element, depth)
        return content

    def _reference(self, node: ast.expr, name: str) -> tuple[Reference, _Kinds]:
        if name not in self._parameters:
            raise self._mistake(node, unknown_name(name, self._parameters))
        self.names.add(name)
        return Reference(name), _kinds_of(self._choices(name)) or _NUMBER

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
        values = tuple(self._value(element, depth) for element in node.elts)
        return Literal(values), _kinds_of(values)

    def _check_pair(
        self, sign: str, nodes: list[ast.expr], terms: list[tuple[Term, _Kinds]]
    ) -> None:
        if not sign:
            raise self._mistake(nodes[0], "`is` is not allowed: write == or !=")
        (left, left_kinds), (right, right_kinds) = terms
        if sign in ("<", "<=", ">", ">="):
            for node, (term, kinds) in zip(nodes, terms, strict=True):
                self._check_kind(_NUMBER, "must be a number", node, term, kinds)
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
                    node,
                    f"{reference.name} has no such choice, it has {shown(list(parameter.choices))}",
                )

    def _check_kind(
        self, wanted: _Kinds, rule: str, node: ast.expr, term: Term, kinds: _Kinds
    ) -> None:
        """Whether a term is what it must be, given what the parts before it have told."""
        choices = self._choices(term.name) if isinstance(term, Reference) else ()
        if isinstance(term, Reference) and term.name in self._remaining:
            choices = tuple(choices[number] for number in sorted(self._remaining[term.name]))
            kinds = _kinds_of(choices)
        if kinds <= wanted:
            return
        hint = ""
        if choices and kinds & wanted:
            other = next(each for each in choices if not _kind(each) <= wanted)
            hint = (
                f": say first what holds where it is not, as in `{self._source(node)} == "
                f"{shown(other)} or ...`"
            )
        raise self._mistake(node, f"{rule}, is {_listed(kinds)}{hint}")

    def _choices(self, name: str) -> tuple[HyperValue, ...]:
        parameter = self._parameters[name]
        return parameter.choices if isinstance(parameter, Categorical) else ()

    def _source(self, node: ast.expr) -> str:
        return ast.get_source_segment(self._text, node) or "it"

    def _mistake(self, node: ast.expr, sentence: str) -> InvalidConfiguration:
        # The tree counts bytes, people count characters.
        place = len(self._text.encode()[: node.col_offset].decode(errors="ignore")) + 1
        return InvalidConfiguration(
            f"constraint {self._text!r}: at character {place}: {self._source(node)}: {sentence}"
        )


def _kind(value: HyperValue | Value) -> _Kinds:
    if isinstance(value, bool):
        return _TRUTH
    for types, kind in _KINDS.items():
        if isinstance(value, types):
            return frozenset([kind])
    return _NUMBER


def _kinds_of(values: Iterable[HyperValue | Value]) -> _Kinds:
    return frozenset[str]().union(*map(_kind, values))


def _listed(kinds: _Kinds) -> str:
    told = {"truth": "true or false", "None": "None"}
    return " or ".join(told.get(kind, f"a {kind}") for kind in sorted(kinds))
