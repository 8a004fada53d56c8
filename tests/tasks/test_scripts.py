"""What belongs to a script is there in its trials, as it is when the script runs."""

from __future__ import annotations

import json
import pickle
import re
import sys
import textwrap
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tests.tasks.modules import run_once, write_module
from tests.tasks.scripts import run_python, run_script

pytestmark = pytest.mark.slow

USES: dict[str, str] = {
    "pickles an object": "return float(pickle.loads(pickle.dumps(Scale(3))).k)",
    "dumps an object": (
        "import joblib\n    joblib.dump(Scale(4), 'scale.joblib')\n"
        "    return float(joblib.load('scale.joblib').k)"
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
        "import joblib\n"
        "    return float(sum(joblib.Parallel(2)(joblib.delayed(work)(i) for i in (1, 2))))"
    ),
    "reads its arguments": "return float(sys.argv[1])",
    "evaluates a text": "return float(eval('WIDTH') + globals()['WIDTH'])",
    "looks itself up": "return float(getattr(sys.modules[__name__], 'WIDTH'))",
    "has one set of variables": (
        "globals()['bump']()\n    bump()\n    return float(COUNT + looked_up())"
    ),
    "changes what others see": "Counter.count += 1\n    return float(count() + bump())",
    "keeps what it has changed": (
        "Counter.step = 5\n    found = getattr(sys.modules['__main__'], 'Re' + 'fers')\n"
        "    return float(found.counter.step + Counter.step)"
    ),
    "has a cache": "return float(cached(3) + cached(3) + cached.cache_info().hits)",
    "dispatches": "return float(measured(3) + measured('three'))",
    "has a registry": "return float(Base.known['Derived']().k + len(Base.known))",
    "has members of an enumeration": "return float(KIND is Kind.GOOD) + Kind.BAD.value",
    "has an object of its own": (
        "return float(isinstance(OBJECT, Scale)) + pickle.loads(pickle.dumps(OBJECT)).k"
    ),
    "has objects that belong together": "return float(HOLDER['scale'] is OBJECT)",
    "knows what main has made of a class": "return float(Counter.step)",
    "knows what main has made of a function": "return float(count.factor)",
    "knows what main has imported": "return float(fractions.Fraction(1, 2))",
    "has annotations": "return float(len(Point(1, 2).__dataclass_fields__))",
    "knows its file": "return float(len(pathlib.Path(__file__).name))",
    "knows what main has made": "return float(SETTINGS['k'])",
}

NEEDS_A_MAIN_GUARD = ("uses a spawned executor", "dispatches")

SCRIPT = """
import functools, json, multiprocessing, pathlib, pickle, sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import Enum

from runner import run_trials

class Scale:
    def __init__(self, k): self.k = k

class Other:
    def __init__(self, k): self.k = k

class Unused:
    k = 7

class Counter:
    count = 0
    step = 1

class Refers:
    counter = Counter

class Base:
    known = {{}}
    def __init_subclass__(cls): Base.known[cls.__name__] = cls

class Derived(Base):
    k = 3

class Kind(Enum):
    GOOD = 1
    BAD = 2

@dataclass
class Point:
    x: int
    y: int = 0

def work(i): return i * 2

COUNT = 0
def bump():
    global COUNT
    COUNT += 1
    return COUNT

def count(): return Counter.count
def looked_up(): return getattr(sys.modules[__name__], "COUNT")

@functools.lru_cache(maxsize=7)
def cached(i): return i + 1

@functools.singledispatch
def measured(value): return value
@measured.register
def _(value: str): return len(value)

{trains}

def train(params): return TRAINS[params["use"]](params)

SETTINGS = {{}}
OBJECT = Scale(5)
HOLDER = {{"scale": OBJECT}}
WIDTH = 0
KIND = None

{guard}
    import fractions
    WIDTH = 11
    KIND = Kind.GOOD
    SETTINGS["k"] = 5
    OBJECT.k = 6
    Counter.step = 8
    count.factor = 9
    pathlib.Path("other.pickle").write_bytes(pickle.dumps(Other(6)))
    for use in range(len(TRAINS)):
        print(json.dumps(train({{"use": use}})))
        COUNT, Counter.count, Counter.step = 0, 0, 8
        cached.cache_clear()
    run_trials(train, [{{"use": use}} for use in range(len(TRAINS))], isolation=sys.argv[2])
"""


