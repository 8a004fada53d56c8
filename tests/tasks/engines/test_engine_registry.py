"""Engines by their names: built in, and of a package that is installed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from prefect.context import FlowRunContext
from prefect.task_runners import ThreadPoolTaskRunner
from pydantic import BaseModel

from prefect_tuner import InvalidConfiguration
from prefect_tuner.plug_ins import Registry
from prefect_tuner.tasks.engine import Engine, EngineOptions, EngineStudy
from prefect_tuner.tasks.engines import engine_registry
from prefect_tuner.tasks.engines.engine_choice import engine_for
from prefect_tuner.tasks.engines.engine_registry import (
    engine_class,
    engine_names,
    engines_in_use,
    parse_engine,
)
from prefect_tuner.tasks.engines.local import LocalEngine
from prefect_tuner.tasks.objectives.objective import describe_objective
from prefect_tuner.tasks.processes.isolation import LaunchSettings
from prefect_tuner.tasks.workers.trial_request import RetryPolicy

SECRET = "x7-very-secret"


def mistakes_in(name: Any, options: Any = {}) -> tuple[str, ...]:  # noqa: B006 - as it is given
    with pytest.raises(InvalidConfiguration) as raised:
        parse_engine(name, options)
    return raised.value.mistakes


def in_another_process(statement: str, *search_path: Path) -> Any:
    """What a new process prints as JSON."""
    program = f"import json, sys\nsys.path[:0] = {[*map(str, search_path)]}\n{statement}"
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return json.loads(process.stdout)


def test_the_built_in_engines_are_named_and_the_local_one_needs_nothing() -> None:
    assert {"dask", "local", "ray"} <= set(engine_names())
    assert parse_engine("local", {}) == (LocalEngine, EngineOptions())


def test_neither_dask_nor_ray_nor_a_plug_in_is_imported_unless_it_is_asked_for(
    installed: Path,
) -> None:
    statement = (
        "import prefect_tuner.flows.tune\n"
        "from prefect_tuner.tasks.engines import engine_registry\n"
        "engine_registry.parse_engine('local', {})\n"
        "names = engine_registry.engine_names()\n"
        "tops = {name.partition('.')[0] for name in sys.modules}\n"
        "print(json.dumps([names, sorted(tops)]))"
    )
    names, loaded = in_another_process(statement, installed)
    assert {"broken", "dask", "local", "noting", "ray"} <= set(names)
    foreign = {"dask", "distributed", "halton_plugin", "prefect_dask", "prefect_ray", "ray"}
    assert not foreign & set(loaded)


@pytest.mark.usefixtures("plug_in")
def test_a_plug_in_is_an_engine_like_any_other(tmp_path: Path) -> None:
    assert engine_names() == sorted(engine_names())
    kind, options = parse_engine("noting", {"file": str(tmp_path / "notes"), "word": "run"})
    assert kind.__name__ == "NotingEngine"
    assert isinstance(options, kind.Options)
    assert options.model_dump(exclude_unset=True) == {
        "file": str(tmp_path / "notes"),
        "word": "run",
    }


@pytest.mark.usefixtures("plug_in")
def test_a_plug_in_cannot_take_the_name_of_a_built_in_engine() -> None:
    assert engine_class("local") is LocalEngine
    assert engine_names().count("local") == 1


@pytest.mark.usefixtures("plug_in")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken", "cannot be loaded: RuntimeError: this plug-in needs a licence key"),
        ("no_engine", "must be a subclass of Engine, got <class"),
        ("unfinished", "must define _stop_all, opened, start, stop_trial"),
    ],
)
def test_a_plug_in_that_cannot_be_used_is_named_with_its_package(name: str, said: str) -> None:
    (mistake,) = mistakes_in(name)
    assert mistake.startswith(f"engine: {name!r} cannot be used: the plug-in 'halton_plugin.")
    assert "of halton-plugin 1.2.3" in mistake
    assert said in mistake


@pytest.mark.usefixtures("plug_in")
@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        ("dusk", {}, ["engine: 'dusk' is not known, did you mean 'dask'? Known are 'dask'"]),
        ("notign", {}, ["engine: 'notign' is not known, did you mean 'noting'?"]),
        ("Local", {}, ["engine: 'Local' is not known, did you mean 'local'?"]),
        (None, {}, ["engine: must be one of 'broken', 'dask', 'deployment', 'local', "]),
        (["dask"], {}, ["engine: must be one of "]),
        ("local", [], ["engine_options: must be a mapping, got []"]),
        ("local", {"threads": 3}, ["engine_options.threads: is not known"]),
        ("dusk", 3, ["engine: 'dusk' is not known", "engine_options: must be a mapping, got 3"]),
        ("noting", {}, ["engine_options.file: is required"]),
        (
            "noting",
            {"fiel": "notes", "word": "try"},
            [
                "engine_options.file: is required",
                "engine_options.word: must be 'trial' or 'run', got 'try'",
                "engine_options.fiel: is not known, did you mean 'file'? Known are",
            ],
        ),
        (
            "noting",
            {"file": "notes", "word": ("run",)},
            [
                "engine_options.word: the option must be a number, a text, true or false, None",
            ],
        ),
        (
            "ray",
            {"num_cpus": True, "num_gpus": "0.5", "resources": {"licence": "1"}},
            [
                "engine_options.num_cpus: must be a valid number, got True",
                "engine_options.num_gpus: must be a valid number, got '0.5'",
                "engine_options.resources.licence: must be a valid number, got '1'",
            ],
        ),
        (
            "noting",
            {"file": Path("notes"), "word": float("nan")},
            [
                "engine_options.file: the option must be a number, a text",
                "engine_options.word: the option must be a finite number, got nan",
                "engine_options.file: is required",
            ],
        ),
    ],
)
def test_all_mistakes_are_told_at_once_with_their_parameter(
    name: Any, options: Any, expected: list[str]
) -> None:
    found = mistakes_in(name, options)
    assert len(found) == len(expected), found
    for mistake, beginning in zip(found, expected, strict=True):
        assert mistake.startswith(beginning)


def test_options_are_plain_json() -> None:
    given = {"deployment": "trial/pods", "tags": ["nightly", "gpu"], "start_timeout": 60}
    _, options = parse_engine("deployment", json.loads(json.dumps(given)))
    assert options.model_dump(mode="json", exclude_unset=True) == given


@pytest.mark.usefixtures("plug_in")
@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"file": f"s3://user:{SECRET}@bucket/notes"}, "file"),
        ({"file": "notes", "licence": SECRET}, "licence"),
        ({"file": "notes", "env": {"API_KEY": SECRET}}, "env.API_KEY"),
        ({"file": "notes", "token": [SECRET]}, "token"),
        ({"file": "notes", "args": ["-v", f"--password={SECRET}"]}, "args.1"),
    ],
    ids=str,
)
def test_options_with_secrets_are_refused_and_not_shown(
    options: Mapping[str, Any], place: str
) -> None:
    found = mistakes_in("noting", options)
    assert any(m.startswith(f"engine_options.{place}: must not hold a secret") for m in found)
    assert SECRET not in "".join(found)


def test_a_secret_is_not_shown_though_the_engine_is_not_known() -> None:
    found = mistakes_in("dusk", {"address": f"tcp://user:{SECRET}@host", "token": SECRET})
    assert [mistake.partition(":")[0] for mistake in found] == [
        "engine",
        "engine_options.address",
        "engine_options.token",
    ]
    assert SECRET not in "".join(found)


@pytest.mark.usefixtures("plug_in")
def test_numbers_of_numpy_are_taken_as_pythons() -> None:
    (mistake,) = mistakes_in("noting", {"file": np.int64(3)})
    assert mistake == "engine_options.file: must be a valid string, got 3"


@pytest.mark.parametrize(("name", "package"), [("dask", "prefect-dask"), ("ray", "prefect-ray")])
def test_an_engine_whose_package_is_not_installed_says_what_to_install(
    name: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_registry, "find_spec", lambda _: None)
    (mistake,) = mistakes_in(name)
    assert mistake == (
        f"engine: {name!r} cannot be used: needs {package}: pip install 'prefect-tuner[{name}]'"
    )


def test_an_engine_whose_package_is_too_old_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_registry, "find_spec", lambda _: "found")
    monkeypatch.setattr(Registry, "load", lambda *_: __import__("no_such_module"))
    (mistake,) = mistakes_in("dask")
    assert mistake == (
        "engine: 'dask' cannot be used: it cannot be loaded (No module named 'no_such_module'): "
        "pip install 'prefect-tuner[dask]'"
    )


def test_the_options_of_an_engine_are_those_of_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalEngine, "Options", BaseModel)
    (mistake,) = mistakes_in("local")
    assert mistake.startswith("engine: 'local' cannot be used: it has Options that must be a sub")


def engine_on(runner: object, monkeypatch: pytest.MonkeyPatch) -> type[Engine]:
    """The engine of a study whose flow has a task runner, and names no engine."""
    context = None if runner is None else SimpleNamespace(task_runner=runner)
    monkeypatch.setattr(FlowRunContext, "get", lambda: context)
    study = EngineStudy(
        "small",
        describe_objective("json:loads"),
        LaunchSettings(concurrency=1),
        RetryPolicy(),
        lambda *_: None,
    )
    with engine_for(study, parse_engine("local", {})) as engine:
        return type(engine)


@pytest.mark.usefixtures("plug_in")
def test_a_task_runner_that_a_plug_in_knows_gets_its_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = SimpleNamespace(noted_in=str(tmp_path / "notes"))
    assert engine_on(runner, monkeypatch).__name__ == "NotingEngine"
    assert engine_on(ThreadPoolTaskRunner(), monkeypatch) is LocalEngine
    assert engine_on(None, monkeypatch) is LocalEngine


@pytest.mark.usefixtures("plug_in")
def test_engines_are_asked_for_their_task_runners_once_their_package_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for package in ("prefect_dask", "prefect_ray"):
        monkeypatch.delitem(sys.modules, package, raising=False)
    assert [kind.__name__ for kind in engines_in_use()] == ["NotingEngine"]
    monkeypatch.setitem(sys.modules, "prefect_dask", SimpleNamespace())
    asked = []

    def noted(name: str) -> type[Engine]:
        asked.append(name)
        return engine_class(name) if name not in ("dask", "ray") else LocalEngine

    monkeypatch.setattr(engine_registry, "engine_class", noted)
    assert LocalEngine in list(engines_in_use())
    assert asked == ["dask", "broken", "no_engine", "noting", "unfinished"]


def test_where_objectives_are_limited_only_what_a_trial_takes_can_be_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PREFECT_TUNER_ALLOWED_OBJECTIVES", "mycompany.models:*")
    parse_engine("dask", {"resources": {"GPU": 1}})
    parse_engine("ray", {"num_cpus": 2})
    for given in ({"address": "tcp://elsewhere:8786"}, {"cluster_class": "os.system.Cluster"}):
        with pytest.raises(InvalidConfiguration, match="PREFECT_TUNER_ALLOWED_OBJECTIVES limits"):
            parse_engine("dask", given)
