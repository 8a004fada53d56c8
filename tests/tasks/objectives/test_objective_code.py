"""The code of an objective is known by the sources of all that it uses of the user's own."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from prefect_tuner.tasks.objectives.bound_state import bound_state
from prefect_tuner.tasks.objectives.objective_code import changed_code, objective_code

LIBRARY = """
SCALE = 3

def build(x):
    return x * SCALE

def unused():
    return 1
"""

MODULE = '''
"""What this is for."""
import json

import numpy as np

from my_library import build

EPOCHS = 10
if EPOCHS > 5:
    LARGE = True

class Model:
    """A model."""

    def fit(self, x):
        return build(x)

def helper(x):
    # Adds.
    return x + EPOCHS

def train(params):
    """Train."""
    return Model().fit(helper(params["x"])) + np.float64(LARGE)

def other(params):
    return 1.0

if __name__ == "__main__":
    print(json.dumps({}))
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_library.py").write_text(LIBRARY)
    (tmp_path / "my_module.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("my_library", "my_module"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


def edited(folder: Path, name: str, before: str, after: str) -> list[str]:
    """What is told to have changed by an edit."""
    code = objective_code("my_module:train")
    file = folder / f"{name}.py"
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))
    return changed_code(code, objective_code("my_module:train"))


def test_it_holds_all_that_the_objective_uses_of_the_users_own(folder: Path) -> None:
    assert list(objective_code("my_module:train")) == [
        "my_library:SCALE",
        "my_library:build",
        "my_module:EPOCHS",
        "my_module:LARGE",
        "my_module:Model",
        "my_module:helper",
        "my_module:train",
    ]


def test_nothing_is_imported_for_it(folder: Path) -> None:
    objective_code("my_module:train")
    assert "my_module" not in sys.modules


def test_the_same_objective_has_the_same_code_however_it_is_given(folder: Path) -> None:
    import my_module  # type: ignore[import-not-found]

    by_path = objective_code("my_module:train")
    for given in (
        "my_module.py:train",
        str(folder / "my_module.py:train"),
        my_module.train,
        partial(my_module.train, x=1),
    ):
        assert objective_code(given) == by_path


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    [
        ("my_module", "x + EPOCHS", "x - EPOCHS", ["my_module:helper has changed"]),
        ("my_module", "EPOCHS = 10", "EPOCHS = 11", ["my_module:EPOCHS has changed"]),
        ("my_module", "return build(x)", "return -build(x)", ["my_module:Model has changed"]),
        ("my_library", "x * SCALE", "x / SCALE", ["my_library:build has changed"]),
        ("my_library", "SCALE = 3", "SCALE = 4", ["my_library:SCALE has changed"]),
        (
            "my_library",
            "x * SCALE",
            "x * 3",
            ["my_library:build has changed", "my_library:SCALE is not used any more"],
        ),
    ],
)
def test_an_edit_is_named(
    folder: Path, name: str, before: str, after: str, told: list[str]
) -> None:
    assert edited(folder, name, before, after) == told


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("my_module", "# Adds.", "# Adds epochs."),
        ("my_module", '"""Train."""', '"""Train a model."""'),
        ("my_module", "x + EPOCHS", "(x +\n        EPOCHS)"),
        ("my_module", "def other(params):\n    return 1.0", "def other(params):\n    return 2.0"),
        ("my_module", "print(json.dumps({}))", "print('done')"),
        ("my_library", "return 1", "return 2"),
    ],
)
def test_what_makes_no_difference_is_no_edit(
    folder: Path, name: str, before: str, after: str
) -> None:
    assert edited(folder, name, before, after) == []


def test_a_module_that_is_used_as_such_counts_as_a_whole(folder: Path) -> None:
    (folder / "my_module.py").write_text(
        "import my_library as lib\ndef train(params): return lib.build(1)\n"
    )
    assert edited(folder, "my_library", "return 1", "return 2") == ["my_library:unused has changed"]


def test_packages_and_relative_imports_are_followed(folder: Path) -> None:
    package = folder / "my_package"
    package.mkdir()
    (package / "__init__.py").write_text("from .inner import train\n")
    (package / "inner.py").write_text("from . import parts\ndef train(p): return parts.one()\n")
    (package / "parts.py").write_text("def one(): return 1\n")
    assert list(objective_code("my_package:train")) == ["inner:train", "parts:one"]


@pytest.mark.parametrize("objective", ["json:dumps", "numpy:ones", json.dumps, "nowhere:train"])
def test_what_is_not_the_users_own_has_no_code(objective: Any) -> None:
    assert objective_code(objective) == {}


@pytest.mark.parametrize("text", ["def train(:", "", "train = make()", "\0"])
def test_a_source_that_says_little_is_no_error(folder: Path, text: str) -> None:
    (folder / "my_module.py").write_text(text)
    objective_code("my_module:train")


def cell(code: str, **given: Any) -> Callable[..., Any]:
    """A function of a notebook: its source lies in no file."""
    notebook = ModuleType("__main__")
    vars(notebook).update(given)
    exec(compile(textwrap.dedent(code), "<cell>", "exec"), vars(notebook))
    function: Callable[..., Any] = vars(notebook)["train"]
    return function


def test_the_functions_of_a_notebook_have_code(folder: Path) -> None:
    before = cell("RATE = 1\ndef part(x): return x\ndef train(params): return part(RATE)")
    edits = {
        "RATE": "RATE = 2\ndef part(x): return x\ndef train(params): return part(RATE)",
        "part": "RATE = 1\ndef part(x): return -x\ndef train(params): return part(RATE)",
        "train": "RATE = 1\ndef part(x): return x\ndef train(params): return part(RATE) + 1",
    }
    assert list(objective_code(before)) == ["__main__:RATE", "__main__:part", "__main__:train"]
    for name, code in edits.items():
        assert changed_code(objective_code(before), objective_code(cell(code))) == [
            f"__main__:{name} has changed"
        ]


@pytest.mark.parametrize("used", ["build(1)", "lib.build(1)"])
def test_a_notebook_that_uses_a_module_of_the_users_knows_its_code(folder: Path, used: str) -> None:
    import my_library  # type: ignore[import-not-found]

    def code() -> dict[str, str]:
        text = f"def train(params): return {used}"
        return objective_code(cell(text, build=my_library.build, lib=my_library))

    before = code()
    assert ("my_library:unused" in before) == ("lib" in used)
    (folder / "my_library.py").write_text(LIBRARY.replace("x * SCALE", "x + SCALE"))
    assert changed_code(before, code()) == ["my_library:build has changed"]


class Model:
    def __init__(self, k: Any) -> None:
        self.k = k

    def train(self, params: Any) -> Any:
        return self.k, params


def test_bound_data_is_told_apart_and_code_is_none_of_it() -> None:
    def offset(k: Any) -> Callable[..., Any]:
        return lambda params: (k, params)

    for make in (Model, lambda k: Model(k).train, offset, lambda k: partial(offset, k)):
        assert bound_state(make(1)) == bound_state(make(1))
        assert bound_state(make(1)) != bound_state(make(2))
    assert bound_state("my_module:train") == bound_state("other:train")
