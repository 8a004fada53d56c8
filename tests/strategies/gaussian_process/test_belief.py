"""What `gp` believes before the metrics speak: what the user said, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from prefect_tuner import Categorical, Float, Int, Params, SearchSpace
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.encoding.user_prior import UserPrior
from prefect_tuner.strategies.gaussian_process.belief import Belief

SPACE = SearchSpace(
    {
        "x": Float(0.0, 1.0),
        "kind": Categorical(["a", "b"]),
        "n": Int(0, 9, when={"kind": ["b"]}),
    }
)
ENCODING = Encoding(SPACE)


def codes(*candidates: Params) -> FloatArray:
    return np.array([ENCODING.encode(candidate) for candidate in candidates])


PRIOR = UserPrior(SPACE, ENCODING, {"x": {"center": 0.95, "spread": 0.05}})


def test_where_the_user_says_nothing_all_candidates_are_alike() -> None:
    logs, gradient = Belief.after(5, None).weighted(
        codes({"x": 0.5, "kind": "a"}, {"x": 1.0, "kind": "b", "n": 0})
    )
    assert logs.tolist() == [0.0, 0.0]
    assert not gradient.any()


def test_what_the_user_says_is_followed_and_counts_less_with_every_observation() -> None:
    both = codes({"x": 0.95, "kind": "a"}, {"x": 0.5, "kind": "a"})
    near, middle = Belief.after(5, PRIOR).weighted(both)[0]
    assert near > middle + 2.0
    few, many = (Belief.after(n, PRIOR).weighted(both)[0][1] for n in (10, 1000))
    assert many == pytest.approx(few / 100)


def test_its_gradient_is_that_of_its_logarithm() -> None:
    prior = UserPrior(SPACE, ENCODING, {"n": {"center": 2, "spread": 0.2}})
    at = np.array([[0.83, 1.0, 0.35]])
    belief = Belief.after(3, prior)
    _, gradient = belief.weighted(at)
    for axis in (0, 2):
        step = np.zeros(3)
        step[axis] = 1e-6
        above, below = belief.weighted(at + step)[0], belief.weighted(at - step)[0]
        assert gradient[0, axis] == pytest.approx((above - below)[0] / 2e-6, abs=1e-6)
