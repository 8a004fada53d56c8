"""Studies whose trials an engine runs that was chosen by its name."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import InvalidConfiguration, TunerConfig, stream, tune
from prefect_tuner.flows.commands.study_resumption import resumption_parameters
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.ledger_records import RunRecord
from prefect_tuner.flows.run.study_plan import plan_study
from prefect_tuner.flows.storage.storage_address import open_store
from tests.flows.flow_runs import X, flow_run, run_tune
from tests.flows.objectives import value

pytestmark = pytest.mark.usefixtures("prefect_server", "plug_in")

SECRET = "x7-very-secret"


def runs_of(folder: Path, study: str = "small") -> list[RunRecord]:
    state = read_state(open_store(str(folder), study))
    assert state is not None
    return state.runs


def test_a_study_goes_on_on_any_engine_and_its_ledger_knows_where_each_run_was(
    tmp_path: Path,
) -> None:
    notes = tmp_path / "notes"

    def run(max_trials: int, **engine: Any) -> None:
        done = run_tune(
            value, study="small", storage=str(tmp_path), max_trials=max_trials, **engine
        )
        assert len(done.result.trials) == max_trials

    run(2, engine="noting", engine_options={"file": str(notes), "word": "run"})
    assert notes.read_text() == "opened\nrun 0\nrun 1\n"
    run(3)
    run(5, engine="noting", engine_options={"file": str(notes)})
    assert notes.read_text() == "opened\nrun 0\nrun 1\nopened\ntrial 3\ntrial 4\n"

    recorded = [(each.engine, each.engine_options) for each in runs_of(tmp_path)]
    assert recorded == [
        ("noting", {"file": str(notes), "word": "run"}),
        ("", {}),
        ("noting", {"file": str(notes)}),
    ]
    lines = map(json.loads, (tmp_path / "small.jsonl").read_text().splitlines())
    records = [line for line in lines if line["type"] == "run"]
    assert ["engine" in record for record in records] == [True, False, True]

    # Nothing is left to run: no engine is opened for that.
    run(5, engine="noting", engine_options={"file": str(notes)})
    assert notes.read_text().count("opened") == 2

    state = read_state(open_store(str(tmp_path), "small"))
    assert state is not None
    plan = plan_study(resumption_parameters(state, str(tmp_path)))
    assert (plan.engine, plan.engine_options) == ("noting", {"file": str(notes)})


def test_prefect_stores_the_engine_and_its_options(tmp_path: Path) -> None:
    options = {"file": str(tmp_path / "notes")}
    run = run_tune(value, max_trials=1, engine="noting", engine_options=options)
    assert run.outcomes == ["completed"]
    stored = flow_run(run.id)["parameters"]
    assert (stored["engine"], stored["engine_options"]) == ("noting", options)


def test_a_stream_takes_an_engine(tmp_path: Path) -> None:
    options = {"file": str(tmp_path / "notes")}
    events = stream(
        value, X, config=TunerConfig(max_trials=1), engine="noting", engine_options=options
    )
    assert [type(event).__name__ for event in events][-1] == "StudyCompleted"
    assert (tmp_path / "notes").read_text() == "opened\ntrial 0\n"


def test_all_mistakes_are_told_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration) as raised:
        tune(value, {"x": []}, engine="noting", engine_options={"word": "try"}, study="small")
    assert [mistake.partition(":")[0] for mistake in raised.value.mistakes] == [
        "space.x",
        "engine_options.file",
        "engine_options.word",
    ]


def test_a_secret_in_the_options_is_told_to_nobody(tmp_path: Path) -> None:
    options = {"file": str(tmp_path / "notes"), "licence": SECRET}
    run = run_tune(value, storage=str(tmp_path), engine="noting", engine_options=options)
    assert run.state.is_failed()
    message = str(run.state.message)
    assert re.search(r"engine_options\.licence: must not hold a secret", message)
    assert SECRET not in message
    assert list(tmp_path.iterdir()) == []
