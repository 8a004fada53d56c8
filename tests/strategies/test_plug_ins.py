"""A plug-in package, installed as a user installs one, and seen by another process."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.plug_in_installation import PACKAGE, install


def answer(expression: str, *search_path: Path) -> Any:
    """What `expression` gives in a process that sees the plug-ins, an error by its text."""
    program = f"""
import json, sys
from prefect_tuner import InvalidConfiguration, Study
from prefect_tuner.strategies.factory import strategy_names
space = {{"lr": {{"type": "float", "low": 0.0, "high": 1.0}}, "kind": ["a", "b"]}}
try:
    print(json.dumps({expression}))
except InvalidConfiguration as error:
    print(json.dumps(str(error)))
"""
    process = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, search_path))},
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(process.stdout)


def test_the_name_of_a_plug_in_makes_its_strategy(installed: Path) -> None:
    study = 'Study(space, strategy={"name": "halton", "skip": 1})'
    params = answer(f"[t.params for s in [{study}] for t in (s.ask(), s.ask())]", installed)
    assert params == [{"lr": 0.25, "kind": "b"}, {"lr": 0.75, "kind": "a"}]


def test_all_names_are_listed_though_some_cannot_be_loaded(installed: Path) -> None:
    loaded = '[name for name in sys.modules if "halton" in name]'
    names, imported = answer(f"[strategy_names(), {loaded}]", installed)
    assert names == sorted(names)
    assert {"broken", "halton", "misnamed", "no_strategy"} < set(names)
    assert imported == []


def test_a_plug_ins_options_are_validated_like_any_others(installed: Path) -> None:
    said = answer('Study(space, strategy={"name": "halton", "skip": -1})', installed)
    assert re.search(r'"halton": option skip must\b.*\b0\b.*-1$', said)


def test_a_plug_in_is_proposed_for_a_name_like_its_own(installed: Path) -> None:
    assert "did you mean 'halton'?" in answer('Study(space, strategy="haltn")', installed)


def test_a_plug_in_cannot_take_the_name_of_a_built_in_strategy(installed: Path) -> None:
    kind = 'type(Study(space, strategy="random").strategy).__name__'
    assert answer(kind, installed) == "RandomSearch"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken", "cannot be loaded: RuntimeError: this plug-in needs a licence key"),
        ("misnamed", "cannot be loaded: AttributeError: "),
        ("no_strategy", "must be a subclass of SearchStrategy, got <function radical_inverse"),
    ],
)
def test_a_plug_in_that_cannot_be_used_is_named_with_its_package(
    installed: Path, name: str, said: str
) -> None:
    told = answer(f'Study(space, strategy="{name}")', installed)
    assert told.startswith(f'strategy "{name}": the plug-in \'halton_plugin.')
    assert "of halton-plugin 1.2.3" in told
    assert said in told


def test_a_name_that_two_packages_register_is_refused(installed: Path, tmp_path: Path) -> None:
    other = shutil.copytree(PACKAGE, tmp_path / "other")
    project = other / "pyproject.toml"
    project.write_text(project.read_text().replace("halton-plugin", "other-plugin"))
    install(other, tmp_path / "site")
    said = answer('Study(space, strategy="halton")', installed, tmp_path / "site")
    assert re.match(r'strategy "halton": .*than once\b', said)
    assert {"halton-plugin 1.2.3", "other-plugin 1.2.3"} <= set(
        re.findall(r"\S+-plugin [\d.]*\d", said)
    )