@pytest.fixture(scope="module", params=["fork", "fresh", "without a main guard"])
def told(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[str, str]]:
    """By what a script does: what that gives when it is called, and what its trial tells."""
    is_guarded = request.param in ("fork", "fresh")
    uses = [use for use in USES if is_guarded or use not in NEEDS_A_MAIN_GUARD]
    trains = [f"def train_{i}(params):\n    {USES[use]}\n" for i, use in enumerate(uses)]
    trains.append(f"TRAINS = [{', '.join(f'train_{i}' for i in range(len(uses)))}]")
    guard = 'if __name__ == "__main__":' if is_guarded else "if True:"
    script = SCRIPT.format(trains="\n".join(trains), guard=guard)
    isolation = request.param if is_guarded else "fork"
    done = run_script(tmp_path_factory.mktemp("script"), script, "9", isolation)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return dict(zip(uses, zip(lines[: len(uses)], lines[len(uses) :], strict=True), strict=True))


@pytest.mark.parametrize("use", USES)
def test_what_a_script_does_its_trial_does(told: dict[str, tuple[str, str]], use: str) -> None:
    if use not in told:
        pytest.skip("it needs a main guard")
    plain, trial = told[use]
    assert trial == f'[{plain}, "", []]'


def test_who_has_no_main_guard_is_told_what_trials_do_not_have(tmp_path: Path) -> None:
    told = run_script(
        tmp_path,
        """
        from runner import run_trial
        from prefect_tuner.tasks.objectives.objective import describe_objective

        def train(params): return 1.0

        print(describe_objective(train).note)
        """,
    )
    assert re.search(r"Trials have.*'script\.py'.* uses\b", told.stdout)
    assert "With `if __name__" in told.stdout


SETS_UP = {
    "the precision": ("decimal.getcontext().prec = 3", "decimal.Decimal(1) / 3"),
    "what numpy does of errors": ("numpy.seterr(all='raise')", "numpy.geterr()"),
    "filters of warnings": (
        "warnings.filterwarnings('error', 'mine')",
        "[f[0] for f in warnings.filters if f[1] and f[1].pattern == 'mine']",
    ),
    "the recursion limit": ("sys.setrecursionlimit(4321)", "sys.getrecursionlimit()"),
    "options": ("sklearn.set_config(assume_finite=True)", "sklearn.get_config()['assume_finite']"),
    "what a library knows": (
        "copyreg.pickle(complex, lambda c: (complex, (c.real, 7)))",
        "pickle.loads(pickle.dumps(1j))",
    ),
    "another module": ("numpy.of_mine = 3", "numpy.of_mine"),
    "the environment": ("os.environ['OF_MINE'] = 'x'", "os.environ['OF_MINE']"),
}
"""What a script sets up, and what tells of it."""


@pytest.mark.parametrize("isolation", ["fork", "fresh"])
def test_what_a_script_sets_up_elsewhere_is_there(tmp_path: Path, isolation: str) -> None:
    told = run_script(
        tmp_path,
        "import copyreg, decimal, os, pickle, sys, warnings, numpy, sklearn\n"
        "from runner import run_trial\n"
        + "\n".join(code for code, _ in SETS_UP.values())
        + "\ndef told():\n    return ["
        + ", ".join(f"str({shown})" for _, shown in SETS_UP.values())
        + "]\ndef train(params):\n    print(told())\n    return 1.0\n"
        "if __name__ == '__main__':\n"
        "    print(told())\n    run_trial(train, isolation=sys.argv[1])\n",
        isolation,
    )
    assert told.returncode == 0, told.stderr
    plain, trial = told.stdout.splitlines()
    metric, _, (printed,) = json.loads(trial)
    assert metric == 1.0
    assert printed == plain


OPTIONS = {
    "decimal.getcontext().prec = 3": "decimal.getcontext().prec",
    "numpy.seterr(over='raise')": "numpy.geterr()",
    "warnings.filterwarnings('error', 'mine')": "warned()",
    "warnings.filterwarnings('ignore')": "warned()",
    "warnings.filterwarnings('error', 'mine', UserWarning)": "warned()",
    "sys.setrecursionlimit(4321)": "sys.getrecursionlimit()",
    "sklearn.set_config(assume_finite=True)": "sklearn.get_config()['assume_finite']",
    "pandas.set_option('display.precision', 3)": "pandas.get_option('display.precision')",
    "pandas.options.mode.chained_assignment = None": "pandas.options.mode.chained_assignment",
}
"""Options that are set, and what tells of them."""

LOAD_SLOWLY = ("pandas", "sklearn")


