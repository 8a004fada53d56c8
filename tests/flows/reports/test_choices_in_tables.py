"""Choices of any kind in tables: nothing stands for a parameter that is not active but nothing."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import optuna
import pandas as pd
from rich.console import Console

from prefect_tuner import Categorical, Params, SearchSpace, TuningResult
from prefect_tuner.flows.commands.study_summary import summary_table
from prefect_tuner.flows.exports.study_export import ExportFormat, export_file, export_text
from prefect_tuner.flows.ledger.stored_study import read_study
from prefect_tuner.flows.reports.leaderboard import leaderboard_rows, summary_markdown
from prefect_tuner.flows.reports.study_page import study_page
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.flows.study.tuning_result import StopReason
from prefect_tuner.goal import Goal
from prefect_tuner.testing import exactly
from tests.flows.stored_studies import store_study
from tests.flows.studies import completed

SPACE = SearchSpace(
    {
        "depth": [None, 3, 10],
        "layers": [[64], [64, 32], None],
        "solver": [{"name": "sgd"}, "sgd", "null", "3"],
        "kind": [None, "sqrt"],
        "leaves": Categorical([None, 7], when={"depth": None}),
    }
)
TRIALS = [
    completed(0, 4.0, depth=None, layers=[64, 32], solver={"name": "sgd"}, kind=None, leaves=None),
    completed(1, 3.0, depth=None, layers=None, solver="null", kind="sqrt", leaves=7),
    completed(2, 2.0, depth=3, layers=[64], solver="3", kind="sqrt"),
    completed(3, 1.0, depth=10, layers=[64], solver="sgd", kind=None),
]
RESULT = TuningResult(
    study="all",
    direction="maximize",
    stop_reason=StopReason.MAX_TRIALS,
    best_trial=TRIALS[0],
    trials=TRIALS,
    duration=1.0,
)


def test_a_data_frame_has_none_for_the_choice_and_nan_for_what_is_not_active() -> None:
    frame = RESULT.to_dataframe()
    assert frame["param.depth"].tolist() == [None, None, 3, 10]
    assert list(map(type, frame["param.depth"])) == [type(None), type(None), int, int]
    assert frame["param.layers"].tolist() == [[64, 32], None, [64], [64]]
    assert frame["param.solver"].tolist() == [{"name": "sgd"}, "null", "3", "sgd"]
    leaves = frame["param.leaves"].tolist()
    assert leaves[:2] == [None, 7]
    assert all(isinstance(value, float) and value != value for value in leaves[2:])  # noqa: PLR0124
    frame["param.layers"][0].clear()
    assert TRIALS[0].params["layers"] == [64, 32]


def export(kind: ExportFormat, output: Path) -> Path:
    store_study("all", *TRIALS, space=SPACE.to_json())
    study = read_study(storage_or_default(""), "all")
    assert study.state is not None
    assert [exactly(trial.params) for trial in study.state.trials] == [
        exactly(trial.params) for trial in TRIALS
    ]
    export_file(study, study.state, kind, output)
    return output


def test_csv_has_json_where_a_cell_would_not_tell(tmp_path: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(export("csv", tmp_path / "all.csv").read_text())))
    columns = {name: [row[f"param.{name}"] for row in rows] for name in SPACE}
    assert columns == {
        "depth": ["null", "null", "3", "10"],
        "layers": ["[64, 32]", "null", "[64]", "[64]"],
        "solver": ['{"name": "sgd"}', '"null"', '"3"', "sgd"],
        "kind": ["null", "sqrt", "sqrt", "null"],
        "leaves": ["null", "7", "", ""],
    }


def test_parquet_has_null_for_none_unless_something_is_missing(tmp_path: Path) -> None:
    frame = pd.read_parquet(export("parquet", tmp_path / "all.parquet"), dtype_backend="pyarrow")
    columns = {name: frame[f"param.{name}"].tolist() for name in SPACE}
    assert columns["depth"] == [pd.NA, pd.NA, 3, 10]
    assert str(frame["param.depth"].dtype) == "int64[pyarrow]"
    assert columns["layers"] == ["[64, 32]", "null", "[64]", "[64]"]
    assert columns["solver"] == ['{"name": "sgd"}', '"null"', '"3"', "sgd"]
    assert columns["kind"] == [pd.NA, "sqrt", "sqrt", pd.NA]
    assert columns["leaves"] == ["null", "7", pd.NA, pd.NA]


def test_json_and_optuna_have_every_choice(tmp_path: Path) -> None:
    document = json.loads(export("json", tmp_path / "all.json").read_text())
    assert [exactly(trial["params"]) for trial in document["trials"]] == [
        exactly(trial.params) for trial in TRIALS
    ]
    assert SearchSpace(document["definition"]["space"]) == SPACE
    study = read_study(storage_or_default(""), "all")
    assert study.state is not None
    assert json.loads(export_text(study, study.state, "json")) == document
    export_file(study, study.state, "optuna", tmp_path / "all.db")
    loaded = optuna.load_study(study_name="all", storage=f"sqlite:///{tmp_path / 'all.db'}")
    # Labels where Optuna keeps no such choices, the choices themselves where it does.
    assert loaded.trials[0].params == {
        "depth": None,
        "layers": "[64, 32]",
        "solver": "{'name': 'sgd'}",
        "kind": None,
        "leaves": None,
    }
    assert loaded.trials[1].params["solver"] == "'null'"
    assert loaded.trials[1].params["layers"] == "None"


def test_a_leaderboard_shows_none_and_lists_as_text_and_leaves_the_rest_empty() -> None:
    rows = leaderboard_rows(TRIALS, Goal("maximize"))
    assert [row["param.depth"] for row in rows] == ["None", "None", 3, 10]
    assert [row["param.layers"] for row in rows] == ["[64, 32]", "None", "[64]", "[64]"]
    assert [row["param.leaves"] for row in rows] == ["None", 7, None, None]
    assert rows[0]["param.solver"] == "{'name': 'sgd'}"
    (row,) = leaderboard_rows([completed(0, 1.0, x=["\x1b[2J<b>" * 100])], Goal("maximize"))
    assert row["param.x"].isprintable()
    assert len(row["param.x"]) == 300


def test_a_summary_has_choices_to_read_and_to_copy() -> None:
    params: Params = {"depth": None, "layers": [64, "`|\n<b>"], "solver": {"tol": 1e-4}}
    progress = Progress(completed=1, best_trial=completed(0, 1.0, **params))
    markdown = summary_markdown("s", "maximize", progress, "Complete")
    assert "| depth | None |" in markdown
    assert "| solver | \\{'tol': 0.0001\\} |" in markdown
    fenced = markdown.partition("```json\n")[2].partition("```")[0]
    assert json.loads(fenced) == params


def test_the_terminal_shows_choices_as_python_writes_them() -> None:
    store_study("all", *TRIALS, space=SPACE.to_json())
    study = read_study(storage_or_default(""), "all")
    assert study.state is not None
    for table in (study_page(study, study.state, 120), summary_table(RESULT)):
        output = io.StringIO()
        Console(file=output, width=120, color_system=None).print(table)
        rows = [
            [c.strip() for c in line.split("│")[1:-1]] for line in output.getvalue().split("\n")
        ]
        assert ["depth", "None"] in rows
        assert ["layers", "[64, 32]"] in rows
        assert ["solver", "{'name': 'sgd'}"] in rows
