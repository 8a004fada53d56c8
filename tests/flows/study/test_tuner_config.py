from __future__ import annotations

import json
import math
import re
from typing import Any

import numpy as np
import pytest

from prefect_tuner import InvalidConfiguration, Outcome, TunerConfig

WRONG: list[tuple[str, Any, str]] = [
    ("max_trials", 0, "must be greater than or equal to 1, got 0"),
    ("max_trials", True, "must be a valid integer, got True"),
    ("max_trials", "5", "must be a valid integer, got '5'"),
    ("max_trials", 5.0, "must be a valid integer, got 5.0"),
    ("max_trials", None, "must be a valid integer, got None"),
    ("max_duration", 0, "must be greater than 0, got 0"),
    ("max_duration", True, "must be a valid number, got True"),
    ("max_duration", "1800", "must be a valid number, got '1800'"),
    ("max_duration", math.inf, "must be a finite number, got inf"),
    ("max_concurrency", 0, "must be greater than or equal to 1, got 0"),
    ("max_concurrency", False, "must be a valid integer, got False"),
    ("trials_per_task", 0, "must be greater than or equal to 1, got 0"),
    ("trials_per_task", "all", "must be a valid integer or 'auto', got 'all'"),
    ("trial_timeout", -1.0, "must be greater than 0, got -1.0"),
    ("trial_timeout", math.nan, "must be a finite number, got nan"),
    ("trial_memory_mb", 0.0, "must be greater than 0, got 0.0"),
    ("trial_memory_mb", math.inf, "must be a finite number, got inf"),
    ("retries", -1, "must be greater than or equal to 0, got -1"),
    ("retry_delay", -0.5, "must be greater than or equal to 0, got -0.5"),
    ("retry_delay", 1e10, "must be less than or equal to 86400, got 10000000000.0"),
    ("retry_outcomes", "failed", "must be a valid list, got 'failed'"),
    ("on_failure", "stop", "must be 'continue' or 'raise', got 'stop'"),
    ("max_failures", 0, "must be greater than or equal to 1, got 0"),
    ("max_alike_failures", 0, "must be greater than or equal to 1, got 0"),
    ("target_metric", math.nan, "must be a finite number, got nan"),
    ("target_metric", True, "must be a valid number, got True"),
    ("patience", 0, "must be greater than or equal to 1, got 0"),
    ("confirm_evaluations", 4, "must be greater than or equal to 5, got 4"),
    ("reproducible", 1, "must be a valid boolean, got 1"),
    ("lag", 0, "must be greater than or equal to 1, got 0"),
    ("lag", 4, "has an effect only with reproducible=true, got 4"),
    ("isolation", "spawn", "must be 'auto', 'fork' or 'fresh', got 'spawn'"),
    ("threads_per_trial", 0, "must be greater than or equal to 1, got 0"),
    ("devices", "0", "must be a valid list, got '0'"),
    ("device_variable", "A=B", "must match pattern '^[A-Za-z_][A-Za-z0-9_]*$', got 'A=B'"),
    ("exit_grace", -1.0, "must be greater than or equal to 0, got -1.0"),
]


@pytest.mark.parametrize(("field", "value", "rule"), WRONG)
def test_a_wrong_field_is_named_with_its_rule_and_value(field: str, value: Any, rule: str) -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        TunerConfig(**{field: value})
    assert raised.value.mistakes == (f"config.{field}: {rule}",)


def test_every_field_has_a_wrong_value_above() -> None:
    assert {field for field, _, _ in WRONG} == set(TunerConfig.model_fields)


def test_an_outcome_that_cannot_be_retried_lists_those_that_can() -> None:
    with pytest.raises(InvalidConfiguration, match=r"retry_outcomes.*'out_of_memory'.*'pruned'"):
        TunerConfig(retry_outcomes=["pruned"])  # type: ignore[list-item]


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        TunerConfig(max_trials=0, patience=0, max_trial=5)  # type: ignore[call-arg]
    text = str(raised.value)
    assert text.startswith("3 mistakes:\n")
    assert re.search(r"config\.max_trial: .*not known.* 'max_trials'\?", text)


def test_whole_numbers_are_seconds_as_well() -> None:
    config = TunerConfig(max_duration=1800, trial_timeout=600)
    assert (config.max_duration, config.trial_timeout) == (1800.0, 600.0)


def test_numpys_numbers_become_pythons() -> None:
    config = TunerConfig(
        max_trials=np.int64(20),  # type: ignore[arg-type]
        max_duration=np.float64(1.5),
        target_metric=np.float32(0.5),  # type: ignore[arg-type]
        retry_delay=np.int32(2),  # type: ignore[arg-type]
        reproducible=np.bool_(True),  # type: ignore[arg-type]
        lag=np.uint8(3),  # type: ignore[arg-type]
    )
    taken = (config.max_trials, config.max_duration, config.target_metric, config.retry_delay)
    assert taken == (20, 1.5, 0.5, 2.0)
    assert list(map(type, taken)) == [int, float, float, float]
    assert (config.reproducible, type(config.reproducible), type(config.lag)) == (True, bool, int)


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("max_trials", np.float64(20.0), "must be a valid integer, got 20.0"),
        ("max_trials", np.bool_(True), "must be a valid integer, got True"),
        ("max_trials", 20.5, "must be a valid integer, got 20.5"),
        ("max_duration", np.str_("5"), "must be a valid number, got '5'"),
        ("max_duration", np.float64("nan"), "must be a finite number, got nan"),
        ("reproducible", np.int64(1), "must be a valid boolean, got 1"),
    ],
)
def test_numpys_numbers_are_held_to_the_same_rules(field: str, value: Any, rule: str) -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        TunerConfig(**{field: value})
    assert raised.value.mistakes == (f"config.{field}: {rule}",)


def test_outcomes_to_retry_are_given_by_name_or_as_outcomes() -> None:
    by_name = TunerConfig(retry_outcomes=["timed_out"])
    assert by_name == TunerConfig(retry_outcomes=[Outcome.TIMED_OUT])  # type: ignore[list-item]


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        TunerConfig().max_trials = 5


def test_json_gives_back_an_equal_configuration() -> None:
    config = TunerConfig(max_trials=3, max_duration=None, target_metric=0.5, on_failure="raise")
    assert TunerConfig(**json.loads(config.model_dump_json())) == config


def test_the_form_has_bounds_and_a_description_for_every_field() -> None:
    fields = TunerConfig.model_json_schema()["properties"]
    assert all(field["description"].endswith(".") for field in fields.values())
    assert fields["max_trials"]["minimum"] == 1
    assert fields["max_duration"]["anyOf"][0] == {"exclusiveMinimum": 0, "type": "number"}
    assert fields["on_failure"]["enum"] == ["continue", "raise"]
    assert all("default" in field for field in fields.values())
