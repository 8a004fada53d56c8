"""What an objective returns beside the metric, in the ledger and in all that is made of it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from prefect_tuner import Float, Outcome, StopReason, Study, Trial, TuningResult
from prefect_tuner.flows.commands.study_summary import summary_table
from prefect_tuner.flows.exports.study_export import ExportFormat, export_file
from prefect_tuner.flows.ledger.ledger_records import RECORDS, FinishedRecord
from prefect_tuner.flows.ledger.stored_study import StoredStudy, read_study
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reports.leaderboard import leaderboard_rows
from prefect_tuner.flows.reports.study_document import study_document
from prefect_tuner.flows.reports.study_page import study_page
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.storage.ledger_line import seal, unseal
from prefect_tuner.goal import Goal
from tests.flows.reports.test_hostile_text import HOSTILE, assert_loggable
from tests.flows.stored_studies import store_study, trial_records
from tests.search_spaces import UNHURRIED, same

EXTRA: dict[str, Any] = {"loss": 0.25, "path": "/models/7.pkl", "converged": True, "note": ""}
TRIALS = [
    Trial(0, {"x": 0.5}, outcome=Outcome.COMPLETED, metric=2.0, extra=EXTRA, attempts=1),
    Trial(1, {"x": 0.25}, outcome=Outcome.COMPLETED, metric=1.0, extra={"loss": 1.0}, attempts=1),
]


def result(*trials: Trial) -> TuningResult:
    return TuningResult(
        study="extras",
        direction="maximize",
        stop_reason=StopReason.MAX_TRIALS,
        best_trial=trials[0],
        trials=list(trials),
        duration=1.5,
    )


def stored(*trials: Trial) -> tuple[StoredStudy, StudyState]:
    """A study in the default storage; one that is there already without trials given."""
    if trials:
        store_study("extras", *trials)
    study = read_study(storage_or_default(""), "extras")
    assert study.state is not None
    return study, study.state


def export(kind: ExportFormat, output: Path) -> Path:
    export_file(*stored(), kind, output)
    return output


_EXTRAS = st.dictionaries(
    st.text(max_size=5),
    st.booleans() | st.text(max_size=20) | st.floats(allow_nan=False, allow_infinity=False),
    max_size=4,
)


@UNHURRIED
@given(_EXTRAS)
def test_extras_come_back_from_ledger_and_result_to_the_type(extra: dict[str, Any]) -> None:
    trial = Trial(0, {"x": 0.5}, outcome=Outcome.COMPLETED, metric=1.0, extra=extra)
    *_, finished = trial_records(trial)
    line = unseal(seal({"type": "finished", **finished.model_dump(mode="json")}).rstrip(b"\n"))
    record = RECORDS.validate_python(line)
    assert isinstance(record, FinishedRecord)
    assert same(record.extra, extra)
    assert same(TuningResult.model_validate_json(result(trial).to_json()).best_trial.extra, extra)


def test_the_numbers_of_a_ledger_of_before_are_floats() -> None:
    written = {
        "type": "finished",
        "at": "2026-01-01T00:00:00Z",
        "number": 0,
        "outcome": "completed",
        "metric": 1.0,
        "extra": {"epochs": 12, "one": 1, "none": 0, "std": 0.5},
        "attempts": 1,
        "host": "h",
        "elapsed": 0.0,
    }
    record = RECORDS.validate_python(written)
    assert isinstance(record, FinishedRecord)
    assert same(record.extra, {"epochs": 12.0, "one": 1.0, "none": 0.0, "std": 0.5})


def test_numpys_values_that_a_study_is_told_become_pythons() -> None:
    study = Study({"x": Float(0.0, 1.0)})
    trial = study.ask()
    assert trial is not None
    extra: dict[str, Any] = {"loss": np.float64(0.5), "ok": np.bool_(True), "path": np.str_("a")}
    told = study.tell(trial, 0.5, extra=extra)
    assert same(told.extra, {"loss": 0.5, "ok": True, "path": "a"})


def test_a_data_frame_has_a_column_for_each() -> None:
    frame = result(*TRIALS).to_dataframe()
    assert frame["extra.loss"].tolist() == [0.25, 1.0]
    assert frame["extra.path"][0] == "/models/7.pkl"
    assert frame["extra.path"].isna().tolist() == [False, True]
    assert str(frame["extra.converged"].dtype) == "boolean"
    assert frame["extra.converged"].tolist() == [True, pd.NA]
    assert frame["extra.note"][0] == ""


def test_exports_have_them(tmp_path: Path) -> None:
    stored(*TRIALS)
    text = export("csv", tmp_path / "all.csv").read_text()
    first, second = csv.DictReader(io.StringIO(text))
    assert [first[f"extra.{name}"] for name in EXTRA] == ["0.25", "/models/7.pkl", "True", ""]
    assert [second[f"extra.{name}"] for name in EXTRA] == ["1.0", "", "", ""]
    document = json.loads(export("json", tmp_path / "all.json").read_text())
    assert same(document["trials"][0]["extra"], EXTRA)
    frame = pd.read_parquet(export("parquet", tmp_path / "all.parquet"), dtype_backend="pyarrow")
    assert frame["extra.converged"].tolist() == [True, pd.NA]
    assert frame["extra.path"].tolist() == ["/models/7.pkl", pd.NA]
    assert frame["extra.note"].tolist() == ["", pd.NA]
    path = export("optuna", tmp_path / "all.db")
    attributes = optuna.load_study(study_name="extras", storage=f"sqlite:///{path}").trials[0]
    assert {f"extra.{name}": value for name, value in EXTRA.items()}.items() <= (
        attributes.user_attrs.items()
    )


def test_a_leaderboard_and_the_terminal_show_them() -> None:
    rows = leaderboard_rows(TRIALS, Goal("maximize"))
    assert same([rows[0][f"extra.{name}"] for name in EXTRA], list(EXTRA.values()))
    assert [rows[1][f"extra.{name}"] for name in EXTRA] == [1.0, None, None, None]
    study, state = stored(*TRIALS)
    for shown in (summary_table(result(*TRIALS)), study_page(study, state, 100)):
        text = printed(shown)
        assert "'/models/7.pkl'" in text
        assert "True" in text
    assert study_document(study, state)["trials"][0]["extra"] == EXTRA


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_shown_and_kept(text: str) -> None:
    extra = {"note": text, "long": text * 30}
    trial = Trial(0, {"x": 0.5}, outcome=Outcome.COMPLETED, metric=1.0, extra=extra)
    assert_loggable(printed(summary_table(result(trial))))
    assert_loggable(printed(study_page(*stored(trial), 100)))
    (row,) = leaderboard_rows([trial], Goal("maximize"))
    for value in row.values():
        if isinstance(value, str):
            assert value.replace("\n", "").replace("\t", "").isprintable()
            assert len(value) <= 300
    assert same(dict(stored()[1].trials[0].extra), extra)


def printed(shown: Any) -> str:
    output = io.StringIO()
    Console(file=output, width=100, color_system=None).print(shown)
    return output.getvalue()
