"""What belongs to a script is there in its trials, as it is when the script runs."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.tasks.modules import run_once, write_module

RUNNER = """
import json, sys

def run_trial(objective, **settings):
    from prefect_tuner.tasks.attempt import run_attempt
    from prefect_tuner.tasks.attempt_report import TrialLimits
    from prefect_tuner.tasks.attempt_request import AttemptRequest
    from prefect_tuner.tasks.launcher import Launcher, LaunchSettings
    from prefect_tuner.tasks.objective import describe_objective

    launcher = Launcher(describe_objective(objective), LaunchSettings(**settings))
    lines = []
    try:
        request = AttemptRequest("script", 0, {"x": 2}, 0)
        report = run_attempt(launcher, request, TrialLimits(60.0), lambda _, t: lines.append(t))
    finally:
        launcher.stop()
    print(json.dumps([report.metric, report.message, lines]))
"""
"""What a script needs to run an objective of its own as a trial."""


def run_script(folder: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "runner.py").write_text(RUNNER)
    (folder / "script.py").write_text(textwrap.dedent(code))
    return subprocess.run(
        [sys.executable, "script.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


USES: dict[str, str] = {
    "pickles an object": "return float(pickle.loads(pickle.dumps(Scale(3))).k)",
    "dumps an object": (
        "joblib.dump(Scale(4), 'scale.joblib')\n    return float(joblib.load('scale.joblib').k)"
    ),
    "loads what the script has dumped": (
        "return float(pickle.loads(pathlib.Path('other.pickle').read_bytes()).k)"
    ),
    "looks a class up": "return float(getattr(sys.modules['__main__'], 'Unused').k)",
    "uses a pool": (
        "with multiprocessing.Pool(2) as pool:\n        return float(sum(pool.map(work, [1, 2])))"
    ),
    "uses a pool that returns objects": (
        "with multiprocessing.Pool(2) as pool:\n"
        "        return float(sum(scale.k for scale in pool.map(Scale, [1, 2])))"
    ),
    "uses an executor": (
        "with ProcessPoolExecutor(2) as pool:\n        return float(sum(pool.map(work, [1, 2])))"
    ),
    "uses a spawned executor": (
        "context = multiprocessing.get_context('spawn')\n"
        "    with ProcessPoolExecutor(1, mp_context=context) as pool:\n"
        "        return float(sum(pool.map(work, [1, 2])))"
    ),
    "uses joblib": (
        "return float(sum(joblib.Parallel(2)(joblib.delayed(work)(i) for i in (1, 2))))"
    ),
    "reads its arguments": "return float(sys.argv[1])",
    "knows its file": "return float(len(pathlib.Path(__file__).name))",
    "knows what main has made": "return float(SETTINGS['k'])",
}

SCRIPT = """
import multiprocessing, pathlib, pickle, sys
from concurrent.futures import ProcessPoolExecutor

import joblib

from runner import run_trial

class Scale:
    def __init__(self, k): self.k = k

class Other:
    def __init__(self, k): self.k = k

class Unused:
    k = 7

def work(i): return i * 2

def train(params):
    {use}

SETTINGS = {{}}

if __name__ == "__main__":
    SETTINGS["k"] = 5
    pathlib.Path("other.pickle").write_bytes(pickle.dumps(Other(6)))
    print(train({{}}))
    run_trial(train, isolation=sys.argv[2])
