"""The rooms: each a folder at the top, a package below `prefect_tuner`, and a link between."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "prefect_tuner": "src/prefect_tuner",
    "prefect_tuner.flows": "flows",
    "prefect_tuner.strategies": "strategies",
    "prefect_tuner.tasks": "tasks",
}
ROOMS = ["flows", "strategies", "tasks"]


def _packages_on_disk() -> dict[str, str]:
    packages = {}
    for package, folder in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            parts = init.parent.relative_to(ROOT / folder).parts
            packages[".".join([package, *parts])] = "/".join([folder, *parts])
    return packages


def test_every_package_is_in_the_mapping() -> None:
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]
    on_disk = _packages_on_disk()
    assert setuptools["packages"] == sorted(on_disk)
    assert set(FOLDERS) <= set(setuptools["package-dir"])
    for package, folder in setuptools["package-dir"].items():
        assert folder == on_disk[package]


@pytest.mark.parametrize("folder", FOLDERS.values())
def test_every_module_is_in_a_package(folder: str) -> None:
    packages = {ROOT / place for place in _packages_on_disk().values()}
    assert {module.parent for module in (ROOT / folder).rglob("*.py")} <= packages


@pytest.mark.parametrize("room", ROOMS)
def test_type_checkers_find_the_room_by_a_relative_link(room: str) -> None:
    link = ROOT / "src" / "prefect_tuner" / room
    assert link.readlink() == Path("..", "..", room)
    assert link.samefile(ROOT / room)
