"""A study whose objective was edited since its last run says so, and does what is asked of it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import StudyConflict, TunerConfig, TuningResult, tune
from prefect_tuner.flows.commands.study_resumption import resumption_parameters
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from tests.flows.flow_runs import X
from tests.flows.ledgers import as_before_format_2

pytestmark = pytest.mark.usefixtures("prefect_server")

BEFORE = "OFFSET = 0.0\ndef train(params): return params['x'] + OFFSET\n"
AFTER = "OFFSET = 10.0\ndef train(params): return params['x'] + OFFSET\n"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    file = tmp_path / "training.py"
    file.write_text(BEFORE)
    return file


def run(module: Path, max_trials: int = 2, study: str = "edited", **given: Any) -> TuningResult:
    result: TuningResult = tune(
        f"{module}:train",
        X,
        study=study,
        storage=str(module.parent),
        config=TunerConfig(max_trials=max_trials),
        **given,
    )
    return result


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if each.levelno == logging.WARNING]


def lines(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(record.message for record in caplog.records)


@pytest.fixture(autouse=True)
def _captured(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("prefect"), "propagate", True)
    caplog.set_level(logging.INFO)


def test_a_complete_study_returns_its_result_and_says_where_from(
    module: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = run(module)
    caplog.clear()
    again = run(module)
    assert again.digest == first.digest
    assert warnings(caplog) == []
    assert "is complete already" in lines(caplog)
    assert str(module.parent / "edited.jsonl") in lines(caplog)


def test_an_edit_is_told_and_names_what_has_changed(
    module: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = run(module)
    module.write_text(AFTER)
    caplog.clear()
    assert run(module).digest == first.digest
    (warning,) = warnings(caplog)
    assert "training:OFFSET has changed" in warning
    assert "on_code_change='new'" in warning


def test_an_extended_study_runs_the_code_that_there_is(
    module: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(module)
    module.write_text(AFTER)
    result = run(module, max_trials=3)
    assert [trial.metric is not None and trial.metric >= 10 for trial in result.trials] == [
        False,
        False,
        True,
    ]
    assert any("training:OFFSET has changed" in each for each in warnings(caplog))
    caplog.clear()
    run(module, max_trials=4)  # From now on, this is its code.
    assert warnings(caplog) == []


def test_it_can_be_refused(module: Path) -> None:
    run(module)
    module.write_text(AFTER)
    with pytest.raises(StudyConflict, match="training:OFFSET has changed"):
        run(module, on_code_change="error")
    module.write_text(BEFORE + "\n# Nothing that counts.\n")
    run(module, on_code_change="error")


def test_it_can_be_another_study(module: Path) -> None:
    run(module)
    module.write_text(AFTER)
    new = run(module, on_code_change="new")
    assert new.study == "edited-2"
    assert new.best_metric >= 10
    assert run(module, on_code_change="new").digest == new.digest
    module.write_text(BEFORE)
    assert run(module, on_code_change="new").study == "edited"


def test_a_ledger_of_before_knows_no_code_and_goes_on(
    module: Path, caplog: pytest.LogCaptureFixture
) -> None:

    run(module)
    as_before_format_2(module.parent / "edited.jsonl")
    module.write_text(AFTER)
    caplog.clear()
    assert len(run(module, max_trials=3).trials) == 3
    assert warnings(caplog) == []


def test_a_configuration_of_before_is_taken_over_as_it_is_called_today(module: Path) -> None:
    run(module)
    state = read_state(LedgerFile(module.parent, "edited"))
    assert state is not None
    config = dict(state.runs[-1].config)
    del config["isolation"]
    for fresh, isolation in ((True, "fresh"), (False, "auto")):
        old = state.runs[-1].model_copy(update={"config": {**config, "fresh_import": fresh}})
        state.runs[-1] = old
        resumed = resumption_parameters(state, str(module.parent))
        assert TunerConfig(**resumed["config"]).isolation == isolation
