"""The imports of the package as a graph: modules, the rooms that they are in, and the floors.

`python -m tests.import_graph` says in words what it looks like.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import prefect_tuner

ROOT = Path(__file__).parents[1]
PACKAGE = "prefect_tuner"
FOLDERS = {
    PACKAGE: ROOT / "src/prefect_tuner",
    f"{PACKAGE}.flows": ROOT / "flows",
    f"{PACKAGE}.strategies": ROOT / "strategies",
    f"{PACKAGE}.tasks": ROOT / "tasks",
}


@cache
def modules() -> Mapping[str, Path]:
    """All modules of the package by name, packages included."""
    found = {}
    for package, folder in FOLDERS.items():
        for file in folder.rglob("*.py"):
            # `src/prefect_tuner` holds links to the other folders, which have names of their own.
            if package == PACKAGE and file.relative_to(folder).parts[0] in {
                name.rpartition(".")[2] for name in FOLDERS if name != PACKAGE
            }:
                continue
            parts = file.relative_to(folder).with_suffix("").parts
            found[".".join([package, *(part for part in parts if part != "__init__")])] = file
    return dict(sorted(found.items()))


def room_of(module: str) -> str:
    """The package that a module is in; a package is in itself."""
    file = modules()[module]
    return module if file.name == "__init__.py" else module.rpartition(".")[0]


@cache
def imported(file: Path) -> list[str]:
    """Every module named by an import statement, wherever it stands in a file."""
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} is a relative import"
            found += [_source(node.module or "", alias.name) for alias in node.names]
    return found


def _source(module: str, name: str) -> str:
    """Where a name comes from: of `prefect_tuner` itself, it is only handed on from its home."""
    if module == PACKAGE:
        return prefect_tuner._HOMES.get(name, f"{PACKAGE}.{name}")
    inner = f"{module}.{name}"
    return inner if inner in modules() else module


@cache
def arrows() -> Mapping[str, frozenset[str]]:
    """What each module imports of the package."""
    return {
        module: frozenset(name for name in imported(file) if name in modules() and name != module)
        for module, file in modules().items()
    }


def rooms() -> list[str]:
    """All rooms with modules in them."""
    return sorted({room_of(module) for module in modules()})


def arrows_between_rooms() -> Mapping[str, set[str]]:
    """What each room imports of others, apart from what only hands names on."""
    found: dict[str, set[str]] = {room: set() for room in rooms()}
    for module, targets in arrows().items():
        if module not in FACADES:
            found[room_of(module)] |= {room_of(target) for target in targets} - {room_of(module)}
    return found


FACADES = {PACKAGE, f"{PACKAGE}.plots", f"{PACKAGE}.testing"}
"""These hand on the names of modules above them, lazily."""


def circle_in(graph: Mapping[str, frozenset[str] | set[str]]) -> list[str]:
    """The nodes of some circle, empty where there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def floors(graph: Mapping[str, frozenset[str] | set[str]]) -> Mapping[str, int]:
    """How many arrows lie below each node of a graph without circles, at the most."""
    heights: dict[str, int] = {}

    def height(node: str) -> int:
        if node not in heights:
            heights[node] = 1 + max((height(target) for target in graph[node]), default=-1)
        return heights[node]

    for node in graph:
        height(node)
    return heights


def in_words() -> str:
    """The whole picture, a line for each room."""
    graph = {m: targets for m, targets in arrows().items() if m not in FACADES}
    graph = {m: frozenset(t for t in targets if t in graph) for m, targets in graph.items()}
    between = arrows_between_rooms()
    by_room = Counter(room_of(module) for module in modules())
    heights = floors(between)
    summary = (
        f"{len(modules())} modules in {len(rooms())} rooms, "
        f"{sum(map(len, graph.values()))} arrows between modules, "
        f"{sum(map(len, between.values()))} between rooms on {max(heights.values()) + 1} floors, "
        f"circles: {circle_in(graph) or circle_in(between) or 'none'}"
    )
    lines = [summary]
    for room in sorted(rooms(), key=lambda room: (-heights[room], room)):
        inside = [
            len([t for t in targets if room_of(t) == room])
            for module, targets in graph.items()
            if room_of(module) == room
        ]
        imports = ", ".join(sorted(shortened(target) for target in between[room])) or "nothing"
        lines.append(
            f"floor {heights[room]}: {shortened(room)}, {by_room[room]} files, "
            f"{sum(inside)} arrows inside, imports {imports}"
        )
    return "\n".join(lines)


def shortened(room: str) -> str:
    """A room's name without that of the package."""
    return room.removeprefix(f"{PACKAGE}.") if room != PACKAGE else "vocabulary"


if __name__ == "__main__":
    print(in_words())  # noqa: T201