"""


@pytest.mark.parametrize("isolation", ["fork", "fresh"])
@pytest.mark.parametrize("use", USES)
def test_what_a_script_does_its_trial_does(tmp_path: Path, use: str, isolation: str) -> None:
    told = run_script(tmp_path, SCRIPT.format(use=USES[use]), "9", isolation)
    assert told.returncode == 0, told.stderr
    plain, trial = told.stdout.splitlines()[-2:]
    assert trial == f'[{plain}, "", []]'


def test_an_object_of_a_script_bound_to_a_function_of_a_module(tmp_path: Path) -> None:
    (tmp_path / "models.py").write_text(
        "import pickle\n"
        "def train(params, settings): return float(pickle.loads(pickle.dumps(settings)).k)\n"
    )
    told = run_script(
        tmp_path,
        """
        from functools import partial
        import models
        from runner import run_trial

        class Settings:
            def __init__(self, k): self.k = k

        if __name__ == "__main__":
            run_trial(partial(models.train, settings=Settings(3)))
        """,
    )
    assert told.stdout == '[3.0, "", []]\n', told.stderr


def test_what_a_script_defines_and_nobody_asks_for_costs_nothing(tmp_path: Path) -> None:
    told = run_script(
        tmp_path,
        """
        import sys, threading
        from runner import run_trial

        DATA = bytes(200_000_000)
        LOCK = threading.Lock()

        def uses_data(): return len(DATA)
        def cannot_travel(): return LOCK
        def imports_much():
            from prefect import flow
            return flow

        def train(params):
            return float("prefect" not in sys.modules)

        if __name__ == "__main__":
            run_trial(train)
        """,
    )
    assert told.stdout == '[1.0, "", []]\n', told.stderr


def test_a_method_of_an_object_of_a_script(tmp_path: Path) -> None:
    told = run_script(
        tmp_path,
        """
        import pickle
        from runner import run_trial

        class Model:
            def __init__(self, k): self.k = k
            def train(self, params): return float(pickle.loads(pickle.dumps(self)).k)
            def __call__(self, params): return self.train(params) + 1

        class Callable:
            def __call__(self, params):
                return float(isinstance(pickle.loads(pickle.dumps(self)), Callable))

        if __name__ == "__main__":
            run_trial(Model(2))
            run_trial(Model(2).train)
            run_trial(Callable())
        """,
    )
    assert told.stdout.splitlines() == ['[2.0, "", []]'] * 2 + ['[1.0, "", []]'], told.stderr


def test_a_module_that_is_run_by_path_is_found_by_what_it_is_called(tmp_path: Path) -> None:
    # Prefect loads the scripts of deployments by path, under names that lead nowhere elsewhere.
    from importlib.util import module_from_spec, spec_from_file_location

    file = tmp_path / "served.py"
    file.write_text(
        "import pickle\n"
        "class Scale:\n    k = 3\n"
        "def train(params): return float(pickle.loads(pickle.dumps(Scale())).k)\n"
    )
    spec = spec_from_file_location("a_name_that_leads_nowhere", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        assert pickle.loads(pickle.dumps(module.Scale())).k == 3
        assert run_once(module.train).report.metric == 3.0
    finally:
        del sys.modules[spec.name]


UNGUARDED = """
from prefect_tuner import Float, TunerConfig, tune

def train(params):
    return params["x"]

print("begun")
tune({objective}, {{"x": Float(0.0, 1.0)}}, config=TunerConfig(max_trials=2))
"""


@pytest.mark.usefixtures("prefect_server")
@pytest.mark.parametrize("objective", ['"script.py:train"', '"script:train"'])
def test_a_script_without_a_main_guard_that_names_itself_is_told_so_once(
    tmp_path: Path, objective: str
) -> None:
    told = run_script(tmp_path, UNGUARDED.format(objective=objective))
    assert told.returncode == 1
    assert told.stderr.count("Beginning flow run") == 1
    *_, last = told.stderr.strip().splitlines()
    assert "ObjectiveNotFound" in last or "ObjectiveNotFound" in told.stderr
    assert "its own module begins a study when it is imported" in told.stderr
    assert 'Put the call that begins it under `if __name__ == "__main__":`' in told.stderr


@pytest.mark.usefixtures("prefect_server")
def test_a_script_without_a_main_guard_may_hand_over_its_function(tmp_path: Path) -> None:
    told = run_script(tmp_path, UNGUARDED.format(objective="train"))
    assert told.returncode == 0, told.stderr
    assert told.stdout == "begun\n"


def test_a_nested_study_in_a_trial_is_no_import(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        from prefect_tuner.tasks.objective_import import check_not_importing
        def train(params):
            check_not_importing()
            return 1.0
        """,
    )
    assert run_once(module).report.metric == 1.0
