"""Modules that bin their data or train once when they are imported, with the real libraries."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tasks.attempts import attempt
from tests.tasks.modules import launched, notes, write_module

DATA = """
import numpy as np
RNG = np.random.default_rng(0)
X = RNG.random((500, 5))
Y = X[:, 0] + X[:, 1]
"""

WARM: dict[str, tuple[str, str, str]] = {
    "a LightGBM data set": (
        (
            "import lightgbm\n"
            "OPTIONS = {'verbose': -1, 'num_threads': 2}\n"
            "BINNED = lightgbm.Dataset(X, label=Y, params=OPTIONS).construct()\n"
        ),
        "float(lightgbm.train(OPTIONS, BINNED, 5).predict(X[:1])[0])",
        "LightGBM",
    ),
    "LightGBM trained": (
        (
            "import lightgbm\n"
            "OPTIONS = {'verbose': -1, 'num_threads': 2}\n"
            "def fit(): return lightgbm.train(OPTIONS, lightgbm.Dataset(X, label=Y), 5)\n"
            "fit()\n"
        ),
        "float(fit().predict(X[:1])[0])",
        "LightGBM",
    ),
    "an XGBoost matrix, trained": (
        (
            "import xgboost\nBINNED = xgboost.DMatrix(X, label=Y, nthread=2)\n"
            "def fit(): return xgboost.train({'nthread': 2}, BINNED, 3)\nfit()\n"
        ),
        "float(fit().predict(BINNED)[0])",
        "XGBoost",
    ),
    "histogram gradient boosting": (
        (
            "from sklearn.ensemble import HistGradientBoostingRegressor\n"
            "def fit(): return HistGradientBoostingRegressor(max_iter=3).fit(X, Y)\n"
            "fit()\n"
        ),
        "float(fit().predict(X[:1])[0])",
        "OpenMP",
    ),
    # A fork during the import ends OpenBLAS's threads, while those of OpenMP stay.
    "histogram gradient boosting, and a process": (
        (
            "import os\n"
            "from sklearn.ensemble import HistGradientBoostingRegressor\n"
            "def fit(): return HistGradientBoostingRegressor(max_iter=3).fit(X, Y)\n"
            "fit()\n"
            "if (child := os.fork()) == 0: os._exit(0)\n"
            "os.waitpid(child, 0)\n"
        ),
        "float(fit().predict(X[:1])[0])",
        "OpenMP",
    ),
    "a polars query": (
        (
            "import polars\n"
            "FRAME = polars.DataFrame({'a': X[:, 0]})\n"
            "def query(): return FRAME.lazy().select(polars.col('a').sum()).collect()['a'][0]\n"
            "query()\n"
        ),
        "float(query())",
        "polars",
    ),
    "a pool of joblib's": (
        (
            "from joblib import Parallel, delayed\n"
            "def run(): return sum(Parallel(n_jobs=2)(delayed(abs)(i) for i in range(3)))\nrun()\n"
        ),
        "float(run())",
        "process",
    ),
}
"""What the import does, what the objective returns, and what the log names."""


@pytest.mark.parametrize("what", WARM)
def test_data_prepared_at_import_serves_all_trials(tmp_path: Path, what: str) -> None:
    code, value, named = WARM[what]
    module = write_module(
        tmp_path,
        DATA + code + f"PLAIN = {value}\n"
        f"def train(params): return {{'metric': {value}, 'plain': PLAIN}}\n",
    )
    # Several threads each, whatever the machine has: with one there is nothing to lose in a fork.
    threads = {"OMP_NUM_THREADS": "2", "POLARS_MAX_THREADS": "2"}
    with launched(module, environment=threads) as launcher:
        for more in (1, 0):
            run = attempt(launcher, timeout=60, grace=10, more=more)
            assert run.report.metric == run.report.extra.get("plain"), run.report
        assert named in notes(launcher)


LAZY = {
    "lightgbm": "lightgbm.train({'verbose': -1}, lightgbm.Dataset(X, Y), 3).predict(X[:1])[0]",
    "xgboost": "xgboost.train({}, xgboost.DMatrix(X, label=Y), 3).predict(xgboost.DMatrix(X))[0]",
    "polars": "polars.DataFrame({'a': X[:, 0]}).lazy().sum().collect()['a'][0]",
    "sklearn.ensemble": "sklearn.ensemble.RandomForestRegressor(5, n_jobs=2).fit(X, Y).score(X, Y)",
}


@pytest.mark.parametrize("library", LAZY)
@pytest.mark.parametrize("where", ["module", "objective"])
def test_libraries_that_are_only_imported_work_in_trials(
    tmp_path: Path, library: str, where: str
) -> None:
    top, inner = ("", f"    import {library}\n")[:: 1 if where == "objective" else -1]
    module = write_module(
        tmp_path,
        f"{DATA}{top.strip()}\ndef train(params):\n{inner}    return float({LAZY[library]})\n",
    )
    with launched(module) as launcher:
        reports = [attempt(launcher, timeout=60, grace=10).report for _ in range(2)]
    assert reports[0].metric is not None, reports[0]
    assert reports[0].metric == reports[1].metric
