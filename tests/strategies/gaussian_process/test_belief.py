"""What `gp` believes before the metrics speak: that the ends of ranges are less likely."""

from __future__ import annotations

import numpy as np
import pytest

from prefect_tuner import Categorical, Float, Int, Params, SearchSpace
from prefect_tuner.strategies.encoding.array_types import FloatArray
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.encoding.user_prior import UserPrior
from prefect_tuner.strategies.gaussian_process.belief import Belief
from tests.objective_functions import number, run_study

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


def test_the_middle_is_likelier_than_the_ends_and_choices_are_alike() -> None:
    belief = Belief.after(5, ENCODING, None)
    middle, other, end, active = belief.weighted(
        codes(
            {"x": 0.5, "kind": "a"},
            {"x": 0.5, "kind": "b", "n": 5},
            {"x": 1.0, "kind": "a"},
            {"x": 0.5, "kind": "b", "n": 9},
        )
    )[0]
    assert middle == pytest.approx(0.0, abs=1e-12)
    assert other == pytest.approx(0.0, abs=0.03)  # 4 and 5 are both beside the middle.
    assert end < -1.0
    assert active < -0.5


def test_it_counts_less_with_every_observation() -> None:
    end = codes({"x": 1.0, "kind": "a"})
    few, many = (Belief.after(n, ENCODING, None).weighted(end)[0][0] for n in (10, 1000))
    assert many == pytest.approx(few / 100)


def test_its_gradient_is_that_of_its_logarithm() -> None:
    prior = UserPrior(SPACE, ENCODING, {"n": {"center": 2, "spread": 0.2}})
    at = np.array([[0.83, 1.0, 0.35]])
    for belief in (Belief.after(3, ENCODING, None), Belief.after(3, ENCODING, prior)):
        _, gradient = belief.weighted(at)
        for axis in (0, 2):
            step = np.zeros(3)
            step[axis] = 1e-6
            above, below = belief.weighted(at + step)[0], belief.weighted(at - step)[0]
            assert gradient[0, axis] == pytest.approx((above - below)[0] / 2e-6, abs=1e-6)


def test_what_the_user_says_of_a_parameter_takes_the_place_of_the_middle() -> None:
    prior = UserPrior(SPACE, ENCODING, {"x": {"center": 0.95, "spread": 0.05}})
    belief = Belief.after(5, ENCODING, prior)
    near, middle = belief.weighted(codes({"x": 0.95, "kind": "a"}, {"x": 0.5, "kind": "a"}))[0]
    assert near > middle + 2.0


def test_the_corners_of_a_space_are_not_asked_for_one_by_one() -> None:
    def corners(seed: int) -> int:
        def bowl(params: Params) -> float:
            return sum((number(value) - 0.4) ** 2 for value in params.values())

        study = run_study("gp", bowl, {f"x{i}": Float(0.0, 1.0) for i in range(4)}, 25, seed)
        at_ends = [sum(value in (0.0, 1.0) for value in t.params.values()) for t in study.history]
        return sum(count >= 3 for count in at_ends)

    # Were all places alike, it would be 25.
    assert sum(map(corners, range(4))) <= 12
