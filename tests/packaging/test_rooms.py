"""The rooms, as folders, as packages, and in what they may import."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

import prefect_tuner

ROOT = Path(__file__).parents[2]
HANDS_NAMES_ON = ROOT / "src" / "prefect_tuner" / "__init__.py"
FOLDERS = {
    "prefect_tuner": "src/prefect_tuner",
    "prefect_tuner.flows": "flows",
    "prefect_tuner.strategies": "strategies",
    "prefect_tuner.tasks": "tasks",
}
ROOMS = ["flows", "strategies", "tasks"]
MAY_NOT_IMPORT = {
    "src/prefect_tuner": (
        "prefect",
        "prefect_tuner.flows",
        "prefect_tuner.strategies",
        "prefect_tuner.tasks",
    ),
    "strategies": ("prefect", "prefect_tuner.flows", "prefect_tuner.tasks"),
    "tasks": ("prefect_tuner.flows", "prefect_tuner.strategies"),
}


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


@pytest.mark.parametrize("room", MAY_NOT_IMPORT)
def test_imports_run_downwards_only(room: str) -> None:
    barred = tuple(f"{name}." for name in MAY_NOT_IMPORT[room])
    assert [
        f"{place} imports {name}"
        for place, name in _imported_names(room)
        if f"{name}.".startswith(barred)
    ] == []


@pytest.mark.parametrize("folder", FOLDERS.values())
def test_names_are_imported_from_where_they_live(folder: str) -> None:
    # Through `prefect_tuner` itself every arrow could be turned round unseen.
    public = {f"prefect_tuner.{name}" for name in prefect_tuner.__all__}
    assert [
        f"{place} imports {name}" for place, name in _imported_names(folder) if name in public
    ] == []


@pytest.mark.parametrize("folder", FOLDERS.values())
def test_nothing_imports_the_insides_of_prefect(folder: str) -> None:
    assert [
        f"{place} imports {name}"
        for place, name in _imported_names(folder)
        if name.startswith("prefect.") and "._" in name
    ] == []


@pytest.mark.parametrize("room", ROOMS)
def test_no_module_is_named_like_one_that_prefect_would_then_import_instead(room: str) -> None:
    # Prefect puts the folder of a flow's file on the path, for as long as the process lives.
    taken = {*sys.stdlib_module_names, *packages_distributions()} - {"prefect_tuner"}
    modules = {path.stem for path in (ROOT / room).glob("*.py")} - {"__init__"}
    assert modules & taken == set()


def _imported_names(folder: str) -> Iterator[tuple[str, str]]:
    """Where a name is imported, and its full name."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        if path == HANDS_NAMES_ON:
            continue
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Import | ast.ImportFrom):
                home = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
                for name in node.names:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", f"{home}{name.name}"
