from __future__ import annotations

import functools
import importlib.util
import os
import re
import signal
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from prefect_tuner import InvalidConfiguration, Outcome, Params, TrainableModel, TrialContext
from prefect_tuner.errors import ObjectiveNotFound
from prefect_tuner.tasks.objectives.objective import (
    ObjectiveSpec,
    check_objective,
    describe_objective,
)
from tests.tasks.attempts import Attempt, assert_gone, attempt, launcher_for, pids_in

WriteModule = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> WriteModule:
    """Writes a file of Python into an empty folder."""

    def write(name: str, code: str) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(code))
        return file

    return write


@pytest.fixture
def on_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The empty folder, where modules are looked for; what is imported from it is forgotten."""
    monkeypatch.syspath_prepend(str(tmp_path))
    known = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - known:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def run(objective: object, **params: Any) -> Attempt:
    """One attempt at an objective, as a trial that has number 3 and seed 7."""
    launcher = launcher_for(objective)
    try:
        launcher.load()
        return attempt(launcher, number=3, seed=7, **params)
    finally:
        launcher.stop()


def metric(objective: object, **params: Any) -> float | None:
    report = run(objective, **params).report
    assert report.outcome is Outcome.COMPLETED, report
    return report.metric


def refusal(objective: object, load_timeout: float = 60.0) -> str:
    """What the user is told when the objective cannot be loaded."""
    launcher = launcher_for(objective, load_timeout=load_timeout)
    try:
        with pytest.raises(ObjectiveNotFound) as raised:
            launcher.load()
        return str(raised.value)
    finally:
        launcher.stop()


def double(params: Params) -> float:
    return 2.0 * float(params["x"])


class Model:
    def __init__(self, factor: float = 3.0) -> None:
        self.factor = factor

    def train(self, params: Params) -> float:
        return self.factor * float(params["x"])

    def score(self, params: Params, trial: TrialContext) -> float:
        return self.factor * float(params["x"]) + trial.number


class CallableModel:
    def __call__(self, params: Params) -> float:
        return float(params["x"])


class AsynchronousModel:
    async def train(self, params: Params) -> float:
        return float(params["x"])


async def asynchronous(params: Params) -> float:
    import asyncio

    await asyncio.sleep(0.01)
    return float(params["x"])


def with_factor(params: Params, factor: float = 10.0) -> float:
    return factor * float(params["x"])


def test_a_function_is_an_objective() -> None:
    assert metric(double, x=1.5) == 3.0


def test_a_lambda_is_an_objective() -> None:
    assert metric(lambda params: params["x"] + 1, x=1) == 2.0


def test_a_closure_is_an_objective() -> None:
    offset = 40

    def objective(params: Params) -> float:
        return float(params["x"]) + offset

    assert metric(objective, x=2) == 42.0


def test_a_partial_is_an_objective() -> None:
    assert metric(functools.partial(with_factor, factor=4.0), x=2) == 8.0


def test_an_object_with_a_method_train_is_an_objective() -> None:
    model = Model(factor=5.0)
    assert isinstance(model, TrainableModel)
    assert metric(model, x=2) == 10.0


def test_a_class_with_a_method_train_is_instantiated() -> None:
    assert metric(Model, x=2) == 6.0
    assert metric("tests.tasks.objectives.test_objective:Model", x=2) == 6.0


def test_methods_and_callable_objects_are_objectives() -> None:
    assert metric(Model(2.0).score, x=2) == 7.0
    assert metric(CallableModel(), x=2) == 2.0


@pytest.mark.parametrize("objective", [asynchronous, AsynchronousModel()])
def test_an_asynchronous_objective_is_awaited(objective: object) -> None:
    assert metric(objective, x=2) == 2.0


def test_the_path_of_an_attribute_may_have_several_steps() -> None:
    assert metric("tests.tasks.objectives.test_objective:double.__call__", x=2) == 4.0


def test_a_prefect_task_is_tuned_without_its_task_run(
    write: WriteModule, on_the_path: Path
) -> None:
    file = write(
        "decorated.py",
        """
        from prefect import flow, task

        @task(retries=3)
        def train(params):
            from prefect.context import TaskRunContext
            return params["x"] if TaskRunContext.get() is None else -1

        @flow
        async def main(params):
            return params["x"]
        """,
    )
    assert on_the_path == file.parent
    import decorated  # type: ignore[import-not-found]

    assert metric(decorated.train, x=2) == 2.0
    assert metric(decorated.main, x=3) == 3.0
    assert metric("decorated:train", x=4) == 4.0


def test_a_file_is_found_by_its_path_with_its_neighbours(
    write: WriteModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("my folder/neighbour.py", "FACTOR = 7")
    file = write(
        "my folder/training.py",
        """
        import neighbour

        class Models:
            @staticmethod
            def best(params):
                return neighbour.FACTOR * params["x"]
        """,
    )
    assert metric(f"{file}:Models.best", x=2) == 14.0
    monkeypatch.chdir(tmp_path)
    assert metric("my folder/training.py:Models.best", x=2) == 14.0


@pytest.mark.parametrize("name", ["statistics.py", "queue.py", "secrets.py", "json.py"])
def test_a_file_may_have_the_name_of_a_standard_module(write: WriteModule, name: str) -> None:
    module = name.removesuffix(".py")
    write("neighbour.py", "FACTOR = 7")
    file = write(
        name,
        f"""
        import {module}, neighbour

        def train(params):
            assert {module}.__file__ != __file__
            return neighbour.FACTOR * params["x"]
        """,
    )
    assert metric(f"{file}:train", x=2) == 14.0


def test_the_working_directory_does_not_hide_modules(
    write: WriteModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("json.py", "numpy.py", "socket.py"):
        write(name, "raise RuntimeError('not this one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", ".")])
    assert metric(lambda params: params["x"], x=2) == 2.0


def load_by_path(file: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


SCRIPT = """
    import functools

    FACTOR = 7

    def helper(x):
        return FACTOR * x

    def train(params):
        return helper(params["x"])

    def with_factor(params, factor):
        return helper(params["x"]) + factor

    partial = functools.partial(with_factor, factor=1)

    class Model:
        def train(self, params):
            return helper(params["x"])

    model = Model()