@pytest.mark.parametrize("where", ["in main", "without a main guard", "around a module's function"])
@pytest.mark.parametrize("isolation", ["fork", "fresh"])
def test_options_of_libraries_are_there_wherever_they_were_set(
    tmp_path: Path, isolation: str, where: str
) -> None:
    # How options travel is each library's own, and none's depends on where they were set.
    left_out = () if where == "in main" else LOAD_SLOWLY
    options = {code: told for code, told in OPTIONS.items() if not code.startswith(left_out)}
    modules = ["decimal", "warnings", "numpy", *(m for m in LOAD_SLOWLY if m not in left_out)]
    imports = f"import sys, {', '.join(modules)}\n"
    (tmp_path / "training.py").write_text(
        f"{imports}def warned():\n    try:\n        warnings.warn('mine')\n"
        "    except UserWarning:\n        return 'raised'\n"
        "def told():\n    return ["
        + ", ".join(f"str({shown})" for shown in options.values())
        + "]\ndef train(params):\n    print(told())\n    return 1.0\n"
    )
    own = "" if "module" in where else "def train(params):\n    print(told())\n    return 1.0\n"
    told = run_script(
        tmp_path,
        f"{imports}from runner import run_trial\nfrom training import told, train\n{own}"
        + ("if True:\n" if "without" in where else "if __name__ == '__main__':\n")
        + "".join(f"    {code}\n" for code in options)
        + "    print(told())\n    run_trial(train, isolation=sys.argv[1])\n",
        isolation,
    )
    assert told.returncode == 0, told.stderr
    plain, trial = told.stdout.splitlines()
    assert "raised" in plain
    metric, _, (printed,) = json.loads(trial)
    assert metric == 1.0
    assert printed == plain


@pytest.mark.parametrize("isolation", ["fork", "fresh"])
def test_options_of_the_interpreter_are_those_of_the_script(tmp_path: Path, isolation: str) -> None:
    told = run_script(
        tmp_path,
        """
        import sys, warnings
        from runner import run_trial

        def told():
            try:
                warnings.warn("mine", UserWarning)
                warned = ""
            except UserWarning:
                warned = "raised"
            utf8, optimize = sys.flags.utf8_mode, sys.flags.optimize
            return [__debug__, optimize, utf8, warned, sys._xoptions.get("utf8")]

        def train(params):
            print(told())
            assert False, "which is left out"
            return 1.0

        if __name__ == "__main__":
            print(told())
            run_trial(train, isolation=sys.argv[1])
        """,
        isolation,
        options=["-O", "-W", "error::UserWarning", "-X", "utf8"],
    )
    plain, trial = told.stdout.splitlines()
    assert plain == "[False, 1, 1, 'raised', True]"
    assert json.loads(trial) == [1.0, "", [plain]], told.stderr


def test_a_script_that_is_run_as_a_module_finds_its_package(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "neighbour.py").write_text("K = 3\n")
    for guard in ('if __name__ == "__main__":', "if True:"):
        (package / "script.py").write_text(
            textwrap.dedent(
                f"""
                import multiprocessing
                from runner import run_trial

                def work(i):
                    from .neighbour import K
                    return K * i

                def train(params):
                    if {guard!r} == "if True:":
                        return float(work(2))
                    with multiprocessing.get_context("spawn").Pool(1) as pool:
                        return float(pool.map(work, [2])[0])

                {guard}
                    run_trial(train)
                """
            )
        )
        told = run_python(tmp_path, "-m", "package.script")
        assert told.stdout == '[6.0, "", []]\n', told.stderr


def test_functions_that_are_made_by_the_script_use_its_variables(tmp_path: Path) -> None:
    told = run_script(
        tmp_path,
        """
        import functools, threading
        from runner import run_trial

        LOCK = threading.Lock()
        SCALE = None

        class Model:
            def __init__(self, k): self.k = k
            def train(self, params): return float(isinstance(self, Model)) * self.k * SCALE

        def made(factor):
            def train(params):
                with LOCK:
                    return float(SCALE * factor)
            return train

        if __name__ == "__main__":
            SCALE = 2
            class Late(Model):
                def train(self, params): return super().train(params) + 1
            run_trial(made(3))
            run_trial(lambda params: float(SCALE * 4))
            run_trial(functools.partial(made(5)))
            run_trial(Model(6))
            run_trial(Late(6).train)
        """,
    )
    metrics = [json.loads(line)[0] for line in told.stdout.splitlines()]
    assert metrics == [6.0, 8.0, 10.0, 12.0, 13.0], told.stderr + told.stdout


