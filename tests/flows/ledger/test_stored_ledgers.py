"""Studies that earlier releases have run: they are read, replayed to the digit, and go on.

The ledgers in tests/stored_ledgers were written by `tune` with the objectives of the module beside
them, on two processors: those of `gp` alone on 2026-12-01, of `tpe` and of what consists of several
strategies on 2026-11-30, the others on 2026-11-29, before the rooms. `killed-gp` was killed with
SIGKILL. In `before_2026_11_30` are those of `gp` and `tpe` from before that day: these strategies
propose other candidates since, so that the studies are read and go on, but are not replayed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prefect_tuner import Study, Trial, TunerConfig, TuningResult, tune
from prefect_tuner.flows.ledger.counted_trials import best_counted
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.result_serializer import RESULT_SERIALIZER
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.strategies.strategy import Budget

FOLDER = Path(__file__).parents[2] / "stored_ledgers"
EARLIER = FOLDER / "before_2026_11_30"
COMPLETE = sorted(file.stem for file in FOLDER.glob("*.jsonl") if file.stem != "killed-gp")
NUMBERS = "88d1d279cb21135b901a55dbee0a137734d33388b870012a7ff753cd9458394e"
"""What `numbers_of_this_machine` gave where they were written."""

EXACT_EVERYWHERE = {"grid-finite", "random-failures", "sobol-patience"}
"""Studies whose strategies compute nothing that depends on the processor."""


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


def without_memory(trial: Trial) -> Trial:
    """As it is told to a `Study`, which does not measure."""
    return replace(trial, memory=None)


def test_there_are_ten_and_more() -> None:
    assert len(COMPLETE) >= 10


def numbers_of_this_machine() -> str:
    """A digest of numerics whose last bits differ from processor to processor."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(64, 64))
    positive = matrix @ matrix.T + 64.0 * np.eye(64)
    computed = [
        np.exp(matrix),
        np.log(np.abs(matrix)),
        np.linalg.cholesky(positive),
        np.linalg.solve(positive, matrix),
    ]
    return hashlib.sha256(b"".join(each.tobytes() for each in computed)).hexdigest()


@pytest.mark.parametrize("name", COMPLETE)
def test_a_stored_study_is_replayed_to_the_digit(name: str) -> None:
    if name not in EXACT_EVERYWHERE and numbers_of_this_machine() != NUMBERS:
        pytest.skip("this processor computes other last digits than the one that wrote it")
    state = stored(name)
    study = replayed(state)
    assert [t for t in study.history if t.outcome] == [
        without_memory(t) for t in state.trials if t.outcome
    ]
    assert [t.params for t in study.history] == [t.params for t in state.trials]
    best = best_counted(state)
    assert best is not None
    assert study.best_trial == without_memory(best)
    assert state.stopped is not None
    assert state.stopped.trials == len(study.history)


def test_a_result_that_an_earlier_release_has_stored_in_prefect_is_read() -> None:
    result = RESULT_SERIALIZER.loads((FOLDER / "result.json").read_bytes())
    assert isinstance(result, TuningResult)
    assert result.best_params == {"kind": "b"}
    again = RESULT_SERIALIZER.dumps(result)
    assert json.loads(again)["__class__"] == "prefect_tuner.TuningResult"
    assert RESULT_SERIALIZER.loads(again) == result


@pytest.mark.parametrize("name", sorted(file.stem for file in EARLIER.glob("*.jsonl")))
def test_a_study_whose_strategy_proposed_otherwise_is_read_and_goes_on(name: str) -> None:
    state = read_state(LedgerFile(EARLIER, name))
    assert state is not None
    definition = state.definition
    study = Study(definition.space, definition.strategy, definition.direction, definition.seed)
    finished = [trial for trial in state.trials if trial.outcome]
    assert len(finished) >= 5
    for number, trial in enumerate(finished):
        study.add_trial(replace(trial, number=number))
    asked = study.ask()
    assert asked is not None
    assert asked.params not in [trial.params for trial in finished]


@pytest.mark.usefixtures("prefect_server")
def test_a_study_that_an_earlier_release_began_goes_on_and_ends_as_one_without_a_break(
    tmp_path: Path,
) -> None:
    shutil.copy(FOLDER / "killed-gp.jsonl", tmp_path)
    begun = stored("killed-gp")
    assert 0 < len(begun.finished) < 20

    def run(study: str) -> TuningResult:
        result: TuningResult = tune(
            objective=begun.definition.objective,
            space=begun.definition.space,
            strategy=begun.definition.strategy,
            direction=begun.definition.direction,
            seed=begun.definition.seed,
            study=study,
            config=TunerConfig(**begun.config),
            storage=str(tmp_path),
        )
        return result

    result = run(begun.study)
    assert len(result.trials) == 20
    if numbers_of_this_machine() == NUMBERS:
        assert result.digest == run("without-a-break").digest
    assert [t for t in result.trials if t.number in begun.finished] == [
        begun.trials[number] for number in sorted(begun.finished)
    ]
