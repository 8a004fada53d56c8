"""A study begins from the trials of another one, or from a file of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import InvalidConfiguration, SearchSpace, Trial, TuningResult, tune
from prefect_tuner.flows.exports.study_export import ExportFormat, export_file
from prefect_tuner.flows.ledger.initial_trials_source import load_initial_trials
from prefect_tuner.flows.ledger.stored_study import read_study
from tests.flows.flow_runs import run_tune
from tests.flows.objectives import value, x_and_n

SPACE: dict[str, Any] = {
    "x": {"type": "float", "low": 0.0, "high": 1.0},
    "n": {"type": "int", "low": 1, "high": 9},
    "kind": ["a", "1", 1, None, True, [1, 2]],
}


def load(source: Path | str, storage: str = "", **changed: Any) -> Any:
    space = SearchSpace({**SPACE, **changed})
    return load_initial_trials(str(source), storage, space, "maximize")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory, prefect_server: object) -> TuningResult:
    """The result of a study of ten trials, whose ledger is in the folder of its name."""
    folder = tmp_path_factory.mktemp("source")
    return run_tune(
        x_and_n, SPACE, study=folder.name, storage=str(folder), strategy="random", max_trials=10
    ).result


@pytest.fixture(scope="module")
def folder(source: TuningResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.getbasetemp() / source.study


def known(trials: list[Trial]) -> list[tuple[str, float | None]]:
    return [(repr(trial.params), trial.metric) for trial in trials]


def test_a_study_is_named(source: TuningResult, folder: Path) -> None:
    run = run_tune(
        x_and_n,
        SPACE,
        study="next",
        storage=str(folder),
        initial_trials=source.study,
        max_trials=2,
    )
    assert known(run.result.trials[:10]) == known(source.trials)
    assert len(run.result.trials) == 12
    # What it began with is its own from then on, wherever it came from.
    again = run_tune(
        x_and_n,
        SPACE,
        study="next",
        storage=str(folder),
        initial_trials=[source.study],
        max_trials=3,
    )
    assert len(again.result.trials) == 13


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_an_exported_file_gives_the_same_trials(
    source: TuningResult, folder: Path, tmp_path: Path, kind: ExportFormat
) -> None:
    study = read_study(str(folder), source.study)
    assert study.state is not None
    file = tmp_path / f"trials.{kind}"
    export_file(study, study.state, kind, file)
    loaded = load(file)
    assert loaded.left_out == 0
    assert [(repr(each.params), each.metric) for each in loaded.trials] == known(source.trials)


def test_a_ledger_is_a_file_as_well(source: TuningResult, folder: Path) -> None:
    loaded = load(folder / f"{source.study}.jsonl")
    assert [(repr(each.params), each.metric) for each in loaded.trials] == known(source.trials)


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_plain_lists_are_read(tmp_path: Path, suffix: str) -> None:
    trials = [
        {"params": {"x": 0.5, "n": 3, "kind": "a"}, "metric": 1},
        {"params": {"x": 0.25, "n": 4, "kind": None}},
    ]
    file = tmp_path / f"trials{suffix}"
    text = json.dumps(trials) if suffix == ".json" else "\n".join(map(json.dumps, trials))
    file.write_text(text)
    assert [each.model_dump() for each in load(file).trials] == [
        {"params": {"x": 0.5, "n": 3, "kind": "a"}, "metric": 1.0}
    ]


def test_what_does_not_lie_in_the_space_is_counted(source: TuningResult, folder: Path) -> None:
    loaded = load(source.study, str(folder), n={"type": "int", "low": 1, "high": 4})
    inside = [trial for trial in source.trials if trial.params["n"] <= 4]
    assert len(loaded.trials) == len(inside) < 10
    assert loaded.left_out == 10 - len(inside)
    assert re.search(rf"\b{loaded.left_out} more .*not .*search space", loaded.sentence)


def test_another_direction_is_refused(source: TuningResult, folder: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="'maximize' there, 'minimize' here"):
        load_initial_trials(source.study, str(folder), SearchSpace(SPACE), "minimize")


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("trials.json", "secret {", "line 1, column 1"),
        ("trials.json", '{"secret": []}', "there is no 'trials'"),
        ("trials.json", '["secret"]', "must be a list of mappings"),
        ("trials.jsonl", "secret", "line 1, column 1"),
        ("trials.csv", "secret,param.x\n1,2\n", "there is no 'metric'"),
        ("trials.csv", "metric,param.x\nsecret,2\n", "could not convert"),
        ("trials.csv", b"\xff\xfe\xff", "cannot be read"),
        ("nowhere.json", None, "No such file"),
        ("no-such-study", None, "no-such-study"),
    ],
)
def test_what_holds_no_trials_is_an_error_that_names_it(
    tmp_path: Path, name: str, text: str | bytes | None, told: str
) -> None:
    file = tmp_path / name
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InvalidConfiguration) as raised:
        load(file if "." in name else name, str(tmp_path))
    assert name in str(raised.value)
    assert told in str(raised.value)


@pytest.mark.usefixtures("prefect_server")
def test_no_trial_starts_where_the_source_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration, match="missing"):
        tune(value, {"value": [1]}, storage=str(tmp_path), initial_trials="missing")


@pytest.mark.usefixtures("prefect_server")
def test_4000_trials_are_refused_with_the_remedy_and_taken_from_a_file(tmp_path: Path) -> None:
    trials = [
        {"params": {"x": i / 4000, "n": 1 + i % 9, "kind": "a", "text": "t" * 100}, "metric": i}
        for i in range(4000)
    ]
    space = {**SPACE, "text": ["t" * 100]}
    with pytest.raises(InvalidConfiguration) as raised:
        tune(x_and_n, space, initial_trials=trials)
    message = str(raised.value)
    assert re.match(r"initial_trials: must .*small enough", message)
    assert re.search(r"\bpath of a file\b", message)
    assert len(message) < 500
    file = tmp_path / "trials.json"
    file.write_text(json.dumps(trials))
    run = run_tune(x_and_n, space, initial_trials=str(file), strategy="random", max_trials=1)
    assert len(run.result.trials) == 4001