"""


@pytest.mark.parametrize("registered", [True, False])
@pytest.mark.parametrize("name", ["__prefect_loader_1__", "statistics", "no_package.script"])
def test_an_objective_of_a_module_that_only_this_process_has_travels_by_value(
    write: WriteModule, monkeypatch: pytest.MonkeyPatch, name: str, registered: bool
) -> None:
    if name in sys.modules:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, name, ModuleType("to be restored"))
    module = load_by_path(write("script.py", SCRIPT), name)
    if not registered:
        del sys.modules[name]
    assert metric(module.train, x=2) == 14.0
    assert metric(module.model.train, x=2) == 14.0
    assert metric(module.partial, x=2) == 15.0


def test_an_objective_that_can_be_imported_travels_by_reference(
    write: WriteModule, on_the_path: Path
) -> None:
    write("importable/__init__.py", "")
    write("importable/training.py", SCRIPT)
    module = importlib.import_module("importable.training")
    assert on_the_path.name in str(module.__file__)
    spec = describe_objective(module.train)
    assert len(spec.pickled) < 100
    module.__dict__["FACTOR"] = 8  # Seen by this process alone.
    assert metric(module.train, x=2) == 14.0


def test_an_objective_takes_the_trial_as_its_second_argument() -> None:
    def objective(params: Params, trial: TrialContext) -> dict[str, float]:
        trial.log(f"trial {trial.number} of {trial.study}")
        return {"metric": trial.number, "seed": trial.seed, "attempt": trial.attempt}

    result = run(objective)
    assert (result.report.metric, result.report.extra) == (3.0, {"seed": 7.0, "attempt": 1.0})
    assert result.lines == ["trial 3 of tests"]


def test_a_second_argument_with_a_default_is_the_trial_if_it_is_called_trial() -> None:
    def named_trial(params: Params, trial: TrialContext | None = None) -> float:
        return trial.number if trial is not None else -1.0

    assert metric(named_trial, x=1) == 3.0
    assert metric(with_factor, x=1) == 10.0


def test_an_objective_of_any_arguments_takes_the_parameters() -> None:
    assert metric(lambda *arguments: len(arguments)) == 1.0


def test_values_arrive_exactly_as_they_were_declared() -> None:
    values = {"a": True, "b": 1, "c": 1.0, "d": "1", "e": 0.1 + 0.2, "f": 2**80, "g": "ü\ud800\n"}

    def objective(params: Params) -> dict[str, float]:
        same = [type(params[k]) is type(v) and params[k] == v for k, v in values.items()]
        return {"metric": sum(same), "in order": (list(params) == list(values) and 1.0) or 0.0}

    report = run(objective, **values).report
    assert (report.metric, report.extra) == (len(values), {"in order": 1.0})


def test_the_global_generators_are_seeded_by_trial() -> None:
    def draws(params: Params) -> dict[str, float]:
        import random

        import numpy as np

        return {"metric": random.random(), "numpy": float(np.random.rand())}  # noqa: NPY002

    launcher = launcher_for(draws)
    launcher.load()
    drawn = [attempt(launcher, seed=seed).report for seed in (1, 2, 2, 2**32 - 1)]
    launcher.stop()
    assert drawn[1].metric == drawn[2].metric
    assert drawn[1].extra == drawn[2].extra
    assert len({report.metric for report in drawn}) == 3
    assert len({report.extra["numpy"] for report in drawn}) == 3


def test_an_objective_may_be_a_module_that_reads_the_command_line(write: WriteModule) -> None:
    file = write(
        "script.py",
        """
        import argparse
        options = argparse.ArgumentParser().parse_args()

        def train(params):
            return 1.0
        """,
    )
    assert metric(f"{file}:train") == 1.0


@pytest.mark.parametrize("bad", [3, None, 1.5, [], "", "module", "module:", ":train", "m:not one"])
def test_the_form_of_an_objective_is_checked_without_importing_anything(bad: object) -> None:
    with pytest.raises(InvalidConfiguration, match="objective: must") as raised:
        check_objective(bad)
    assert repr(bad) in str(raised.value)


@pytest.mark.parametrize("good", ["m:train", "a.b.c:D.train", "a b/c.py:train", double, Model()])
def test_a_good_form_is_good(good: object) -> None:
    check_objective(good)


def test_an_object_that_cannot_be_pickled_is_told_what_to_do() -> None:
    import threading

    lock = threading.Lock()
    with pytest.raises(ObjectiveNotFound, match="give its path") as raised:
        describe_objective(lambda _: lock)
    assert "lock" in str(raised.value)


def test_the_pickled_objective_is_not_shown() -> None:
    assert "pickled" not in repr(describe_objective(double))
    assert describe_objective(double).name == "double"
    assert describe_objective(Model()).name == "Model"


def test_a_missing_module_is_named() -> None:
    message = refusal("no.such.module:train")
    assert re.match(r"objective 'no\.such\.module:train': .*'no\.such\.module' failed", message)
    assert "No module named 'no'" in message
    assert 'File "' not in message


def test_a_missing_file_is_named_with_the_folder(tmp_path: Path) -> None:
    folder = re.escape(repr(str(Path.cwd())))
    pattern = rf"objective 'no/such\.py:train': .*no file 'no/such\.py'.*{folder}"
    assert re.fullmatch(pattern, refusal("no/such.py:train"))
    assert "there is no file" in refusal(f"{tmp_path}/no.py:train")


def test_a_missing_attribute_is_told_with_those_that_are_there(write: WriteModule) -> None:
    file = write("training.py", "def train(params): return 1.0\nclass Model: pass")
    pattern = rf"objective '{file}:tran': '{file}' .*no attribute 'tran'.* Model, train"
    assert re.fullmatch(pattern, refusal(f"{file}:tran"))
    assert "has no attribute 'Model.train'" in refusal(f"{file}:Model.train")
    assert len(refusal("tests.tasks.faults:nothing")) < 500


def test_an_error_at_import_is_told_with_its_own_traceback(write: WriteModule) -> None:
    file = write("broken.py", "def compute():\n    return 1 / 0\n\nX = compute()\n")
    message = refusal(f"{file}:train")
    assert re.search(rf"'{file}' failed: ZeroDivisionError\(", message)
    assert "in compute" in message
    assert "importlib" not in message
    assert "prefect_tuner" not in message


@pytest.mark.parametrize(
    ("code", "told"),
    {
        "import sys; sys.exit(3)": "failed: SystemExit(3)",
        "import os; os._exit(3)": "the process that loads it exited with code 3",
        "import os; os.kill(os.getpid(), 9)": "the process that loads it was killed by SIGKILL",
        "open('no such file')": "No such file or directory: 'no such file'",
        "train = 3": "must be callable or have a method train, got int",
        "class train:\n    def __init__(self, x): pass\n    def train(self, params): pass": (
            "cannot be instantiated without arguments"
        ),
        "class A:\n    @property\n    def train(self): 1 / 0\ntrain = A()": "ZeroDivisionError",
        "def train(): pass": "got the arguments ()",
        "def train(a, b, c): pass": "got the arguments (a, b, c)",
        "def train(params, *, key): pass": "got the arguments (params, key)",
        "def train(params": "SyntaxError",
    }.items(),
)
def test_what_cannot_be_an_objective_is_refused_with_the_reason(
    write: WriteModule, code: str, told: str
) -> None:
    file = write("training.py", code)
    message = refusal(f"{file}:train")
    assert message.startswith(f"objective '{file}:train': ")
    assert told in message


STARTS_PROCESSES = """
    import pathlib, subprocess

    with pathlib.Path(__file__).with_suffix(".pids").open("a") as pids:
        for session in (False, True):
            started = subprocess.Popen(["sleep", "1000"], start_new_session=session)
            print("pid", started.pid, file=pids)
