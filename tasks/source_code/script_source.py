"""The source of a script, run again in another process without what stands behind its main guard.

As `multiprocessing` does it in processes that it spawns: what the script sets up and defines is
there, and what it is run for is not done once more.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import CodeType, ModuleType

from prefect_tuner.search_space.syntax_tree import parsed

MAIN = "__main__"

_ELSEWHERE = "__mp_main__"
"""What a script is called where it is not the main program, for the sake of its main guard."""


def is_rerunnable(module: ModuleType) -> bool:
    """Whether the source of a module may be run again: a script needs a main guard for that."""
    file = getattr(module, "__file__", None)
    if not file or not Path(file).is_file():
        return False
    if module.__name__ != MAIN:
        return Path(file).suffix == ".py"
    with suppress(OSError, SyntaxError, ValueError):
        source = Path(file).read_bytes()
        return any(_main_guards(parsed(lambda: ast.parse(source))))
    return False


def run_again(module: ModuleType, file: str) -> None:
    """Run the source of a module in one that has its name, its specification and its place.

    Args:
        module: The module.
        file: The source.
    """
    spec = module.__spec__
    if module.__name__ != MAIN:
        assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - it has a file
        spec.loader.exec_module(module)
        return
    if spec is not None:  # Found by `python -m`, and importing its package may define it.
        if spec.parent:
            importlib.import_module(spec.parent)
        module.__spec__ = importlib.util.find_spec(spec.name)
    exec(_guarded_code(file), vars(module))  # noqa: S102 - it is the user's own script


def _guarded_code(file: str) -> CodeType:
    source = Path(file).read_bytes()
    tree = parsed(lambda: ast.parse(source, file))
    for guard in _main_guards(tree):
        guard.test = _Renamed().visit(guard.test)
    return compile(tree, file, "exec", dont_inherit=True)


def _main_guards(tree: ast.Module) -> Iterator[ast.If]:
    for statement in tree.body:
        if isinstance(statement, ast.If):
            parts = list(ast.walk(statement.test))
            names = [part.id for part in parts if isinstance(part, ast.Name)]
            constants = [part.value for part in parts if isinstance(part, ast.Constant)]
            if "__name__" in names and MAIN in constants:
                yield statement


class _Renamed(ast.NodeTransformer):
    """Has a main guard see another name; what is defined in the script keeps the script's own."""

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id != "__name__":
            return node
        return ast.copy_location(ast.Constant(_ELSEWHERE), node)
