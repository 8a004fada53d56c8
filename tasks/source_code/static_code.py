"""The source of a definition and of what it uses, read from files without importing any."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TypeAlias, final

from prefect_tuner.search_space.syntax_tree import parsed
from prefect_tuner.tasks.source_code.code_origin import Origin, origin_of_file

Code: TypeAlias = dict[str, str]
"""Digests of sources, by the names of what they define: `module:name`."""

MOST_DEFINITIONS = 200
"""Definitions that are followed; a larger program is known by these."""

_DIGITS = 12


@final
class StaticCode:
    """Follows names from one definition to the next, through source files."""

    def __init__(self) -> None:
        self._found: Code = {}
        self._followed: set[tuple[Path, str]] = set()
        self._files: dict[Path, dict[str, list[ast.stmt]]] = {}

    def of(self, file: Path, name: str) -> Code:
        """The code of a definition in a file, and of all that it uses."""
        return self._follow([(file.resolve(), name)])

    def of_module(self, file: Path) -> Code:
        """The code of all definitions in a file, and of all that they use."""
        return self._follow([*self._all_of(file.resolve())])

    def _follow(self, todo: list[tuple[Path, str]]) -> Code:
        while todo and len(self._found) < MOST_DEFINITIONS:
            file, name = todo.pop()
            statements = self._definitions(file).get(name)
            if statements is None or (file, name) in self._followed:
                continue
            self._followed.add((file, name))
            own = [each for each in statements if not isinstance(each, ast.Import | ast.ImportFrom)]
            if own:
                self._found[self._key(file, name)] = source_digest(
                    "\n".join(map(plain_source, own))
                )
            for statement in statements:
                todo += self._imported(file, statement, name)
                todo += [(file, used) for used in _names_used(statement)]
        return dict(sorted(self._found.items()))

    def _key(self, file: Path, name: str) -> str:
        module = file.parent.name if file.stem == "__init__" else file.stem
        key = f"{module}:{name}"
        return key if key not in self._found else f"{file.parent.name}.{key}"

    def _definitions(self, file: Path) -> dict[str, list[ast.stmt]]:
        if file not in self._files:
            definitions: dict[str, list[ast.stmt]] = {}
            with suppress(OSError, SyntaxError, ValueError):
                source = file.read_bytes()
                tree = parsed(lambda: ast.parse(source))
                for statement in _statements(tree.body):
                    for name in _names_bound(statement):
                        definitions.setdefault(name, []).append(statement)
            self._files[file] = definitions
        return self._files[file]

    def _imported(self, file: Path, statement: ast.stmt, name: str) -> Iterator[tuple[Path, str]]:
        """Where a name comes from that a statement imports."""
        if isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                if (alias.asname or alias.name) != name:
                    continue
                location = _absolute(statement, file)
                if (found := source_file(location)) is not None:
                    yield found.resolve(), alias.name
                inner = "/" if location.startswith("/") else "."
                if (found := source_file(f"{location}{inner}{alias.name}")) is not None:
                    yield from self._all_of(found.resolve())
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                if (alias.asname or alias.name.partition(".")[0]) != name:
                    continue
                if (found := source_file(alias.name)) is not None:
                    yield from self._all_of(found.resolve())

    def _all_of(self, file: Path) -> Iterator[tuple[Path, str]]:
        """What of a module is used cannot be told where the module itself is: all of it."""
        for name in self._definitions(file):
            yield file, name


def _statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module, those in conditions and the like included."""
    for statement in body:
        if isinstance(statement, ast.If) and _asks_for_main(statement.test):
            yield from _statements(statement.orelse)
        elif isinstance(statement, ast.If | ast.For | ast.While | ast.With | ast.Try):
            for field in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, field, []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)
        else:
            yield statement


def _asks_for_main(test: ast.expr) -> bool:
    return any(isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(test))


def _names_bound(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import):
        return {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
    if isinstance(statement, ast.ImportFrom):
        return {alias.asname or alias.name for alias in statement.names}
    return {
        each.id
        for each in ast.walk(statement)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }


def _names_used(statement: ast.stmt) -> list[str]:
    used = {each.id for each in ast.walk(statement) if isinstance(each, ast.Name)}
    return sorted(used)


def _absolute(statement: ast.ImportFrom, file: Path) -> str:
    """The module that is imported from; a relative one is looked for beside the file."""
    if not statement.level:
        return statement.module or ""
    folder = file.parents[statement.level - 1]
    parts = (statement.module or "").split(".") if statement.module else []
    return str(folder.joinpath(*parts))


def source_file(location: str) -> Path | None:
    """The source of a module of the user's own, found without importing anything."""
    if location.endswith(".py"):
        file = Path(location).expanduser()
        return file if file.is_file() else None
    if location.startswith("/"):
        return next(
            (f for f in (Path(f"{location}.py"), Path(location) / "__init__.py") if f.is_file()),
            None,
        )
    path = None
    found = None
    for part_count in range(1, location.count(".") + 2):
        name = ".".join(location.split(".")[:part_count])
        with suppress(Exception):  # A finder of somebody else's.
            found = PathFinder.find_spec(name, path)
        if found is None:
            return None
        path = found.submodule_search_locations
    if found is None or not found.origin or origin_of_file(found.origin) is not Origin.OWN:
        return None
    return Path(found.origin)


def plain_source(statement: ast.stmt) -> str:
    """A statement as text, without docstrings."""
    for each in ast.walk(statement):
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = each.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            if documented and len(each.body) > 1:
                del each.body[0]
    return ast.unparse(statement)


def source_digest(text: str) -> str:
    """A few digits that differ where texts do."""
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:_DIGITS]
