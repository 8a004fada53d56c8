"""The global random generators of a trial follow from its seed, loaded before or during it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from prefect_tuner.tasks.source_code.after_import import call_after_import
from tests.tasks.attempts import attempt
from tests.tasks.modules import launched, write_module

LIBRARY = """
class Generator:
    seed = None

def manual_seed(seed): Generator.seed = seed

class random:
    set_seed = staticmethod(manual_seed)
"""
"""Stands for torch and TensorFlow, which are tried for real by `make frameworks`."""

DRAWS = """
import random, sys
{warm}
def train(params):
    import {library}
    import numpy as np
    return {{"metric": {library}.Generator.seed, "python": random.random(),
            "numpy": float(np.random.random())}}
"""


@pytest.mark.parametrize("isolation", ["fork", "fresh"])
@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("library", ["torch", "tensorflow"])
def test_a_library_is_seeded_whenever_it_is_loaded(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    library: str,
    warm: bool,
    isolation: str,
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / f"{library}.py").write_text(LIBRARY)
    code = DRAWS.format(warm=f"import numpy.random, {library}" if warm else "", library=library)
    with launched(write_module(tmp_path, code), isolation=isolation) as launcher:
        reports = [attempt(launcher, seed=seed).report for seed in (5, 6, 5)]
    assert [report.metric for report in reports] == [5.0, 6.0, 5.0]
    assert reports[0].extra == reports[2].extra != reports[1].extra


@pytest.mark.parametrize("isolation", ["fork", "fresh"])
def test_numpy_is_there_when_the_program_imports_it_and_not_before(
    tmp_path: Path, isolation: str
) -> None:
    """So what it has set up before that, such as the threads of OpenBLAS, counts."""
    code = """
        import os, sys
        loaded = "numpy" in sys.modules
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        import numpy as np
        from threadpoolctl import threadpool_info
        def train(params):
            blas = [each for each in threadpool_info() if each["user_api"] == "blas"]
            return {"metric": float(loaded), "threads": blas[0]["num_threads"],
                    "drawn": float(np.random.random())}
    """
    environment = {"OPENBLAS_NUM_THREADS": "2"}
    with launched(
        write_module(tmp_path, code), isolation=isolation, environment=environment
    ) as launcher:
        first, again = (attempt(launcher, seed=5).report for _ in range(2))
    assert first.metric == 0.0
    assert first.extra["threads"] == 1
    assert first.extra == again.extra


def test_a_module_is_handed_over_once_after_it_was_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "awaited_module.py").write_text("VALUE = 3\n")
    seen: list[ModuleType] = []
    call_after_import("awaited_module", seen.append)
    call_after_import("awaited_module", seen.append)
    import awaited_module  # type: ignore[import-not-found]

    assert [module.VALUE for module in seen] == [3, 3]
    call_after_import("awaited_module", seen.append)
    assert len(seen) == 3
    del sys.modules["awaited_module"]
    __import__("awaited_module")
    assert len(seen) == 3
    assert awaited_module.__spec__.loader is not None


def test_a_module_whose_import_fails_is_waited_for_further(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    file = tmp_path / "failing_module.py"
    file.write_text("raise LookupError('not yet')\n")
    seen: list[ModuleType] = []
    call_after_import("failing_module", seen.append)
    with pytest.raises(LookupError, match="not yet"):
        __import__("failing_module")
    assert seen == []
    file.write_text("VALUE = 1  # Of another length than before.\n")
    __import__("failing_module")
    assert len(seen) == 1


def test_a_module_that_is_not_there_is_not_made() -> None:
    seen: list[ModuleType] = []
    call_after_import("no_such_module_at_all", seen.append)
    with pytest.raises(ModuleNotFoundError):
        __import__("no_such_module_at_all")
    assert seen == []
