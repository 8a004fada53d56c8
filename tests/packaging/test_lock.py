"""requirements.lock holds what pyproject.toml asks for, exactly and on every supported Python."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LOCK = [
    line
    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
SUPPORTED = ["3.11", "3.12", "3.13"]


def _applies(requirement: Requirement, python: str) -> bool:
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.7",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
        "os_name": "posix",
        "extra": "",
    }
    return requirement.marker is None or requirement.marker.evaluate(environment)


def _locked(python: str) -> dict[str, str]:
    requirements = [Requirement(line) for line in LOCK]
    return {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
        for requirement in requirements
        if _applies(requirement, python)
    }


def test_every_line_is_one_exact_version_and_names_no_place() -> None:
    exact = re.compile(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9._]*( ; .+)?")
    assert [line for line in LOCK if not exact.fullmatch(line)] == []


def test_the_classifiers_name_the_supported_pythons() -> None:
    versions = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    assert versions == SUPPORTED
    assert PROJECT["requires-python"] == f">={SUPPORTED[0]}"


@pytest.mark.parametrize("python", SUPPORTED)
def test_a_package_is_locked_once(python: str) -> None:
    names = [
        canonicalize_name(requirement.name)
        for requirement in map(Requirement, LOCK)
        if _applies(requirement, python)
    ]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("python", SUPPORTED)
@pytest.mark.parametrize("group", ["dependencies", *PROJECT["optional-dependencies"]])
def test_the_locked_versions_are_the_ones_asked_for(group: str, python: str) -> None:
    wanted = (
        PROJECT["dependencies"]
        if group == "dependencies"
        else (PROJECT["optional-dependencies"][group])
    )
    locked = _locked(python)
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        if name != PROJECT["name"] and _applies(requirement, python):
            assert name in locked, f"{requirement} is not locked: run make lock"
            assert requirement.specifier.contains(locked[name]), (
                f"{name} is locked at {locked[name]}, but {requirement} is asked for: run make lock"
            )
