"""Nothing that was stored is ever unpickled, or run in any other way.

The one place that unpickles reads what the flow's process sent to its own child a moment ago,
over a socket that nobody else has.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from prefect_tuner.flows.result_serializer import RESULT_SERIALIZER
from prefect_tuner.flows.tune import tune
from prefect_tuner.tasks.trial_task import run_trial

ROOT = Path(__file__).parents[1]
FILES = [
    path
    for folder in ("src/prefect_tuner", "strategies", "tasks", "flows")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
READS_THE_SOCKET = ("tasks/objectives/objective_loading.py", "_unpickle")
WRITES_TO_THE_SOCKET = {
    ("tasks/objectives/objective.py", ""),
    ("tasks/source_code/used_objects.py", ""),
    ("tasks/source_code/module_pickling.py", ""),
    ("tasks/source_code/library_options.py", ""),
}
WRITES_TO_A_DIGEST = ("tasks/objectives/bound_state.py", "")
RUNS_THE_USERS_SCRIPT = {
    ("tasks/source_code/script_source.py", "run_again"),
    ("tasks/source_code/script_source.py", "_guarded_code"),
}

PICKLERS = {
    "_pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "jsonpickle",
    "marshal",
    "multiprocessing",
    "pickle",
    "shelve",
}
"""Modules that run code, or may, when they read."""

READERS = {"Unpickler", "load", "loads", "read_pickle"}
"""Names in them, and in pandas, that read."""

RUNNERS = {"compile", "eval", "exec", "__import__"}


def functions(tree: ast.AST, name: str = "") -> Iterator[tuple[str, ast.AST]]:
    """All nodes of a file, each with the name of the outermost function or class it stands in."""
    for node in ast.iter_child_nodes(tree):
        inner = name or getattr(node, "name", "") if _is_scope(node) else name
        yield inner, node
        yield from functions(node, inner)


def _is_scope(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


def found(wanted: str) -> set[tuple[str, str]]:
    """Where the package imports picklers, reads by one, or runs text: file and function."""
    places = set()
    for path in FILES:
        for function, node in functions(ast.parse(path.read_text())):
            if wanted in _kinds(node):
                places.add((path.relative_to(ROOT).as_posix(), function))
    return places


def _kinds(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            if any(alias.name.partition(".")[0] in PICKLERS for alias in names):
                yield "import"
        case ast.ImportFrom(module=module):
            if (module or "").partition(".")[0] in PICKLERS:
                yield "import"
        case ast.Attribute(value=ast.Name(id=module), attr=name):
            if module in PICKLERS | {"pd", "pandas"} and name in READERS:
                yield "read"
        case ast.Name(id=name):
            if name in RUNNERS | {"Unpickler", "read_pickle"}:
                yield "run"
        case ast.keyword(arg="allow_pickle"):
            yield "read"


def test_the_package_unpickles_in_one_place_which_reads_a_socket() -> None:
    assert found("read") == {READS_THE_SOCKET}


def test_no_other_part_of_the_package_has_a_pickler_at_hand() -> None:
    assert found("import") == {READS_THE_SOCKET, *WRITES_TO_THE_SOCKET, WRITES_TO_A_DIGEST}


def test_the_package_runs_no_text_but_the_script_that_has_called_it() -> None:
    assert found("run") == RUNS_THE_USERS_SCRIPT


def test_what_prefect_stores_for_the_package_is_json_or_nothing() -> None:
    assert tune.result_serializer is RESULT_SERIALIZER
    assert RESULT_SERIALIZER.type == "json"
    assert run_trial.persist_result is False


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import pickle", "import"),
        ("from joblib import load", "import"),
        ("cloudpickle.loads(b)", "read"),
        ("pd.read_pickle(p)", "read"),
        ("np.load(p, allow_pickle=True)", "read"),
        ("eval(text)", "run"),
    ],
)
def test_what_is_looked_for_would_be_found(code: str, kind: str) -> None:
    nodes = [node for _, node in functions(ast.parse(code))]
    assert kind in {kind for node in nodes for kind in _kinds(node)}
