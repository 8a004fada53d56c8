"""Studies in the formats of other programs, read back by these."""

from __future__ import annotations

import csv
import io
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import optuna
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefect_tuner import (
    Categorical,
    Float,
    Int,
    InvalidConfiguration,
    Outcome,
    Params,
    SearchSpace,
    StopReason,
    Trial,
    TunerConfig,
    TuningResult,
)
from prefect_tuner.flows.exports.study_export import ExportFormat, export_file, export_text
from prefect_tuner.flows.ledger.stored_study import StoredStudy, read_study
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.study.study_digest import study_digest
from tests.flows.stored_studies import (
    AT,
    LATER,
    run_record,
    store_study,
    study_record,
    trial_records,
)
from tests.flows.studies import completed, failed

SPACE = SearchSpace(
    {
        "lr": Float(1e-5, 0.1, log=True),
        "momentum": Float(0.0, 1.0, step=0.1),
        "depth": Int(2, 10, step=4),
        "units": Int(1, 1000, log=True),
        "booster": Categorical(["gbtree", "dart"]),
        "flag": Categorical([True, False]),
    }
)
PARAMS: Params = {
    "lr": 0.001,
    "momentum": 0.3,
    "depth": 6,
    "units": 64,
    "booster": "dart",
    "flag": True,
}
BEST = Trial(
    0,
    PARAMS,
    seed=11,
    outcome=Outcome.COMPLETED,
    metric=0.1 + 0.2,
    extra={"epochs": 12.0},
    duration=1.5,
    attempts=1,
)
FAILED = Trial(
    1,
    {**PARAMS, "booster": "gbtree"},
    seed=12,
    outcome=Outcome.TIMED_OUT,
    duration=2.0,
    attempts=1,
    message='killed after 2 s, "too slow"\nsecond line',
)
RUNNING = Trial(2, {**PARAMS, "depth": 2}, seed=13, attempts=1)


@pytest.fixture
def study() -> StoredStudy:
    """A study that died with one trial in flight."""
    store_study("Über/all", BEST, FAILED, RUNNING, ending=None, space=SPACE.to_json())
    return read_study(storage_or_default(""), "Über/all")


def state_of(study: StoredStudy) -> StudyState:
    assert study.state is not None
    return study.state


def export(study: StoredStudy, kind: ExportFormat, output: Path) -> Path:
    export_file(study, state_of(study), kind, output)
    return output


def load(path: Path) -> optuna.Study:
    return optuna.load_study(study_name="Über/all", storage=f"sqlite:///{path}")


def test_a_table_has_the_columns_of_the_results_data_frame(study: StoredStudy) -> None:
    rows = list(csv.DictReader(io.StringIO(export_text(study, state_of(study), "csv"))))
    result = TuningResult(
        study="Über/all",
        direction="maximize",
        stop_reason=StopReason.MAX_TRIALS,
        best_trial=BEST,
        trials=[BEST, FAILED, RUNNING],
        duration=1.0,
        digest="",
    )
    frame = result.to_dataframe().reset_index()
    assert set(rows[0]) == set(frame.columns)
    assert [row["outcome"] for row in rows] == ["completed", "timed_out", "running"]
    assert float(rows[0]["metric"]) == BEST.metric
    assert rows[1]["metric"] == rows[1]["extra.epochs"] == ""
    assert rows[1]["message"] == FAILED.message
    assert rows[0]["param.booster"] == "dart"


def test_a_table_of_no_trials_has_its_head() -> None:
    store_study("empty")
    study = read_study(storage_or_default(""), "empty")
    assert export_text(study, state_of(study), "csv") == (
        "trial,outcome,metric,param.x,duration,attempts,message\n"
    )


def test_json_holds_definition_trials_end_and_digest(study: StoredStudy) -> None:
    document = json.loads(export_text(study, state_of(study), "json"))
    assert document["study"] == "Über/all"
    assert document["state"] == "died"
    assert SearchSpace(document["definition"]["space"]) == SPACE
    assert document["stop"] is None
    assert document["digest"] == study_digest([BEST, FAILED])
    assert document["counts"] == {"asked": 3, "finished": 2, "failed": 1, "in_flight": 1}
    assert document["best_params"] == PARAMS
    first = document["trials"][0]
    assert (first["metric"], first["seed"], first["extra"]) == (BEST.metric, 11, {"epochs": 12.0})
    assert (first["started"], first["ended"]) == (AT, LATER)
    assert document["runs"][0]["host"] == "far-away"


def test_parquet_keeps_types(study: StoredStudy, tmp_path: Path) -> None:
    frame = pd.read_parquet(export(study, "parquet", tmp_path / "trials.parquet"))
    assert frame["metric"][0] == BEST.metric
    assert frame["param.depth"].tolist() == [6, 6, 2]
    assert frame["param.flag"].tolist() == [True, True, True]
    assert frame["param.booster"].tolist() == ["dart", "gbtree", "dart"]
    assert str(frame["param.depth"].dtype) == "int64"


def test_choices_of_several_types_make_a_column_of_text(tmp_path: Path) -> None:
    space = {"depth": {"type": "categorical", "choices": [3, "auto"]}}
    store_study(
        "Über/all", completed(0, 0.5, depth=3), completed(1, 0.5, depth="auto"), space=space
    )
    output = export(
        read_study(storage_or_default(""), "Über/all"), "parquet", tmp_path / "trials.parquet"
    )
    assert pd.read_parquet(output)["param.depth"].tolist() == ["3", "auto"]


