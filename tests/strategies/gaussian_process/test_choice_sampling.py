"""Draws of choices by what they promise, and what they are for: dead ends that `gp` leaves."""

from __future__ import annotations

import numpy as np
import pytest

from prefect_tuner import Categorical, Float, Int, SearchSpace, Study
from prefect_tuner.strategies.encoding.encoding import Encoding
from prefect_tuner.strategies.gaussian_process.choice_sampling import (
    are_choices_settled,
    with_drawn_choices,
)
from tests.objective_functions import number

FLAT = Encoding(SearchSpace({"kind": ["a", "b", "c"], "x": Float(0.0, 1.0)}))
TREE = Encoding(
    SearchSpace(
        {
            "model": ["svm", "tree"],
            "kernel": Categorical(["rbf", "poly"], when={"model": ["svm"]}),
            "degree": Int(2, 4, when={"kernel": ["poly"]}),
            "is_pruned": Categorical([True, False], when={"model": ["tree"]}),
        }
    )
)


def kinds_drawn(scores: list[float], sharpness: float) -> list[int]:
    """How often of 3,000 times each kind was drawn; of each there are two candidates."""
    codes = np.array([[kind, x] for kind in (0.0, 1.0, 2.0) for x in (0.2, 0.7)])
    rng = np.random.default_rng(0)
    drawn = [
        with_drawn_choices(FLAT, rng, codes, np.array(scores), sharpness) for _ in range(3_000)
    ]
    assert {int(each.sum()) for each in drawn} <= {1, 2}
    return [sum(bool(each[2 * kind : 2 * kind + 2].any()) for each in drawn) for kind in range(3)]


@pytest.mark.parametrize(
    ("sharpness", "shares"), [(0.0, [1, 1, 1]), (1.0, [4, 2, 1]), (2.0, [16, 4, 1])]
)
def test_a_choice_is_drawn_in_proportion_to_what_its_best_candidate_promises(
    sharpness: float, shares: list[int]
) -> None:
    scores = np.log([4e-9, 1e-12, 1e-9, 2e-9, 1e-9, 1e-9]).tolist()
    expected = 3_000 * np.array(shares) / sum(shares)
    assert kinds_drawn(scores, sharpness) == pytest.approx(expected, abs=100)


def test_a_choice_of_which_all_was_tried_is_never_drawn() -> None:
    counts = kinds_drawn([0.0, -1.0, -np.inf, -np.inf, 0.0, -np.inf], 0.0)
    assert counts[1] == 0
    assert counts[0] == pytest.approx(1_500, abs=100)


def test_nothing_is_drawn_where_nothing_is_left() -> None:
    codes = np.array([[0.0, 0.2], [1.0, 0.4]])
    rng = np.random.default_rng(0)
    assert not with_drawn_choices(FLAT, rng, codes, np.full(2, -np.inf), 1.0).any()


def test_in_a_conditional_space_branches_are_drawn_and_what_is_no_branch_is_not() -> None:
    svm, poly, tree = (
        {"model": "svm", "kernel": "rbf"},
        {"model": "svm", "kernel": "poly"},
        {"model": "tree"},
    )
    candidates = [
        svm,
        *({**poly, "degree": n} for n in (2, 3, 4)),
        *({**tree, "is_pruned": p} for p in (True, False)),
    ]
    codes = np.array([TREE.encode(each) for each in candidates])  # type: ignore[arg-type]
    rng = np.random.default_rng(0)
    drawn = {
        tuple(np.flatnonzero(with_drawn_choices(TREE, rng, codes, np.zeros(6), 1.0)).tolist())
        for _ in range(50)
    }
    assert drawn == {(0,), (1, 2, 3), (4, 5)}


def test_a_branch_that_began_badly_gets_its_trials_when_the_other_brings_no_progress() -> None:
    space = SearchSpace(
        {
            "model": ["linear", "forest"],
            "alpha": Float(0.0, 1.0, when={"model": ["linear"]}),
            "depth": Float(0.0, 1.0, when={"model": ["forest"]}),
            "rate": Float(0.0, 1.0, when={"model": ["forest"]}),
        }
    )
    found = 0
    for seed in range(6):
        study = Study(space, "gp", seed=seed)
        for _ in range(60):
            trial = study.ask()
            assert trial is not None
            values = {name: number(v) for name, v in trial.params.items() if name != "model"}
            if trial.params["model"] == "linear":
                metric = 0.1 + 0.01 * round(values["alpha"])
            else:
                far = np.hypot(values["depth"] - 0.85, values["rate"] - 0.15)
                metric = 5.0 if far > 0.25 else float(far) / 3
            study.tell(trial, metric)
        assert study.best_params is not None
        found += study.best_params["model"] == "forest"
    assert found >= 5


def test_choices_are_settled_by_trials_that_agree_and_beside_many_numbers_at_once() -> None:
    choices = {"kind": Categorical(["a", "b", "c"]), "flag": Categorical([False, True])}

    def trials_until_settled(numbers: int, differing: int) -> int:
        names = [f"x{place}" for place in range(numbers)]
        encoding = Encoding(SearchSpace({**dict.fromkeys(names, Float(0.0, 1.0)), **choices}))
        codes = np.random.default_rng(0).random((20, len(encoding.axes)))
        codes[:, numbers:] = 1.0
        codes[:differing, numbers] = 0.0
        ends = range(differing + 1, 20)
        return next(n for n in ends if are_choices_settled(encoding, codes[:n])) - differing

    assert trials_until_settled(numbers=10, differing=0) == 5
    assert trials_until_settled(numbers=10, differing=4) == 5
    assert trials_until_settled(numbers=30, differing=4) == 1


def test_numbers_of_branches_that_a_candidate_does_not_have_do_not_settle_choices() -> None:
    kinds = ["a", "b", "c", "d", "e", "f"]
    numbers = {
        f"{kind}{place}": Float(0.0, 1.0, when={"kind": [kind]})
        for kind in kinds
        for place in range(8)
    }
    encoding = Encoding(SearchSpace({"kind": kinds, **numbers}))
    codes = np.array([encoding.encode({"kind": "a"} | {f"a{place}": 0.5 for place in range(8)})])
    assert not are_choices_settled(encoding, codes)
    assert are_choices_settled(encoding, np.repeat(codes, 10, axis=0))
