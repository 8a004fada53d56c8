"""By how much candidates violate constraints: what a search for feasible ones goes down by.

Notation:
    codes: candidates, shape (m, A), see `encoding`.
    violation: 0 where all constraints are met, shape (m,). Of a comparison of numbers it is their
        distance from where it holds, as a part of what it may be in the box; of what is either
        true or false it is 1; of several constraints the sum, of alternatives the least.
"""

from __future__ import annotations

from typing import final

import numpy as np

from prefect_tuner.search_space.constraint_terms import Both, Comparison, Inverse, Term
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.constraint_columns import Evaluation, NoColumn
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.feasibility.narrowing import Narrowing
from prefect_tuner.strategies.feasibility.ranges import Box

_LEAST = 1e-300


@final
class Violation:
    """Measures by how much candidates violate the constraints of a space.

    Args:
        encoding: The encoding of the space.
        narrowing: Knows the ranges of terms.
        box: Where candidates come from.
    """

    def __init__(self, encoding: Encoding, narrowing: Narrowing, box: Box) -> None:
        self._encoding = encoding
        self._narrowing = narrowing
        self._box = box
        self._scales: dict[tuple[Term, Term], float] = {}

    def at(self, codes: FloatArray) -> FloatArray:
        """The violation of some candidates, shape (m,)."""
        met = self._encoding.meets_constraints(codes)
        violation = np.zeros(len(codes))
        rows = np.flatnonzero(~met)
        columns = self._encoding.constraint_columns
        evaluation = columns.evaluation(codes[rows])
        for constraint in columns.constraints:
            try:
                off = columns.is_off(constraint, codes[rows])
                with np.errstate(over="ignore", invalid="ignore"):
                    each = np.nan_to_num(self._of(constraint.term, True, evaluation), nan=1.0)
                violation[rows] += np.where(off, 0.0, each)
            except NoColumn:
                decoded = map(self._encoding.decode, codes[rows])
                violation[rows] += [not constraint.holds(params) for params in decoded]
        violation[rows] = np.maximum(violation[rows], _LEAST)
        return violation

    def _of(self, term: Term, holds: bool, evaluation: Evaluation) -> FloatArray:
        match term:
            case Inverse(part=part):
                return self._of(part, not holds, evaluation)
            case Both(all_of_them=all_of_them, parts=parts):
                each = np.stack([self._of(part, holds, evaluation) for part in parts])
                return np.asarray(each.sum(axis=0) if all_of_them == holds else each.min(axis=0))
            case Comparison():
                each = np.stack([self._of_pair(*pair, evaluation) for pair in term.pairs(holds)])
                return np.asarray(each.sum(axis=0) if holds else each.min(axis=0))
        return np.asarray(evaluation.truth(term) != holds, dtype=float)

    def _of_pair(self, sign: str, left: Term, right: Term, evaluation: Evaluation) -> FloatArray:
        scale = self._scale(left, right)
        if sign in ("!=", "in", "not in") or scale is None:
            return (~evaluation.truth(Comparison(left, ((sign, right),)))).astype(float)
        difference = evaluation.numbers(left).column - evaluation.numbers(right).column
        if sign == "==":
            return np.asarray(np.abs(difference) / scale)
        return np.maximum(difference if sign in ("<", "<=") else -difference, 0.0) / scale

    def _scale(self, left: Term, right: Term) -> float | None:
        """How far apart two numbers may be in the box; None where they need not be numbers."""
        one = self._narrowing.range_of(left, self._box)
        other = self._narrowing.range_of(right, self._box)
        if one is None or other is None:
            return None
        apart = max(one.high - other.low, other.high - one.low)
        return apart if 0.0 < apart < np.inf else 1.0