def test_optuna_has_the_trials_with_their_numbers_states_and_times(
    study: StoredStudy, tmp_path: Path
) -> None:
    loaded = load(export(study, "optuna", tmp_path / "study.db"))
    assert loaded.direction is optuna.study.StudyDirection.MAXIMIZE
    states = optuna.trial.TrialState
    assert [t.number for t in loaded.trials] == [0, 1, 2]
    assert [t.state for t in loaded.trials] == [states.COMPLETE, states.FAIL, states.RUNNING]
    best = loaded.best_trial
    assert (best.params, best.value) == (PARAMS, BEST.metric)
    assert best.duration is not None
    assert best.duration.total_seconds() == 1.5
    assert best.datetime_start == datetime.fromisoformat(AT).astimezone().replace(tzinfo=None)
    assert loaded.trials[2].datetime_complete is None
    assert best.user_attrs == {
        "outcome": "completed",
        "seed": 11,
        "duration": 1.5,
        "attempts": 1,
        "extra.epochs": 12.0,
    }
    assert loaded.trials[1].user_attrs["message"] == FAILED.message
    assert loaded.user_attrs["digest"] == study_digest([BEST, FAILED])


def test_optuna_has_the_space(study: StoredStudy, tmp_path: Path) -> None:
    loaded = load(export(study, "optuna", tmp_path / "study.db"))
    of = optuna.distributions
    assert loaded.best_trial.distributions == {
        "lr": of.FloatDistribution(1e-5, 0.1, log=True),
        "momentum": of.FloatDistribution(0.0, 1.0, step=0.1),
        "depth": of.IntDistribution(2, 10, step=4),
        "units": of.IntDistribution(1, 1000, log=True),
        "booster": of.CategoricalDistribution(["gbtree", "dart"]),
        "flag": of.CategoricalDistribution([True, False]),
    }


def test_optuna_goes_on_from_the_study(study: StoredStudy, tmp_path: Path) -> None:
    loaded = load(export(study, "optuna", tmp_path / "study.db"))
    loaded.sampler = optuna.samplers.RandomSampler(seed=0)
    loaded.optimize(lambda trial: trial.suggest_float("lr", 1e-5, 0.1, log=True), n_trials=1)
    assert [t.number for t in loaded.trials] == [0, 1, 2, 3]


def test_choices_that_are_one_to_optuna_are_told_apart(tmp_path: Path) -> None:
    space = {"k": {"type": "categorical", "choices": [1, 1.0, True]}}
    choices = [1, 1.0, True]
    store_study(
        "Über/all", *(completed(n, 0.5, k=choice) for n, choice in enumerate(choices)), space=space
    )
    loaded = load(
        export(read_study(storage_or_default(""), "Über/all"), "optuna", tmp_path / "study.db")
    )
    assert [t.params["k"] for t in loaded.trials] == ["1", "1.0", "True"]


def test_trials_of_a_conditional_space_have_what_was_active(tmp_path: Path) -> None:
    space = SearchSpace(
        {
            "booster": ["gbtree", "dart"],
            "rate": Float(0.0, 1.0, when={"booster": ["dart"]}),
            "depth": Int(2, 10),
        },
        constraints=["depth < 9"],
    )
    tree = completed(0, 0.5, booster="gbtree", depth=3)
    dart = completed(1, 0.75, booster="dart", rate=0.5, depth=4)
    store_study("Über/all", tree, dart, space=space.to_json())
    stored = read_study(storage_or_default(""), "Über/all")
    loaded = load(export(stored, "optuna", tmp_path / "study.db"))
    assert [t.params for t in loaded.trials] == [tree.params, dart.params]
    header, first, _ = csv.reader(io.StringIO(export_text(stored, state_of(stored), "csv")))
    params = ["param.booster", "param.rate", "param.depth"]
    assert [name for name in header if name.startswith("param.")] == params
    assert [first[header.index(name)] for name in params] == ["gbtree", "", "3"]
    frame = pd.read_parquet(export(stored, "parquet", tmp_path / "study.parquet"))
    assert frame["param.rate"].isna().tolist() == [True, False]


def test_any_path_is_a_path_for_the_database(study: StoredStudy, tmp_path: Path) -> None:
    folder = tmp_path / "what? 100%25 #x"
    folder.mkdir()
    output = export(study, "optuna", folder / "a b?.db")
    assert [path.name for path in folder.iterdir()] == ["a b?.db"]
    moved = output.rename(tmp_path / "plain.db")
    assert len(load(moved).trials) == 3


@pytest.mark.parametrize("kind", ["csv", "json", "parquet", "optuna"])
def test_nothing_is_overwritten(study: StoredStudy, tmp_path: Path, kind: ExportFormat) -> None:
    output = tmp_path / "mine"
    output.write_text("precious")
    with pytest.raises(InvalidConfiguration, match="is there already"):
        export(study, kind, output)
    assert output.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [output]


@pytest.mark.parametrize(("kind", "module"), [("parquet", "pyarrow"), ("optuna", "optuna")])
def test_a_package_that_is_missing_is_named_and_nothing_is_left(
    study: StoredStudy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: ExportFormat,
    module: str,
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InvalidConfiguration, match=rf'"prefect-tuner\[{kind}\]"'):
        export(study, kind, tmp_path / "study")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(study: StoredStudy, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="there is no folder"):
        export(study, "csv", tmp_path / "nowhere" / "trials.csv")


@given(st.text(max_size=30), st.sampled_from([1e-300, 0.5, -3e200]))
def test_what_a_table_holds_is_read_back_as_it_was(message: str, metric: float) -> None:
    state = StudyState.begin(study_record("small"))
    records: list[Any] = [run_record(TunerConfig(), []), *trial_records(completed(0, metric))]
    records += trial_records(failed(1, message=message))
    for record in records:
        state.take(record)
    text = export_text(StoredStudy("small", "", state), state, "csv")
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert float(first["metric"]) == metric
    assert second["message"] == message
