from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import Categorical, Float, Int, InvalidConfiguration, SearchSpace
from prefect_tuner.strategies.encoding.encoding import Encoding
from tests.search_spaces import UNHURRIED

SPACE = {
    "a": Int(-3, 3),
    "b": Int(1, 1000, log=True),
    "x": Float(-0.3, 0.3, step=0.1),
    "y": Float(1e-3, 10.0, log=True),
    "flag": [True, False],
    "kind": Categorical(["s", "m", 1, 2.0], ordered=True),
    "size": [1, 2, 3, 1.5],
    "only": [5],
    "extra": Float(0.0, 1.0, when={"flag": True}),
    "more": Categorical([7], when={"flag": False}),
    "depth": [None, 3, 10],
    "other": [None, 2, 3.5],
    "layers": Categorical([[64], [64, 32], None], when={"flag": True}),
}

NUMBERS = st.recursive(
    st.sampled_from([*"abxy", "size", "only", "extra", "more", "0", "1", "2.5", "0.1", "1e18"]),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("-{}".format, inner),
    ),
    max_leaves=4,
)
TRUTHS = st.recursive(
    st.one_of(
        st.sampled_from(["flag", "kind == 's'", "kind in ['m', 1, 2]", "2 == kind", "size != 2"]),
        st.sampled_from(["kind == size", "flag == True", "0.1 < x <= 0.3", "a in [1, 2.0, -3]"]),
        st.sampled_from(["depth == None or depth <= a", "depth != None and a < depth + size"]),
        st.sampled_from(["depth == other", "depth != a", "other in [None, 2]", "layers == [64]"]),
        st.sampled_from(["other == None or depth == None or other * 3 > depth", "layers != None"]),
        st.sampled_from(["depth == other or layers in [[64, 32], None]", "depth != size"]),
        st.builds(
            "{} {} {}".format, NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS
        ),
    ),
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("(not {})".format, inner),
    ),
    max_leaves=3,
)


def is_allowed(constraint: str) -> bool:
    """Whether it mentions a parameter, and no choice that there is not."""
    try:
        SearchSpace(SPACE, constraints=[constraint])
    except InvalidConfiguration:
        return False
    return True


@UNHURRIED
@given(st.lists(TRUTHS.filter(is_allowed), min_size=1, max_size=3), st.integers(0, 2**32))
def test_many_candidates_are_judged_as_each_one_is(constraints: list[str], seed: int) -> None:
    space = SearchSpace(SPACE, constraints=constraints)
    encoding = Encoding(space)
    codes = encoding.from_unit_cube(np.random.default_rng(seed).random((40, len(encoding.axes))))
    expected = [space.meets_constraints(encoding.decode(row)) for row in codes]
    assert encoding.meets_constraints(codes).tolist() == expected


@pytest.mark.parametrize(
    "constraint", ["a + x <= 0.3", "x + 0.1 == 0.3", "x - 0.3 < 0", "y * 0.1 > 0.1", "a * a == 9"]
)
def test_borders_are_met_exactly(constraint: str) -> None:
    space = SearchSpace(
        {"a": Int(-3, 3), "x": Float(-0.3, 0.3, step=0.1), "y": Float(0.5, 1.5, step=0.5)},
        constraints=[constraint],
    )
    encoding = Encoding(space)
    cells = space.cells()
    every = [cells.at(place) for place in range(cells.size or 0)]
    codes = np.array([encoding.encode(cell) for cell in every])
    expected = [space.meets_constraints(cell) for cell in every]
    assert 0 < sum(expected) < len(expected)
    assert encoding.meets_constraints(codes).tolist() == expected
    assert encoding.cells is not None
    assert len(encoding.cells) == sum(expected)


def test_a_thousand_candidates_are_judged_without_looking_at_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = SearchSpace(
        {"a": Float(0.0, 1.0), "b": Float(0.0, 1.0), "n": Int(1, 50), "kind": ["x", "y"]},
        constraints=["a + b <= 1", "not (kind == 'x' and n > 20)", "n * a < 30"],
    )
    encoding = Encoding(space)
    codes = encoding.from_unit_cube(np.random.default_rng(0).random((1000, 4)))
    looked_at: list[object] = []

    def look(_: SearchSpace, params: object) -> bool:
        looked_at.append(params)
        return True

    monkeypatch.setattr(SearchSpace, "meets_constraints", look)
    assert 0 < encoding.meets_constraints(codes).sum() < 1000
    assert len(looked_at) < 5
