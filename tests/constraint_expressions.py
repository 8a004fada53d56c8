"""Constraints made up by hypothesis, over the numbers `a` and `b`."""

from __future__ import annotations

from hypothesis import strategies as st

_NUMBERS = st.one_of(st.sampled_from(["a", "b"]), st.integers(-9, 9).map(str))

SUMS: st.SearchStrategy[str] = st.recursive(
    _NUMBERS,
    lambda part: st.one_of(
        st.tuples(part, st.sampled_from("+-*"), part).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        part.map(lambda p: f"-{p}"),
    ),
    max_leaves=6,
)
"""Sums, differences and products."""

SIGNS = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])


def expressions(comparisons: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Some comparisons, with `not`, `and` and `or`."""
    return st.recursive(
        comparisons,
        lambda part: st.one_of(
            part.map(lambda p: f"not ({p})"),
            st.tuples(part, st.sampled_from(["and", "or"]), part).map(
                lambda t: f"({t[0]}) {t[1]} ({t[2]})"
            ),
        ),
        max_leaves=4,
    )
