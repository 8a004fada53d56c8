"""Whether another machine can import an objective by its name."""

from __future__ import annotations

import functools
import json
from typing import Any

import pytest
from prefect import task

from prefect_tuner.tasks.objectives.importable_path import importable_path
from prefect_tuner.tasks.objectives.objective import describe_objective


def train(params: dict[str, Any]) -> float:
    return float(params["x"])


def doubled(function: Any) -> Any:
    @functools.wraps(function)
    def twice(params: dict[str, Any]) -> float:
        return 2 * float(function(params))

    return twice


@doubled
def decorated(params: dict[str, Any]) -> float:
    return float(params["x"])


@task
def as_a_task(params: dict[str, Any]) -> float:
    return float(params["x"])


class Model:
    @staticmethod
    def fit(params: dict[str, Any]) -> float:
        return float(params["x"])

    def train(self, params: dict[str, Any]) -> float:
        return float(params["x"])


shadowed = train


def train_again() -> Any:
    def train(params: dict[str, Any]) -> float:
        return float(params["x"])

    return train


@pytest.mark.parametrize(
    ("objective", "path"),
    [
        (json.loads, "json:loads"),
        (train, f"{__name__}:train"),
        (decorated, f"{__name__}:decorated"),
        (as_a_task, f"{__name__}:as_a_task"),
        (Model.fit, f"{__name__}:Model.fit"),
        ("models/train.py:train", "models/train.py:train"),
        (shadowed, f"{__name__}:train"),
        (train_again(), ""),
        (lambda: 1.0, ""),
        (functools.partial(train), ""),
        (Model(), ""),
        (Model().train, ""),
    ],
)
def test_what_can_be_imported_by_its_name(objective: Any, path: str) -> None:
    assert describe_objective(objective).importable_path == path


def test_another_thing_of_the_same_name_is_not_taken_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = train
    monkeypatch.setattr(f"{__name__}.train", decorated)
    assert importable_path(before) == ""