"""


def assert_what_it_started_is_gone(file: Path) -> None:
    pids = pids_in(file.with_suffix(".pids").read_text().splitlines())
    assert len(pids) >= 2
    assert_gone(pids)


def test_a_module_that_never_finishes_importing_is_given_up(write: WriteModule) -> None:
    file = write("slow.py", STARTS_PROCESSES + "\n    import time; time.sleep(1000)")
    message = refusal(f"{file}:train", load_timeout=1.0)
    assert re.fullmatch(rf"objective '{file}:train': .*longer.*\b1 s", message)
    assert_what_it_started_is_gone(file)


@pytest.mark.parametrize("failure", ["1 / 0", "import os; os._exit(1)"])
def test_what_a_module_started_before_it_failed_is_ended(write: WriteModule, failure: str) -> None:
    file = write("failing.py", STARTS_PROCESSES + f"\n    {failure}")
    assert "failing.py" in refusal(f"{file}:train")
    pids = pids_in(file.with_suffix(".pids").read_text().splitlines())
    if "_exit" in failure:  # One that left the group, of a process that left no trace.
        os.kill(pids.pop(), signal.SIGKILL)
    assert_gone(pids)


def test_what_a_module_started_ends_with_the_launcher(write: WriteModule) -> None:
    file = write("helped.py", STARTS_PROCESSES + "\n    def train(params): return 1.0")
    assert metric(f"{file}:train") == 1.0
    assert_what_it_started_is_gone(file)


def test_importing_is_not_part_of_the_trials_time(write: WriteModule) -> None:
    file = write("slow.py", "import time; time.sleep(1.5)\ndef train(params): return 1.0")
    for fresh in (False, True):
        launcher = launcher_for(f"{file}:train", isolation="fresh" if fresh else "fork")
        report = attempt(launcher, timeout=1.0).report
        launcher.stop()
        assert report.outcome is Outcome.COMPLETED
        assert report.duration is not None
        assert report.duration < 1


def test_an_objective_that_cannot_be_unpickled_is_refused() -> None:
    spec = ObjectiveSpec(
        name="odd", pickled=b"nonsense", sys_path=tuple(sys.path), directory=str(Path.cwd())
    )
    from prefect_tuner.tasks.processes.launcher import Launcher

    launcher = Launcher(spec)
    with pytest.raises(ObjectiveNotFound, match=r"objective 'odd': .*be loaded"):
        launcher.load()
    launcher.stop()