def test_what_cannot_travel_and_is_made_by_main_is_named(tmp_path: Path) -> None:
    told = run_script(
        tmp_path,
        """
        import threading
        from runner import run_trial

        LOCK = None

        def train(params):
            with LOCK:
                return 1.0

        if __name__ == "__main__":
            LOCK = threading.Lock()
            run_trial(train)
        """,
    )
    assert re.search(r"'LOCK'.*cannot be pickled", told.stdout)


CHANGED: dict[str, tuple[str, str, str]] = {
    "a large array": ("A = numpy.zeros(20_000)", "A[0] = 5", "A.sum()"),
    "a large array that main makes": ("B = None", "B = numpy.ones(20_000)", "B.sum()"),
    "a wrapper": (
        (
            "def scaled(f):\n    @functools.wraps(f)\n    def ten(x): return 10 * f(x)\n"
            "    return ten\ndef score(x): return x"
        ),
        "score = scaled(score)",
        "score(1)",
    ),
    "a nested class": (
        "class Config:\n    class Optim:\n        lr = 1",
        "Config.Optim.lr = 5",
        "Config.Optim.lr",
    ),
    "a mutable default": ("def f(x=[]): return len(x)", "f.__defaults__[0].append(1)", "f()"),
    "a default": ("def g(x=1): return x", "g.__defaults__ = (4,)", "g()"),
    "a default that others share": (
        "CACHE = {}\ndef get(cache=CACHE): return len(cache) + len(CACHE)",
        "CACHE['k'] = 5",
        "get()",
    ),
    "what a decorator holds": (
        (
            "def memo(f):\n    seen = {}\n    def g(x):\n        seen.setdefault(x, f())\n"
            "        return len(seen)\n    return g\nh = memo(lambda: 1)"
        ),
        "h(1), h(2)",
        "h(2)",
    ),
    "a method": (
        (
            "def make(k):\n    def method(self): return k\n    return method\n"
            "class M:\n    act = make(2)"
        ),
        "M.act = make(3)",
        "M().act()",
    ),
    "a property": (
        "class P:\n    p = property(lambda self: 1)",
        "P.p = property(lambda self: 2)",
        "P().p",
    ),
    "an object that cannot be pickled": (
        (
            "class Store:\n    def __init__(self): self.lock, self.k = threading.Lock(), 0\n"
            "STORE = Store()"
        ),
        "STORE.k = 5",
        "STORE.k",
    ),
    "a class that cannot be pickled": (
        "class Cache:\n    lock = threading.Lock()\n    data = {}",
        "Cache.data['k'] = 1",
        "len(Cache.data)",
    ),
    "a name that is gone": ("X = 1", "del X", "'X' in globals()"),
    "an abstract class": (
        "class Base(abc.ABC):\n    k = 1\nclass Derived(Base): pass",
        "Base.k = 2",
        "Derived.k",
    ),
    "a pydantic model": (
        "class Settings(pydantic.BaseModel):\n    k: int = 1\nSETTINGS = Settings()",
        "SETTINGS = Settings(k=3)",
        "SETTINGS.k + isinstance(SETTINGS, Settings)",
    ),
}
"""What a script defines, what its main does to it, and what tells of that."""


@pytest.mark.parametrize("isolation", ["fork", "fresh"])
def test_what_main_has_changed_is_changed_in_trials(tmp_path: Path, isolation: str) -> None:
    told = run_script(
        tmp_path,
        "import abc, functools, threading, numpy, pydantic\nfrom runner import run_trial\n"
        + "\n".join(code for code, _, _ in CHANGED.values())
        + "\ndef told(): return ["
        + ", ".join(f"float({shown})" for _, _, shown in CHANGED.values())
        + "]\ndef train(params):\n    print(told())\n    return 1.0\n"
        "if __name__ == '__main__':\n"
        + "".join(f"    {change}\n" for _, change, _ in CHANGED.values())
        + f"    print(told())\n    run_trial(train, isolation={isolation!r})\n",
    )
    assert told.returncode == 0, told.stderr
    plain, trial = told.stdout.splitlines()
    metric, message, lines = json.loads(trial)
    assert (metric, message) == (1.0, "")
    names = list(CHANGED)
    assert dict(zip(names, json.loads(lines[-1]), strict=True)) == dict(
        zip(names, json.loads(plain), strict=True)
    )


