"""Objectives take the parameters as a mapping, or each by its name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from prefect_tuner.errors import ObjectiveNotFound
from prefect_tuner.search_space.space import SearchSpace
from prefect_tuner.tasks.objectives.objective_call import objective_call
from prefect_tuner.tasks.objectives.trial_context import TrialContext
from tests.tasks.attempts import attempt
from tests.tasks.modules import launched

TRIAL = TrialContext(number=4, seed=0)
VALUES = {"lr": 0.5, "depth": 3}


def by_name(lr: float, depth: int) -> Any:
    return lr, depth


def in_another_order(depth: int, lr: float, epochs: int = 10) -> Any:
    return lr, depth


def keyword_only(*, lr: float, depth: int) -> Any:
    return lr, depth


def with_the_rest(lr: float, **others: Any) -> Any:
    return lr, others["depth"]


def all_the_rest(**params: Any) -> Any:
    return params["lr"], params["depth"]


def with_defaults(lr: float = 0.1, depth: int = 1) -> Any:
    return lr, depth


def with_trial(lr: float, depth: int, trial: TrialContext) -> Any:
    return lr, depth if trial.number == 4 else None


def with_data(data: list[int], lr: float, depth: int) -> Any:
    return lr, depth if data == [1] else None


def mapping(params: dict[str, Any]) -> Any:
    return params["lr"], params["depth"]


def mapping_and_trial(params: dict[str, Any], trial: TrialContext) -> Any:
    return params["lr"], params["depth"] if trial.number == 4 else None


def mapping_and_context(config: dict[str, Any], context: TrialContext) -> Any:
    return config["lr"], config["depth"] if context.number == 4 else None


def mapping_and_default(params: dict[str, Any], lr: float = 0.0) -> Any:
    return params["lr"], params["depth"] if lr == 0.0 else None


def wrapper(*args: Any, **kwargs: Any) -> Any:
    return mapping(*args, **kwargs)


class Model:
    def train(self, lr: float, depth: int) -> Any:
        return lr, depth

    def __call__(self, lr: float, depth: int) -> Any:
        return lr, depth


TAKEN: list[Callable[..., Any]] = [
    by_name,
    in_another_order,
    keyword_only,
    with_the_rest,
    all_the_rest,
    with_defaults,
    with_trial,
    partial(with_data, [1]),
    partial(with_data, data=[1]),
    mapping,
    mapping_and_trial,
    mapping_and_context,
    mapping_and_default,
    wrapper,
    Model().train,
    Model(),
    lambda lr, depth: (lr, depth),
    lambda p: (p["lr"], p["depth"]),
]


@pytest.mark.parametrize("function", TAKEN)
def test_the_parameters_arrive(function: Callable[..., Any]) -> None:
    assert objective_call(function, "f", list(VALUES))(VALUES, TRIAL) == (0.5, 3)


def misses_one(lr: float) -> Any: ...
def needs_another(lr: float, depth: int, data: Any) -> Any: ...
def mixes(params: Any, lr: float) -> Any: ...
def by_position(lr: float, depth: int, /) -> Any: ...
def takes_nothing() -> Any: ...
def takes_three(a: Any, b: Any, c: Any) -> Any: ...


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (misses_one, "it has no argument for the parameter 'depth'"),
        (needs_another, "its argument 'data' has no default and is no parameter of the space"),
        (mixes, "its argument 'params' has no default"),
        (by_position, "its argument 'lr' cannot be given by name"),
        (takes_nothing, "must take the parameters, by their names (lr, depth)"),
        (takes_three, "got the arguments (a, b, c)"),
    ],
)
def test_what_does_not_fit_is_told_before_a_trial(function: Any, told: str) -> None:
    with pytest.raises(ObjectiveNotFound) as raised:
        objective_call(function, "f", list(VALUES))
    assert told in str(raised.value)


def test_the_argument_of_a_conditional_parameter_needs_a_default() -> None:
    with pytest.raises(ObjectiveNotFound, match=r"'depth' needs a default"):
        objective_call(by_name, "f", list(VALUES), conditional=["depth"])
    call = objective_call(with_defaults, "f", list(VALUES), conditional=["depth"])
    assert call({"lr": 0.5}, TRIAL) == (0.5, 1)


def test_what_is_bound_to_an_objective_is_in_no_message() -> None:
    secret = "x7-very-secret"
    wrong: list[dict[str, Any]] = [{"depth": secret}, {"no_such_argument": secret}]
    for bound in wrong:
        with pytest.raises(ObjectiveNotFound) as raised:
            objective_call(partial(needs_another, **bound), "f", list(VALUES))
        assert secret not in str(raised.value)


def test_names_that_are_no_identifiers_arrive_too() -> None:
    call = objective_call(all_the_rest, "f", ["lr", "depth", "learning rate"])
    assert call({**VALUES, "learning rate": 1}, TRIAL) == (0.5, 3)


def test_a_parameter_that_is_called_trial_is_a_parameter() -> None:
    call = objective_call(lambda trial: trial, "f", ["trial"])
    assert call({"trial": 3}, TRIAL) == 3


def returns_product(lr: float, depth: int, trial: TrialContext) -> float:
    return lr * depth * trial.number


def test_a_trial_calls_by_name_what_the_space_names() -> None:
    space = SearchSpace({"lr": [0.5], "depth": [3]})
    with launched(returns_product, space=space) as launcher:
        assert attempt(launcher, number=2, lr=0.5, depth=3).report.metric == 3.0
    with pytest.raises(ObjectiveNotFound, match=r"no argument.* 'width'"):  # noqa: SIM117
        with launched(returns_product, space=SearchSpace({"lr": [1], "depth": [1], "width": [1]})):
            pass
