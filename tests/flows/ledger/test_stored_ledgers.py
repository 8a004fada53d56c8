"""Studies that earlier releases have run: they are read, replayed to the digit, and go on.

The ledgers in tests/stored_ledgers were written on 2026-11-29, before the rooms: by `tune` with the
objectives of the module beside them, on two processors. `killed-gp` was killed with SIGKILL.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from prefect_tuner import Study, Trial, TunerConfig, TuningResult, tune
from prefect_tuner.flows.ledger.counted_trials import best_counted
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.result_serializer import RESULT_SERIALIZER
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.strategies.strategy import Budget

FOLDER = Path(__file__).parents[2] / "stored_ledgers"
COMPLETE = sorted(file.stem for file in FOLDER.glob("*.jsonl") if file.stem != "killed-gp")
WHOLE_GP = "0e2a3d811bf8cf46b5d8d56796870c13fd67184b529b42dd0036f904b4290d03"
"""The digest of the study that `killed-gp` began, when it ran without a break."""


def stored(name: str) -> StudyState:
    state = read_state(LedgerFile(FOLDER, name))
    assert state is not None
    return state


def replayed(state: StudyState) -> Study:
    """The study once more: what the strategy suggests is compared with what it suggested then."""
    definition, config = state.definition, TunerConfig(**state.config)
    budget = Budget(config.max_trials, definition.lag or config.max_concurrency)
    study = Study(
        definition.space,
        definition.strategy,
        definition.direction,
        definition.seed,
        definition.lag,
    )
    for trial in state.trials:
        if trial.number in state.known:
            study.add_trial(trial)
    for initial in definition.initial_trials:
        if initial.metric is None:
            study.enqueue(initial.params)
    for trial in state.trials[len(study.history) :]:
        while study.history.running and (definition.lag is None or not study.can_ask):
            tell(study, state.trials[study.history.running[0].number])
        asked = study.ask(budget)
        assert asked is not None
        assert (asked.params, asked.seed, asked.proposer) == (
            trial.params,
            trial.seed,
            trial.proposer,
        )
    for trial in study.history.running:
        if state.trials[trial.number].outcome is not None:  # Others ran when it was stopped.
            tell(study, state.trials[trial.number])
    return study


def tell(study: Study, trial: Trial) -> None:
    study.tell(
        trial.number,
        trial.metric,
        outcome=trial.outcome,
        extra=trial.extra,
        duration=trial.duration,
        attempts=trial.attempts,
        message=trial.message,
    )


def test_there_are_ten_and_more() -> None:
    assert len(COMPLETE) >= 10


@pytest.mark.parametrize("name", COMPLETE)
def test_a_stored_study_is_replayed_to_the_digit(name: str) -> None:
    state = stored(name)
    study = replayed(state)
    assert [t for t in study.history if t.outcome] == [t for t in state.trials if t.outcome]
    assert [t.params for t in study.history] == [t.params for t in state.trials]
    assert study.best_trial == best_counted(state)
    assert state.stopped is not None
    assert state.stopped.trials == len(study.history)


def test_a_result_that_an_earlier_release_has_stored_in_prefect_is_read() -> None:
    result = RESULT_SERIALIZER.loads((FOLDER / "result.json").read_bytes())
    assert isinstance(result, TuningResult)
    assert result.best_params == {"kind": "b"}
    again = RESULT_SERIALIZER.dumps(result)
    assert json.loads(again)["__class__"] == "prefect_tuner.TuningResult"
    assert RESULT_SERIALIZER.loads(again) == result


@pytest.mark.usefixtures("prefect_server")
def test_a_study_that_an_earlier_release_began_goes_on_and_ends_as_one_without_a_break(
    tmp_path: Path,
) -> None:
    shutil.copy(FOLDER / "killed-gp.jsonl", tmp_path)
    begun = stored("killed-gp")
    assert 0 < len(begun.finished) < 20
    result = tune(
        objective=begun.definition.objective,
        space=begun.definition.space,
        strategy=begun.definition.strategy,
        direction=begun.definition.direction,
        seed=begun.definition.seed,
        study=begun.study,
        config=TunerConfig(**begun.config),
        storage=str(tmp_path),
    )
    assert len(result.trials) == 20
    assert result.digest == WHOLE_GP
    assert [t for t in result.trials if t.number in begun.finished] == [
        begun.trials[number] for number in sorted(begun.finished)
    ]
