from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from prefect_tuner import InvalidConfiguration
from prefect_tuner.validation import mistakes_from, unknown_name


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    memory: int = 1


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    max_trials: int = Field(default=1, ge=1)
    on_failure: Literal["continue", "raise"] = "continue"
    points: int | dict[str, int] | None = None
    workers: Annotated[int, Field(ge=1)] | Literal["all"] = 1
    rate: float | None = Field(default=None, gt=0)
    limits: Limits = Limits()
    delays: list[int] = Field(default_factory=list)
    name: str = Field(default="x", min_length=1)
    space: dict[str, Any] = Field(default_factory=dict)

    @field_validator("space")
    @classmethod
    def space_is_right(cls, space: dict[str, Any]) -> dict[str, Any]:
        if "lr" in space:
            raise InvalidConfiguration("config.space.lr: is wrong", "must hold depth, got lr")
        if "x" in space:
            raise ValueError("must not hold x")
        return space


def mistakes(**settings: Any) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate(settings)
    return mistakes_from(caught.value, "config", Settings)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_trials": 0}, "config.max_trials: must be greater than or equal to 1, got 0"),
        ({"max_trials": True}, "config.max_trials: must be a valid integer, got True"),
        ({"max_trials": 1.5}, "config.max_trials: must be a valid integer, got 1.5"),
        ({"on_failure": "stop"}, "config.on_failure: must be 'continue' or 'raise', got 'stop'"),
        (
            {"points": "x"},
            "config.points: must be a valid integer or a valid dictionary, got 'x'",
        ),
        ({"workers": "none"}, "config.workers: must be a valid integer or 'all', got 'none'"),
        ({"points": {"lr": "x"}}, "config.points.lr: must be a valid integer, got 'x'"),
        ({"rate": -1.0}, "config.rate: must be greater than 0, got -1.0"),
        ({"limits": {"memory": "1"}}, "config.limits.memory: must be a valid integer, got '1'"),
        ({"delays": [1, "2"]}, "config.delays.1: must be a valid integer, got '2'"),
        ({"name": ""}, "config.name: must have at least 1 character, got ''"),
        ({"space": {"x": 1}}, "config.space: must not hold x, got {'x': 1}"),
    ],
)
def test_a_mistake_names_the_field_the_rule_and_the_value(
    settings: dict[str, Any], said: str
) -> None:
    assert mistakes(**settings) == [said]


def test_a_validators_own_mistakes_are_kept_as_they_are() -> None:
    assert mistakes(space={"lr": 1}) == [
        "config.space.lr: is wrong",
        "config.space: must hold depth, got lr",
    ]


def test_an_unknown_field_lists_the_known_ones_nearest_first() -> None:
    (said,) = mistakes(max_trails=3)
    assert re.match(r"config\.max_trails: .*'max_trials'\? .*'max_trials', ", said)
    (said,) = mistakes(limits={"cpu": 1})
    assert re.fullmatch(r"config\.limits\.cpu: .*not known.* 'memory'", said)


def test_a_missing_field_is_said_to_be_required() -> None:
    class Needy(BaseModel):
        objective: str

    with pytest.raises(ValidationError) as caught:
        Needy.model_validate({})
    assert mistakes_from(caught.value, "study", Needy) == ["study.objective: is required"]
    assert mistakes_from(caught.value, "") == ["objective: is required"]


def test_input_that_is_no_mapping_is_named_by_the_prefix() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate([1])
    (said,) = mistakes_from(caught.value, "config", Settings)
    assert re.match(r"config: must .*dictionary", said)


def test_a_long_value_is_cut() -> None:
    (said,) = mistakes(max_trials="9" * 1000)
    assert len(said) < 300


def test_several_mistakes_come_in_the_order_of_the_fields() -> None:
    assert [said.split(":")[0] for said in mistakes(name="", max_trials=0)] == [
        "config.max_trials",
        "config.name",
    ]


def test_with_no_names_there_is_nothing_to_choose_from() -> None:
    assert re.search(r"\bnot known\b.*\bnone\b", unknown_name("depth", []))
