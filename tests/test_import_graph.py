"""What imports what: arrows between rooms run downwards only, and Prefect stays out of the pure."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

import prefect_tuner
from tests.import_graph import (
    FACADES,
    FOLDERS,
    PACKAGE,
    arrows,
    arrows_between_rooms,
    circle_in,
    imported,
    in_words,
    modules,
    room_of,
    rooms,
    shortened,
)

VOCABULARY = "vocabulary"
MAY_IMPORT = {
    VOCABULARY: "",
    "search_space": "",
    "strategies.encoding": "search_space",
    "strategies.feasibility": "search_space strategies.encoding",
    "strategies.candidates": "search_space strategies.encoding strategies.feasibility",
    "strategies.parzen": "strategies.encoding strategies.feasibility",
    "strategies.gaussian_process": "strategies.encoding strategies.feasibility",
    "strategies.cma": "search_space strategies.candidates strategies.encoding",
    "strategies.optuna_bridge": "search_space strategies.candidates",
    "strategies": "search_space strategies.candidates strategies.cma strategies.encoding "
    "strategies.feasibility strategies.gaussian_process strategies.optuna_bridge strategies.parzen",
    "tasks.source_code": "search_space",
    "tasks.messages": "",
    "tasks.process_table": "",
    "tasks.objectives": "search_space tasks.source_code tasks.process_table",
    "tasks.trial_process": "tasks.source_code tasks.messages tasks.objectives tasks.process_table",
    "tasks.fork_server": "tasks.source_code tasks.messages tasks.objectives tasks.process_table "
    "tasks.trial_process",
    "tasks.processes": "tasks.messages tasks.objectives tasks.process_table",
    "tasks.workers": "tasks.objectives tasks.processes",
    "tasks": "tasks.messages tasks.objectives tasks.processes tasks.trial_process tasks.workers",
    "tasks.flow_runs": "tasks tasks.workers",
    "tasks.task_runs": "tasks tasks.processes tasks.workers",
    "tasks.engines": (
        "tasks tasks.flow_runs tasks.objectives tasks.process_table tasks.processes "
        "tasks.task_runs tasks.workers"
    ),
    "flows.confirmation": "",
    "flows.study": "search_space strategies flows.confirmation",
    "flows.analysis.models": "search_space strategies.encoding strategies.gaussian_process",
    "flows.analysis.fanova": "search_space strategies.encoding",
    "flows.analysis": "search_space strategies.encoding flows.analysis.models flows.study",
    "flows.pictures": "search_space strategies.encoding flows.analysis flows.confirmation",
    "flows.storage": "tasks.process_table",
    "flows.ledger": "search_space strategies flows.confirmation flows.storage flows.study",
    "flows.reports": "search_space strategies flows.analysis flows.analysis.fanova "
    "flows.analysis.models flows.confirmation flows.ledger flows.study",
    "flows.exports": "search_space strategies.optuna_bridge flows.ledger flows.reports flows.study",
    "flows.preflight": "search_space strategies strategies.candidates flows.analysis flows.ledger "
    "flows.reports flows.study",
    "flows.study_report": "search_space strategies flows.analysis flows.analysis.fanova "
    "flows.confirmation flows.ledger flows.pictures flows.reports flows.study",
    "flows.comparison": "search_space strategies.encoding flows.ledger flows.pictures "
    "flows.reports flows.study_report",
    "flows.observers": "search_space strategies flows.analysis flows.confirmation flows.ledger "
    "flows.preflight flows.reports flows.study flows.study_report",
    "flows.reevaluation": "search_space strategies tasks tasks.workers flows.confirmation "
    "flows.ledger flows.study",
    "flows.run": "search_space strategies tasks tasks.source_code tasks.objectives tasks.processes "
    "tasks.workers tasks.engines "
    "flows.confirmation flows.ledger flows.observers flows.preflight flows.reevaluation "
    "flows.storage flows.study",
    "flows": "strategies tasks tasks.engines tasks.objectives tasks.workers flows.comparison "
    "flows.ledger flows.observers flows.pictures flows.reports flows.run flows.study "
    "flows.study_report",
    "flows.listings": "strategies tasks.engines",
    "flows.commands": "strategies tasks.engines tasks.objectives tasks.processes flows "
    "flows.comparison flows.confirmation flows.exports flows.ledger flows.listings flows.observers "
    "flows.preflight flows.reports flows.run flows.storage flows.study flows.study_report",
    "plots": "flows",
    "testing": "search_space strategies tasks tasks.objectives tasks.processes tasks.workers "
    "flows.study",
}
"""The rooms from the lowest to the highest, with what each may import beside the vocabulary."""

THIRD_PARTIES = {
    VOCABULARY: "numpy pydantic pydantic_core",
    "search_space": "numpy pydantic pydantic_core",
    # The last two are extras, imported when a study is searched with them.
    "strategies": "numpy pydantic scipy threadpoolctl cmaes optuna",
    "flows.confirmation": "numpy pydantic scipy",
    "flows.study": "numpy pydantic pandas",
    # The last one is an extra, imported when it is asked for.
    "flows.analysis": "numpy scipy sklearn",
    # An extra, imported when a picture is drawn.
    "flows.pictures": "numpy matplotlib",
    "flows.storage": "fsspec",
    "flows.ledger": "pydantic",
    "flows.preflight": "numpy rich",
    "flows.exports": "numpy pandas pyarrow optuna sqlalchemy",
    "flows.reports": "numpy rich",
    "flows.study_report": "numpy pydantic",
    # An extra, as for the pictures.
    "flows.comparison": "numpy rich matplotlib",
    "tasks.source_code": "cloudpickle",
    "tasks.objectives": "cloudpickle",
    "tasks.messages": "",
    "tasks.process_table": "",
    "tasks.fork_server": "",
    "tasks.processes": "",
}
"""What the rooms without Prefect take from other packages, and those below them likewise."""

MOST_FILES = 12
"""In a room, its `__init__` aside."""

OWN = [module for module in modules() if module not in FACADES]


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def test_the_picture_in_words() -> None:
    """Shown by `python -m tests.import_graph`."""
    first, *each = in_words().splitlines()
    assert f"in {len(rooms())} rooms" in first
    assert len(each) == len(rooms())


def test_every_room_is_in_the_table() -> None:
    assert {shortened(room) for room in rooms()} == set(MAY_IMPORT)


def test_the_table_has_each_room_above_those_that_it_imports() -> None:
    order = list(MAY_IMPORT)
    for room, below in MAY_IMPORT.items():
        assert all(order.index(each) < order.index(room) for each in below.split()), room


@pytest.mark.parametrize("room", rooms(), ids=shortened)
def test_arrows_run_downwards(room: str) -> None:
    allowed = {VOCABULARY, *MAY_IMPORT[shortened(room)].split()}
    assert {shortened(target) for target in arrows_between_rooms()[room]} <= allowed


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {m: {t for t in arrows()[m] if t in OWN} for m in OWN}
    assert circle_in(graph) == []
    assert len(list(TopologicalSorter(graph).static_order())) == len(OWN)


def test_a_circle_would_be_found() -> None:
    assert set(circle_in({"a": {"b"}, "b": {"c"}, "c": {"a"}})) == {"a", "b", "c"}


@pytest.mark.parametrize("room", THIRD_PARTIES)
def test_rooms_without_prefect_import_few_third_parties(room: str) -> None:
    folder = PACKAGE if room == VOCABULARY else f"{PACKAGE}.{room}"
    inside = [
        module
        for module in OWN
        if (room_of(module) == PACKAGE if room == VOCABULARY else within(module, folder))
    ]
    assert inside
    for module in inside:
        tops = {name.partition(".")[0] for name in imported(modules()[module])}
        foreign = tops - set(sys.stdlib_module_names) - {PACKAGE}
        assert foreign <= set(THIRD_PARTIES[room].split()), module


@pytest.mark.parametrize("room", rooms(), ids=shortened)
def test_a_room_can_be_looked_through(room: str) -> None:
    files = [m for m in modules() if room_of(m) == room and m != room]
    assert len(files) <= MOST_FILES
    lines = (ast.get_docstring(ast.parse(modules()[room].read_text())) or "").splitlines()
    if room == PACKAGE:
        return  # It tells users of the public names.
    assert [line.partition(" ")[0] for line in lines[-3:]] == ["Room:", "May", "In"]


def test_prefects_private_modules_are_left_alone() -> None:
    private = {
        module: name
        for module, file in modules().items()
        for name in imported(file)
        if within(name, "prefect") and "._" in name
    }
    assert private == {}


def test_no_file_of_a_flow_or_task_bears_the_name_of_another_module() -> None:
    # Prefect puts the folder of a flow on the path, where its files hide what bears their names.
    stems = [
        path.stem
        for folder in (FOLDERS[f"{PACKAGE}.flows"], FOLDERS[f"{PACKAGE}.tasks"])
        for path in (*folder.glob("*.py"), *folder.iterdir())
        if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    program = (
        "import sys; from importlib.util import find_spec\n"
        "print([name for name in sys.argv[1:] if name != '__init__' and find_spec(name)])"
    )
    process = subprocess.run(
        [sys.executable, "-P", "-c", program, *stems],
        capture_output=True,
        text=True,
        check=True,
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


def test_the_flow_is_there_without_scipy_which_loads_slowly() -> None:
    """What looks at a study when it has ended is imported then."""
    assert "scipy" not in modules_after("import prefect_tuner.flows.tune")


def test_the_processes_of_trials_are_there_without_pydantic_which_loads_slowly() -> None:
    program = "import prefect_tuner.tasks.fork_server.fork_server_main"
    assert "pydantic" not in modules_after(program)


def test_the_public_names_are_sorted_and_are_those_that_type_checkers_see() -> None:
    assert list(prefect_tuner.__all__) == sorted(prefect_tuner.__all__)
    tree = ast.parse((FOLDERS[PACKAGE] / "__init__.py").read_text())
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