@pytest.mark.parametrize("isolation", ["fork", "fresh"])
def test_a_file_that_the_script_has_open_is_not_emptied(tmp_path: Path, isolation: str) -> None:
    told = run_script(
        tmp_path,
        """
        import logging, sys
        from runner import run_trial

        OUT = open("out.csv", "w", buffering=1)
        logging.basicConfig(filename="run.log", filemode="w", level="INFO")

        def train(params):
            OUT.write("row\\n")
            logging.info("in train")
            return 1.0

        if __name__ == "__main__":
            OUT.write("header\\n")
            logging.info("begun")
            run_trial(train, isolation=sys.argv[1])
        """,
        isolation,
    )
    assert json.loads(told.stdout)[0] == 1.0, told.stderr
    assert (tmp_path / "out.csv").read_text() == "header\nrow\n"
    assert (tmp_path / "run.log").read_text() == "INFO:root:begun\nINFO:root:in train\n"


def test_what_may_not_be_as_it_was_is_named(tmp_path: Path) -> None:
    told = run_script(
        tmp_path,
        """
        import threading
        LOCK = threading.Lock()
        NUMBERS = (i for i in range(3))

        def train(params):
            with LOCK:
                return next(NUMBERS)

        if __name__ == "__main__":
            from prefect_tuner.tasks.objectives.objective import describe_objective
            print(describe_objective(train).note)
        """,
    )
    assert re.match(r"Trials have 'NUMBERS' .*script", told.stdout), told.stderr


def test_a_script_that_cannot_be_run_again_is_told_of_what_is_not_there(tmp_path: Path) -> None:
    told = run_script(
        tmp_path,
        """
        import os
        os.mkdir("results")
        from runner import run_trial

        def train(params): return float(os.path.isdir("results"))

        if __name__ == "__main__":
            from prefect_tuner.tasks.processes.launcher import Launcher
            from prefect_tuner.tasks.objectives.objective import describe_objective
            launcher = Launcher(describe_objective(train))
            launcher.load()
            print(launcher.notes)
            launcher.stop()
            run_trial(train)
        """,
    )
    notes, trial = told.stdout.splitlines()
    assert re.search(r"script\.py' cannot be run.*\(FileExistsError", notes)
    assert trial == '[1.0, "", []]', told.stderr


def test_a_function_that_was_changed_since_it_was_imported_is_what_is_called(
    tmp_path: Path,
) -> None:
    told = run_script(
        tmp_path,
        """
        import pathlib
        from runner import run_trial

        def helper(): return 1.0
        def train(params): return helper()

        if __name__ == "__main__":
            text = pathlib.Path(__file__).read_text()
            pathlib.Path(__file__).write_text(text.replace("return 1.0", "return 2.0"))
            run_trial(train)
            def helper(): return 3.0
            run_trial(train)
        """,
    )
    metrics = [json.loads(line)[0] for line in told.stdout.splitlines()]
    assert metrics == [1.0, 3.0], told.stderr


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
    assert re.search(r"\bmodule begins a study\b", told.stderr)
    assert '`if __name__ == "__main__":`' in told.stderr


@pytest.mark.usefixtures("prefect_server")
def test_a_script_without_a_main_guard_may_hand_over_its_function(tmp_path: Path) -> None:
    told = run_script(tmp_path, UNGUARDED.format(objective="train"))
    assert told.returncode == 0, told.stderr
    assert told.stdout == "begun\n"


def test_a_nested_study_in_a_trial_is_no_import(tmp_path: Path) -> None:
    module = write_module(
        tmp_path,
        """
        from prefect_tuner.tasks.objectives.objective_import import check_not_importing
        def train(params):
            check_not_importing()
            return 1.0
        """,
    )
    assert run_once(module).report.metric == 1.0


def test_a_process_that_the_script_has_spawned_may_tune(tmp_path: Path) -> None:
    told = run_script(
        tmp_path,
        """
        import multiprocessing
        from runner import run_trial

        K = 3

        def work(params): return float(K)
        def train(params): return work(params)
        def tune(): run_trial(train)

        if __name__ == "__main__":
            process = multiprocessing.get_context("spawn").Process(target=tune)
            process.start()
            process.join()
        """,
    )
    assert told.stdout == '[3.0, "", []]\n', told.stderr


def test_functions_of_the_global_generators_are_seeded_under_any_name(tmp_path: Path) -> None:
    """They are methods of an object, of which a copy would be the same in every trial."""
    told = run_script(
        tmp_path,
        """
        from random import gauss
        from numpy.random import normal
        from runner import run_trial

        def train(params):
            return gauss(0.0, 1.0) + normal()

        if __name__ == "__main__":
            run_trial(train)
        """,
    )
    metric, _, _ = json.loads(told.stdout)
    seed = 0  # That of the trial.
    assert metric == Random(seed).gauss(0.0, 1.0) + np.random.RandomState(seed).normal()
