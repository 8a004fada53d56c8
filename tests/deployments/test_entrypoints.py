"""How deployments find the flows, and what Prefect's form makes of `tune`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.deployments.studies import ROOT

ENTRYPOINTS = ("prefect_tuner.flows.tune.tune", "flows/tune.py:tune")

# Loading by path changes `sys.path` for good, so it happens in a process of its own.
LOAD = """
import json
import sys

from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.callables import parameter_schema

for entrypoint in sys.argv[1:]:
    flow = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    schema = parameter_schema(flow).model_dump_for_openapi()
    print(json.dumps({"name": flow.name, "schema": schema}))
"""


def _load(*entrypoints: str) -> list[dict[str, Any]]:
    """The names and the schemas of flows, loaded in a process that loads no others."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *entrypoints],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(map(json.loads, done.stdout.splitlines()))


@pytest.fixture(scope="module")
def by_module() -> list[dict[str, Any]]:
    """The flow `tune` and the flow `trial`."""
    return _load(ENTRYPOINTS[0], "prefect_tuner.flows.trial.trial")


@pytest.fixture(scope="module")
def schema(by_module: list[dict[str, Any]]) -> dict[str, Any]:
    form: dict[str, Any] = by_module[0]["schema"]
    return form


def test_the_flow_is_loaded_alike_by_module_and_by_path(schema: dict[str, Any]) -> None:
    assert _load(ENTRYPOINTS[1]) == [{"name": "tune", "schema": schema}]


def test_the_flow_of_a_trial_is_found_by_its_module(by_module: list[dict[str, Any]]) -> None:
    _, loaded = by_module
    assert loaded["name"] == "trial"
    assert list(loaded["schema"]["properties"]) == ["request"]


def test_loaded_by_path_it_hides_no_module_of_the_users(tmp_path: Path) -> None:
    program = """
import os, sys
from prefect.flows import load_flow_from_entrypoint
for _ in range(2):
    load_flow_from_entrypoint(sys.argv[1] + "/flows/tune.py:tune", use_placeholder_flow=False)
import importlib
for name in sys.argv[2:]:
    assert importlib.import_module(name).__file__.startswith(os.getcwd()), name
"""
    names = sorted(
        {path.stem for path in (ROOT / "flows").rglob("*.py")}
        | {path.parent.name for path in (ROOT / "flows").rglob("__init__.py")} - {"flows"}
    )
    names = [name for name in names if name not in ("__init__", "tune")]
    for name in names:
        (tmp_path / f"{name}.py").touch()
    subprocess.run([sys.executable, "-c", program, str(ROOT), *names], cwd=tmp_path, check=True)


def test_the_flows_in_files_are_loaded_by_path() -> None:
    flows = ["pipeline", "promote"]
    loaded = _load(*(f"deployments/{flow}.py:{flow}" for flow in flows))
    assert [each["name"] for each in loaded] == flows


def test_no_description_has_markup(schema: dict[str, Any]) -> None:
    """Prefect's form shows the descriptions as they are."""
    config = schema["definitions"]["TunerConfig"]["properties"]
    for name, form in {**schema["properties"], **config}.items():
        assert "`" not in form["description"], name
