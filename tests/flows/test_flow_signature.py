"""What a deployment and its form know of the flow, and what Python callers see."""

from __future__ import annotations

import inspect
import json
from typing import Any, get_type_hints

import pytest
from prefect.utilities.callables import parameter_schema
from prefect.utilities.schema_tools import is_valid_schema, validate

from prefect_tuner import TunerConfig, stream, tune
from prefect_tuner.flows.run.study_parameters import StudyParameters
from prefect_tuner.strategies.factory import strategy_names
from prefect_tuner.tasks.engines.engine_registry import engine_names

SIGNATURE = inspect.signature(tune.fn)
SCHEMA: dict[str, Any] = json.loads(parameter_schema(tune).model_dump_json())
PROPERTIES: dict[str, Any] = SCHEMA["properties"]
DEFAULTS: dict[str, Any] = {
    name: field["default"] for name, field in PROPERTIES.items() if "default" in field
}


def errors_in(parameters: dict[str, Any]) -> list[str]:
    """What the server answers to a run with these parameters."""
    found = validate(parameters, SCHEMA, raise_on_error=False, ignore_required=False)
    return [error.message for error in found]


def test_the_schema_is_one_that_prefect_takes() -> None:
    is_valid_schema(SCHEMA)
    assert "required" not in SCHEMA or SCHEMA["required"] == []


def test_every_parameter_has_a_default_that_can_be_submitted_as_it_is() -> None:
    assert DEFAULTS.keys() == PROPERTIES.keys() == SIGNATURE.parameters.keys()
    assert errors_in(json.loads(json.dumps(DEFAULTS))) == []
    assert errors_in({}) == []


def test_the_strategy_is_a_drop_down_of_the_registered_names() -> None:
    field = PROPERTIES["strategy"]
    assert field["type"] == "string"
    assert field["enum"] == strategy_names()
    assert {"grid", "random"} <= set(field["enum"])


def test_the_engine_is_a_drop_down_of_the_registered_names() -> None:
    field = PROPERTIES["engine"]
    assert (field["type"], field["default"]) == ("string", "local")
    assert field["enum"] == engine_names()
    assert {"dask", "deployment", "local", "ray"} <= set(field["enum"])


@pytest.mark.parametrize("engine", engine_names())
def test_every_engine_can_be_submitted_with_options(engine: str) -> None:
    options: dict[str, Any] = {"address": "tcp://scheduler:8786", "deep": [None, {"GPU": 0.5}]}
    assert errors_in({**DEFAULTS, "engine": engine, "engine_options": options}) == []


@pytest.mark.parametrize("strategy", strategy_names())
def test_every_strategy_can_be_submitted(strategy: str) -> None:
    assert errors_in({**DEFAULTS, "strategy": strategy}) == []


def test_no_field_is_a_union_that_the_form_cannot_submit() -> None:
    assert not {name for name, field in PROPERTIES.items() if "anyOf" in field or "oneOf" in field}
    config = SCHEMA["definitions"]["TunerConfig"]["properties"]
    for field in config.values():
        alternatives = field.get("anyOf", [])
        assert len(alternatives) in (0, 2)
        # The form has a tab for each kind, and shows a constant.
        assert all(kind["type"] == "null" or "const" in kind for kind in alternatives[1:])


def test_every_parameter_is_described() -> None:
    assert [name for name, field in PROPERTIES.items() if not field.get("description")] == []
    assert PROPERTIES["space"]["description"].startswith("The parameters to search")


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("objective", "train"),
        ("strategy", "gird"),
        ("direction", "up"),
        ("seed", -1),
        ("seed", "0"),
        ("seed", 2**127),
        ("seed", 2**63),
        ("config", {"max_trials": 10**25}),
        ("config", {"patience": 2**64}),
        ("space", {"n": {"type": "int", "low": 0, "high": 2**70}}),
        ("space", {"n": [1, 2**63]}),
        ("space", {"n": [[{"deep": [2**63]}]]}),
        ("space", {"n": {"type": "int", "low": -(2**70), "high": 0}}),
        ("strategy_options", {"max_iters": 10**30}),
        ("initial_trials", [{"params": {"n": 2**65}}]),
        ("initial_trials", [{"params": {"n": 1}, "metric": 2**65}]),
        ("space", []),
        ("strategy_options", "points=3"),
        ("config", {"max_trials": 0}),
        ("config", {"max_trials": "5"}),
        ("config", {"max_trial": 5}),
        ("observers", [3]),
        ("engine", "dusk"),
        ("engine", None),
        ("engine_options", "address=auto"),
        ("engine_options", {"num_cpus": 2**64}),
    ],
)
def test_the_server_refuses_what_the_flow_would(parameter: str, value: Any) -> None:
    assert errors_in({parameter: value})


def test_the_parameters_are_described_once_and_tune_has_them_in_its_signature() -> None:
    types = get_type_hints(StudyParameters, include_extras=True)
    assert [(p.name, p.annotation, p.default) for p in SIGNATURE.parameters.values()] == [
        (name, types[name], field.default) for name, field in StudyParameters.model_fields.items()
    ]


def test_stream_takes_the_same_parameters_with_the_same_defaults() -> None:
    assert inspect.signature(stream).parameters == SIGNATURE.parameters


def test_the_defaults_in_the_form_are_those_in_python() -> None:
    assert DEFAULTS["config"] == TunerConfig().model_dump(mode="json")
    assert DEFAULTS["strategy"] == "auto"
    assert DEFAULTS["objective"] == "prefect_tuner.example:train"
