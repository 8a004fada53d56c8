from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import NamedTuple

import pytest

from prefect_tuner import InvalidConfiguration
from prefect_tuner.errors import ObjectiveNotFound
from prefect_tuner.tasks.objectives.allowed_objectives import (
    ALLOWED_OBJECTIVES,
    check_allowed,
    check_definition,
)
from prefect_tuner.tasks.objectives.objective import ObjectiveSpec, describe_objective
from prefect_tuner.tasks.processes.launcher import Launcher
from tests.tasks.attempts import attempt, launcher_for

# The whole of it, as a user sees it.
NOT_ALLOWED = (
    "observers.0: must match one of the patterns in PREFECT_TUNER_ALLOWED_OBJECTIVES, which "
    "limits what runs here: 'mycompany.models:*', '*.py:train'; got '../models/link.py:train' "
    "(the file '{folder}/evil/bad.py'). Give one that matches, or ask whoever runs this "
    "machine to add it"
)


def is_allowed(path: str) -> bool:
    try:
        check_allowed(path, "objective")
    except InvalidConfiguration:
        return False
    return True


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory beside folders of models, with links from one to the other."""
    for name in ("work", "models/deep", "evil"):
        (tmp_path / name).mkdir(parents=True)
    for file in ("models/good.py", "models/deep/good.py", "evil/bad.py", "work/near.py"):
        (tmp_path / file).touch()
    (tmp_path / "models/link.py").symlink_to(tmp_path / "evil/bad.py")
    (tmp_path / "models/folder").symlink_to(tmp_path / "evil")
    (tmp_path / "alias").symlink_to(tmp_path / "models")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("listed", [None, "", "  "])
def test_without_patterns_everything_is_allowed(
    listed: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if listed is None:
        monkeypatch.delenv(ALLOWED_OBJECTIVES, raising=False)
    else:
        monkeypatch.setenv(ALLOWED_OBJECTIVES, listed)
    assert is_allowed("os:system")


def test_a_list_of_nothing_allows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, ",")
    assert not is_allowed("os:system")


@pytest.mark.parametrize(
    ("patterns", "allowed", "refused"),
    [
        (
            "mycompany.models:*",
            ["mycompany.models:train", "mycompany.models:Model"],
            [
                "mycompany.models.evil:train",
                "mycompany.models:os.system",
                "mycompany.models:_private",
                "mycompany.models:__builtins__",
                "mycompany:models",
                "Mycompany.models:train",
                "mycompany.models2:train",
                "mycompany.models :train",
                "evil:mycompany.models:train",
                "mycompany.models.py:train",
                "mycompany.models\0:train",
                "os:system",
            ],
        ),
        (
            "mycompany.*:train",
            ["mycompany.models:train", "mycompany.other:train"],
            ["mycompany.models.deep:train", "mycompany:train", "mycompany.models:test"],
        ),
        (
            "mycompany.**:*",
            ["mycompany:train", "mycompany.models:train", "mycompany.models.deep:train"],
            ["mycompany2.models:train", "os:system"],
        ),
        ("m:Model.*", ["m:Model.train"], ["m:Model", "m:Model.os.system", "m:Other.train"]),
        ("m:_private", ["m:_private"], ["m:private"]),
        ("m:Model.create, n:train", ["m:Model.create", "n:train"], ["m:Model.other", "n:create"]),
        ("**:*", ["os:system"], ["/x.py:train"]),
    ],
)
def test_modules_match_part_by_part(
    patterns: str, allowed: list[str], refused: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, patterns)
    assert [path for path in allowed + refused if is_allowed(path)] == allowed


@pytest.mark.parametrize(
    ("patterns", "allowed", "refused"),
    [
        (
            "{}/models/*.py:*",
            [
                "{}/models/good.py:train",
                "../models/good.py:train",
                "~/models/good.py:train",
                "{}/alias/good.py:train",
            ],
            [
                "{}/models/deep/good.py:train",
                "{}/models/../evil/bad.py:train",
                "{}/models/link.py:train",
                "{}/models/folder/bad.py:train",
                "{}/evil/bad.py:train",
                "near.py:train",
                "models.good:train",
                "~nobody-of-this-name/models/good.py:train",
            ],
        ),
        (
            "{}/models/**/*.py:*",
            ["{}/models/good.py:train", "{}/models/deep/good.py:train"],
            ["{}/models/folder/bad.py:train", "{}/evil/bad.py:train"],
        ),
        ("{}/alias/*.py:*", ["{}/models/good.py:train", "{}/alias/good.py:train"], []),
        ("*.py:train", ["near.py:train", "./near.py:train"], ["../models/good.py:train"]),
        ("near.py:train", ["near.py:train", "{}/work/near.py:train"], ["near.py:test"]),
        ("../models/*.py:*", ["{}/models/good.py:train"], ["near.py:train"]),
        ("~/models/good.py:*", ["{}/models/good.py:train"], ["near.py:train"]),
        ("{}/models/*/../*.py:*", [], ["{}/models/good.py:train", "{}/evil/bad.py:train"]),
    ],
)
def test_files_match_where_they_really_are(
    patterns: str,
    allowed: list[str],
    refused: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, patterns.format(folder))
    paths = [path.format(folder) for path in allowed + refused]
    assert [path for path in paths if is_allowed(path)] == paths[: len(allowed)]


def test_what_is_refused_is_told_with_the_patterns_and_the_real_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, "mycompany.models:*, *.py:train")
    with pytest.raises(InvalidConfiguration) as raised:
        check_allowed("../models/link.py:train", "observers.0")
    assert str(raised.value) == NOT_ALLOWED.format(folder=folder)


@pytest.mark.parametrize("pattern", ["*", "mycompany.models", ":train", "mycompany.models:"])
def test_a_pattern_that_is_no_path_is_a_mistake_and_allows_nothing(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, f"os:system, {pattern}")
    with pytest.raises(InvalidConfiguration, match=ALLOWED_OBJECTIVES) as raised:
        check_allowed("os:system", "objective")
    assert f"got {pattern!r}" in str(raised.value)


MODELS = """
import functools
import os
from os import path, system
from pathlib import Path

