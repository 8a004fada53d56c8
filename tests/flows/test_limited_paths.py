"""What `PREFECT_TUNER_ALLOWED_OBJECTIVES` does to a study's parameters."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import InvalidConfiguration, TunerConfig, TuningObserver, tune
from prefect_tuner.tasks.objectives.allowed_objectives import ALLOWED_OBJECTIVES
from tests.flows.objectives import value

pytestmark = pytest.mark.usefixtures("prefect_server")

MODULE = """
from pathlib import Path

from prefect_tuner import TuningObserver
from prefect_tuner.flows.observers.log_observer import LogObserver

Path("imported").touch()

class Told(TuningObserver):
    def on_study_started(self, event):
        Path("told").touch()

def train(params):
    return params["x"]
"""
X = {"x": [1, 2]}


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module in the working directory, which leaves a mark when it is imported."""
    (tmp_path / "limited_on_trial.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return "limited_on_trial"


def mistakes_of(**parameters: Any) -> tuple[str, ...]:
    with pytest.raises(InvalidConfiguration) as raised:
        tune(**{"space": X, **parameters})
    return raised.value.mistakes


def test_an_objective_or_observer_that_is_not_allowed_is_a_mistake_before_any_import(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, "mycompany.models:*, mycompany/*.py:*")
    found = mistakes_of(
        objective=f"{module}:train",
        observers=[f"{module}:Told", f"{module}.py:Told", f"{module}.Told"],
        direction="up",
    )
    limit = "must match one of the patterns in PREFECT_TUNER_ALLOWED_OBJECTIVES"
    assert [mistake.partition(",")[0] for mistake in found if limit in mistake] == [
        f"{field}: {limit}" for field in ("objective", "observers.0", "observers.1", "observers.2")
    ]
    assert any(mistake.startswith("direction: ") for mistake in found)
    assert not Path("imported").exists()


@pytest.mark.parametrize("location", ["{}", "{}.py"])
def test_what_is_allowed_runs(location: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    location = location.format(module)
    monkeypatch.setenv(ALLOWED_OBJECTIVES, f"{location}:*")
    result = tune(f"{location}:train", X, strategy="grid", observers=[f"{location}:Told"])
    assert result.best_params == {"x": 2}
    assert Path("told").exists()


def test_an_observer_that_a_module_imports_is_not_reached_by_a_wildcard(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, f"{module}:*, {module}.py:*")
    found = mistakes_of(observers=[f"{module}:LogObserver", f"{module}.py:TuningObserver"])
    assert [mistake.partition(",")[0] for mistake in found if "observers" in mistake] == [
        f"observers.0: must be defined in '{module}' itself",
        f"observers.1: must be defined in '{module}.py' itself",
    ]


def test_objects_from_python_are_not_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, "mycompany.models:*")
    config = TunerConfig(max_trials=1)
    assert len(tune(value, {"x": [1.0]}, config=config, observers=[TuningObserver]).trials) == 1


@pytest.mark.parametrize("name", ["LD_PRELOAD", "PYTHONPATH", "PREFECT_API_URL", "PATH"])
def test_a_device_variable_that_decides_what_is_loaded_is_a_mistake(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TunerConfig(devices=["evil.so"], device_variable=name)
    monkeypatch.setenv(ALLOWED_OBJECTIVES, "tests.flows.objectives:*")
    found = mistakes_of(objective="tests.flows.objectives:value", config=config, direction="up")
    told = "config.device_variable: must be a variable that names devices"
    assert [mistake.startswith(told) for mistake in found] == [False, True]
    assert found[1].endswith(f"limits what runs; got {name!r}")


def test_a_device_variable_that_names_devices_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, "tests.flows.objectives:*")
    config = TunerConfig(max_trials=1, devices=["0"], device_variable="HIP_VISIBLE_DEVICES")
    result = tune("tests.flows.objectives:value", X, config=config)
    assert [str(trial.outcome) for trial in result.trials] == ["completed"]
