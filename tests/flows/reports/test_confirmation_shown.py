"""The winner as users see it: in the terminal, in artifacts, as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from prefect_tuner import Winner
from prefect_tuner.flows.commands.command_line import main
from prefect_tuner.flows.commands.study_summary import summary_table
from prefect_tuner.flows.confirmation.judgement import judged
from prefect_tuner.flows.confirmation.race import Evaluation, Race
from prefect_tuner.flows.ledger.counted_trials import recorded_result
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.ledger_records import ConfirmedRecord
from prefect_tuner.flows.reports.leaderboard import confirmation_rows, summary_markdown
from prefect_tuner.flows.reports.plain_console import plain_console
from prefect_tuner.flows.storage.ledger_file import LedgerFile
from prefect_tuner.flows.study.tuning_events import Progress
from prefect_tuner.flows.study.tuning_result import TuningResult
from prefect_tuner.goal import Goal
from tests.flows.stored_studies import AT, store_study
from tests.flows.studies import completed

SEEN = {1: [0.7, 0.72, 0.71, 0.73, 0.7], 0: [0.81, 0.8, 0.82, 0.8, 0.83]}
TRIALS = [completed(0, 0.8, x=0.25), completed(1, 0.9, x=0.75)]


@pytest.fixture
def result(ledgers: Path) -> TuningResult:
    """Of a study in which the second best trial has won, and is stored."""
    race = Race(Goal("maximize"), {1: 0.9, 0: 0.8}, budget=20)
    seen = {n: dict(enumerate(Evaluation(m, 1.5) for m in SEEN[n])) for n in SEEN}
    confirmation = judged(race, seen)
    record = ConfirmedRecord(at=AT, confirm=2, confirmation=confirmation, elapsed=9.0)
    store_study("won", *TRIALS, more=[record])
    state = read_state(LedgerFile(ledgers, "won"))
    assert state is not None
    found = recorded_result(state)
    assert found is not None
    return found


def test_the_result_has_the_winner_beside_the_best_trial(result: TuningResult) -> None:
    winner = result.winner
    assert isinstance(winner, Winner)
    assert (result.best_trial.number, winner.number) == (1, 0)
    assert winner.params == result.winning_params == {"x": 0.25}
    assert winner.mean == result.winning_metric == pytest.approx(0.812)
    assert winner.optimism == pytest.approx(-0.012)
    assert winner.interval is not None
    assert winner.interval[0] < 0.812 < winner.interval[1]
    assert (winner.tied, winner.cheapest, winner.evaluations, winner.failed) == ([], 0, 5, 0)
    assert result.duration == 9.0
    told = json.loads(result.to_json())
    assert told["winner"]["number"] == 0
    assert told["winning_params"] == {"x": 0.25}
    assert TuningResult.model_validate_json(result.to_json()) == result


def test_without_a_confirmation_the_best_trial_is_what_to_deploy(result: TuningResult) -> None:
    without = result.model_copy(update={"confirmation": None})
    assert without.winner is None
    assert without.winning_trial == without.best_trial
    assert (without.winning_params, without.winning_metric) == ({"x": 0.75}, 0.9)


def test_artifacts_have_the_verdict_and_the_parameters_of_the_winner(result: TuningResult) -> None:
    progress = Progress(completed=2, asked=2, best_trial=result.best_trial)
    shown = summary_markdown("won", "maximize", progress, "Complete", result)
    assert "Trial 0 wins" in shown
    assert '"x": 0.25' in shown
    assert result.confirmation is not None
    first, second = confirmation_rows(result.confirmation)
    assert (first["trial"], first["place"], second["place"]) == (0, "winner", "beaten")
    assert first["low"] < first["mean"] < first["high"]


def test_the_summary_of_a_run_has_the_winner(
    result: TuningResult, capsys: pytest.CaptureFixture[str]
) -> None:
    plain_console().print(summary_table(result))
    told = capsys.readouterr().out
    assert "Trial 0 wins" in told
    assert "0.25" in told
    assert "0.75" not in told


@pytest.mark.usefixtures("result")
def test_a_stored_study_is_shown_with_its_winner(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "won"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "Trial 0 wins" in told.replace("│ ", "")
    assert "Best trials, evaluated anew" in told
    assert main(["show", "won", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["winner"]["number"] == 0
    assert document["winning_params"] == {"x": 0.25}
    assert [each["place"] for each in document["confirmation"]["candidates"]] == [
        "winner",
        "beaten",
    ]