def train(params):
    return 1.0

class Model:
    def train(self, params):
        return 2.0

    @classmethod
    def fit(cls, params):
        return 3.0

model = Model()
partial = functools.partial(train)
alias = os.system
Path("marker").touch()
"""


class Models(NamedTuple):
    name: str
    marker: Path


@pytest.fixture(params=["module", "file"])
def models(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Models:
    """A module with objectives of its own and others, which leaves a mark when it is imported."""
    file = tmp_path / "models_on_trial.py"
    file.write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return Models(
        "models_on_trial" if request.param == "module" else str(file), tmp_path / "marker"
    )


def refusal(path: str) -> str:
    """Why an objective is not loaded by a process that was told to load it, come what may."""
    launcher = Launcher(
        ObjectiveSpec(
            name=path,
            path=path,
            sys_path=describe_objective(refusal).sys_path,
            directory=str(Path.cwd()),
        )
    )
    try:
        launcher.load()
    except ObjectiveNotFound as error:
        return str(error)
    finally:
        launcher.stop()
    return ""


def test_a_path_that_is_not_allowed_is_refused_before_it_is_imported(
    models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, "mycompany.models:*")
    with pytest.raises(InvalidConfiguration, match=r"objective: must .*ALLOWED_OBJECTIVES"):
        describe_objective(f"{models.name}:train")
    assert ALLOWED_OBJECTIVES in refusal(f"{models.name}:train")
    assert not models.marker.exists()


@pytest.mark.parametrize("attribute", ["train", "Model", "model"])
def test_what_a_module_defines_is_reached_by_a_wildcard(
    models: Models, attribute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, f"{models.name}:*")
    launcher = launcher_for(f"{models.name}:{attribute}")
    try:
        assert attempt(launcher).report.metric is not None
    finally:
        launcher.stop()


@pytest.mark.parametrize("attribute", ["system", "alias", "path", "os", "Path", "partial"])
def test_what_a_module_imports_is_not_reached_by_a_wildcard(
    models: Models, attribute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, f"{models.name}:*")
    message = refusal(f"{models.name}:{attribute}")
    assert "must be defined in" in message
    assert re.search(r"\badd it\b.*\bfull name\b", message)


def test_a_prefect_task_is_defined_where_its_function_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "steps.py"
    file.write_text("from prefect import task\n@task\ndef step(params): return 4.0\n")
    monkeypatch.setenv(ALLOWED_OBJECTIVES, f"{tmp_path}/*.py:*")
    assert refusal(f"{file}:step") == ""
    assert "must be defined in" in refusal(f"{file}:task")


@pytest.mark.parametrize("attribute", ["partial", "alias", "Model.fit"])
def test_a_full_name_reaches_whatever_it_names(
    models: Models, attribute: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, f"{models.name}:*, {models.name}:{attribute}")
    assert "must be defined in" not in refusal(f"{models.name}:{attribute}")


def test_a_callable_is_not_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, "mycompany.models:*")
    launcher = launcher_for(lambda params: float(params["x"]))
    try:
        assert attempt(launcher, x=2).report.metric == 2.0
    finally:
        launcher.stop()


def test_an_inherited_method_is_defined_where_its_class_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ALLOWED_OBJECTIVES, f"{__name__}:Child.*")

    class Child(Path):
        pass

    with pytest.raises(InvalidConfiguration, match="is defined in 'pathlib'"):
        check_definition(f"{__name__}:Child.touch", Child.touch, "objective")
