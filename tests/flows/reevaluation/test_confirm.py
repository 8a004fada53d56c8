"""The winner of a study at the Prefect server: what is run for it, shown, and kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from prefect_tuner import (
    ConfirmationCompleted,
    StudyCompleted,
    TrialReevaluated,
    TunerConfig,
    TuningEvent,
    TuningObserver,
    stream,
)
from prefect_tuner.flows.confirmation.repetitions import NUMBERS
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from tests.flows import counted_study
from tests.flows.counted_study import calls, calls_by_number
from tests.flows.flow_runs import X, artifacts, events, log_lines, run_tune, task_runs
from tests.flows.objectives import noisy
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")


class Heard(TuningObserver):
    """Remembers all events."""

    def __init__(self) -> None:
        self.events: list[TuningEvent] = []

    def notify(self, event: TuningEvent) -> None:
        self.events.append(event)


def test_a_study_ends_with_its_winner_and_has_it_when_it_is_called_again(ledgers: Path) -> None:
    heard = Heard()

    def same_call() -> Any:
        return run_tune(
            noisy, confirm=2, study="won", observers=[heard], max_trials=4, max_concurrency=2
        )

    run = same_call()
    result, confirmation = run.result, run.result.confirmation
    assert confirmation is not None
    assert result.winner is not None
    assert len(result.trials) == 4
    assert result.winner.verdict == confirmation.verdict
    winner, spent = result.winner, confirmation.spent

    def the_server_knows_all() -> None:
        names = [each["name"] for each in task_runs(run.id)]
        assert sum("evaluation" in name for name in names) == spent
        assert f"won-{winner.number} evaluation 1" in names

    eventually(the_server_knows_all, timeout=20)
    evaluated = [event for event in heard.events if isinstance(event, TrialReevaluated)]
    assert len(evaluated) == confirmation.spent
    completed, last = heard.events[-2:]
    assert isinstance(completed, ConfirmationCompleted)
    assert isinstance(last, StudyCompleted)
    shown = artifacts(run.id)
    assert shown["won-confirmation"][0]["trial"] == winner.number
    assert f"Trial {winner.number} wins" in shown["won-best-parameters"] or confirmation.tied

    def automations_and_readers_of_the_log_know_it() -> None:
        told = {event["event"]: event["payload"] for event in events("prefect-tuner.study.won")}
        assert {f"prefect-tuner.study.{name}" for name in ("confirmed", "completed")} <= set(told)
        assert told["prefect-tuner.study.confirmed"]["winner"] == winner.number
        payload = told["prefect-tuner.study.completed"]
        assert payload["winning_params"] == result.winning_params == winner.params
        assert payload["winning_metric"] == winner.mean
        assert payload["winner"]["interval"] == list(winner.interval or ())
        assert winner.verdict in [line for _, line in log_lines(run.id)]

    eventually(automations_and_readers_of_the_log_know_it, timeout=20)
    ledger = (ledgers / "won.jsonl").read_bytes()
    assert same_call().result == result
    assert (ledgers / "won.jsonl").read_bytes() == ledger


def test_a_stream_that_is_left_while_it_confirms_goes_on_with_the_next_call(
    ledgers: Path,
) -> None:
    for event in stream(noisy, X, study="left", confirm=2, config=TunerConfig(max_trials=3)):
        if isinstance(event, TrialReevaluated) and event.evaluated == 3:
            break

    def state() -> StudyState:
        found = read_state(LedgerFile(ledgers, "left"))
        assert found is not None
        return found

    def it_has_ended() -> None:
        assert state().confirmed is not None

    eventually(it_has_ended, timeout=20)
    kept = state().evaluations
    result = run_tune(noisy, study="left", confirm=2, max_trials=3, trials_per_task=4).result
    assert result.winner is not None
    assert kept.items() <= state().evaluations.items()


def test_killed_while_it_confirms_a_study_evaluates_nothing_finished_again(
    tmp_path: Path, ledgers: Path
) -> None:
    on = json.dumps({"confirm": 2})
    command = [sys.executable, counted_study.__file__, str(tmp_path), "killed", "4", "2", "0.3"]

    def state() -> StudyState:
        found = read_state(LedgerFile(ledgers, "killed"))
        assert found is not None
        return found

    environment = {**os.environ, "COUNTED_STUDY_ON": on}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as program:

        def it_confirms() -> None:
            assert program.poll() is None
            again = [call for call in calls(tmp_path, "killed") if call.number >= NUMBERS]
            assert len(again) > 4

        try:
            eventually(it_confirms, timeout=60.0, interval=0.02)
        finally:
            program.send_signal(signal.SIGKILL)
    finished, in_flight = state().evaluations, state().evaluating
    assert finished
    assert len(in_flight) <= 2
    assert state().confirmed is None
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, timeout=90)
    assert state().confirmed is not None
    assert finished.items() <= state().evaluations.items()
    counts = calls_by_number(tmp_path, "killed")
    twice = {number for number, count in counts.items() if count > 1}
    assert twice <= {NUMBERS * repetition + number for number, repetition in in_flight}
    assert sorted(number for number in counts if number < NUMBERS) == [0, 1, 2, 3]
