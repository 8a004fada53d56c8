"""What imports what: arrows run downwards only, and Prefect stays out of the pure rooms."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import prefect_tuner

ROOT = Path(__file__).parents[1]
VOCABULARY, STRATEGIES, TASKS, FLOWS = (
    "prefect_tuner",
    "prefect_tuner.strategies",
    "prefect_tuner.tasks",
    "prefect_tuner.flows",
)
FOLDERS = {
    VOCABULARY: ROOT / "src/prefect_tuner",
    STRATEGIES: ROOT / "strategies",
    TASKS: ROOT / "tasks",
    FLOWS: ROOT / "flows",
}
MAY_IMPORT = {
    VOCABULARY: {VOCABULARY},
    STRATEGIES: {VOCABULARY, STRATEGIES},
    TASKS: {VOCABULARY, TASKS},
    FLOWS: {VOCABULARY, STRATEGIES, TASKS, FLOWS},
}
# Below the flows, and in the parts of them that stay pure.
THIRD_PARTIES = {
    VOCABULARY: {"numpy", "pydantic", "pydantic_core"},
    # The last two are extras, imported when a study is searched with them.
    STRATEGIES: {"numpy", "pydantic", "scipy", "threadpoolctl", "cmaes", "optuna"},
}
PURE_FLOW_FILES = ["lagged_history.py", "study.py"]
# One hands on the names of all rooms, the others test whatever strategy they are given.
OUTSIDE_THE_ROOMS = [
    FOLDERS[VOCABULARY] / name
    for name in ("__init__.py", "testing.py", "testing_spaces.py", "testing_trials.py")
]


def files(room: str) -> list[Path]:
    # `src/prefect_tuner` holds links to the other rooms, which are not its own.
    return sorted(path for path in FOLDERS[room].glob("*.py"))


FILES = [(room, path) for room in FOLDERS for path in files(room)]
PURE_FILES = [
    *((r, path) for r, path in FILES if r in THIRD_PARTIES and path not in OUTSIDE_THE_ROOMS),
    *((STRATEGIES, FOLDERS[FLOWS] / name) for name in PURE_FLOW_FILES),
]


def name_of(file: tuple[str, Path] | str) -> str:
    return file if isinstance(file, str) else str(file[1].relative_to(ROOT))


def imports(path: Path) -> list[str]:
    """Every module named by an import statement, wherever it stands in the file."""
    modules: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            modules += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} is a relative import"
            modules += [source_of(node.module or "", alias.name) for alias in node.names]
    return modules


def source_of(module: str, name: str) -> str:
    """Where a name really comes from: `prefect_tuner` only hands on what lives in its rooms."""
    if module == "prefect_tuner":
        return prefect_tuner._HOMES.get(name, f"prefect_tuner.{name}")
    return module


def room_of(module: str) -> str:
    return next((room for room in (STRATEGIES, TASKS, FLOWS) if within(module, room)), VOCABULARY)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_arrows_run_downwards(file: tuple[str, Path]) -> None:
    room, path = file
    if path in OUTSIDE_THE_ROOMS:
        return
    ours = [module for module in imports(path) if within(module, "prefect_tuner")]
    assert {room_of(module) for module in ours} <= MAY_IMPORT[room]


@pytest.mark.parametrize("file", PURE_FILES, ids=name_of)
def test_pure_files_import_few_third_parties(file: tuple[str, Path]) -> None:
    room, path = file
    tops = {module.partition(".")[0] for module in imports(path)}
    foreign = tops - set(sys.stdlib_module_names) - {"prefect_tuner"}
    assert foreign <= THIRD_PARTIES[room]


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_prefects_private_modules_are_left_alone(file: tuple[str, Path]) -> None:
    private = [m for m in imports(file[1]) if within(m, "prefect") and "._" in m]
    assert private == []


def test_no_file_of_a_flow_or_task_bears_the_name_of_another_module() -> None:
    # Prefect puts the folder of a flow on the path, where its files hide what bears their names.
    stems = [path.stem for room, path in FILES if room in (TASKS, FLOWS)]
    program = (
        "import sys; from importlib.util import find_spec\n"
        "print([name for name in sys.argv[1:] if name != '__init__' and find_spec(name)])"
    )
    process = subprocess.run(
        [sys.executable, "-c", program, *stems],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    assert process.stdout.strip() == "[]"


def modules_after(statement: str) -> set[str]:
    """The modules that a fresh process has loaded after `statement`, by their top-level names."""
    program = f"import json, sys\n{statement}\nprint(json.dumps(list(sys.modules)))"
    process = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    return {name.partition(".")[0] for name in json.loads(process.stdout)}


@pytest.mark.parametrize(
    "statement",
    [
        "import prefect_tuner",
        "import prefect_tuner.strategies",
        "from prefect_tuner.strategies.factory import strategy_names; strategy_names()",
        "from prefect_tuner import Study",
        "from prefect_tuner import Categorical, Float, Int, Outcome, SearchSpace, Trial",
        "from prefect_tuner import Study; Study({'x': [1, 2]}, strategy='grid').ask()",
        "from prefect_tuner import Study; Study({'x': [1, 2]}, strategy='random').ask()",
    ],
)
def test_the_study_loads_what_numpy_and_pydantic_load_and_nothing_else(statement: str) -> None:
    numpy_and_pydantic = (
        "import numpy.random, pydantic\n"
        "from pydantic import BaseModel, Field\n"
        "class Model(BaseModel): x: int = Field(default=1)\n"
    )
    more = modules_after(statement) - modules_after(numpy_and_pydantic)
    assert more - set(sys.stdlib_module_names) <= {"prefect_tuner"}


def test_the_model_is_there_without_the_statistics_of_scipy_which_load_slowly() -> None:
    program = "from prefect_tuner import make_strategy; make_strategy('gp', {'x': [1, 2]})"
    assert "scipy" in modules_after(program)
    loaded = f"{program}\nimport sys; assert 'scipy.stats' not in sys.modules"
    assert modules_after(loaded)


def test_the_public_names_are_sorted_and_are_those_that_type_checkers_see() -> None:
    assert list(prefect_tuner.__all__) == sorted(prefect_tuner.__all__)
    tree = ast.parse((FOLDERS[VOCABULARY] / "__init__.py").read_text())
    checked = [
        (alias.asname, node.module)
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(name or "" for name, _ in checked) == list(prefect_tuner.__all__)
    assert dict(checked) == prefect_tuner._HOMES


@pytest.mark.parametrize("name", prefect_tuner.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(prefect_tuner, name) is not None
    assert name in dir(prefect_tuner)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Studdy'"):
        _ = prefect_tuner.Studdy  # type: ignore[attr-defined, unused-ignore]


def test_extras_are_not_imported_to_learn_what_strategies_there_are() -> None:
    loaded = modules_after(
        "from prefect_tuner.strategies.factory import strategy_class, strategy_names\n"
        "for name in strategy_names(): strategy_class(name)"
    )
    assert not loaded & {"cmaes", "optuna", "torch"}
