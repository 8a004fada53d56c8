"""What a user sees of strategies: who was chosen and why, who gave which trial, what it brought."""

from __future__ import annotations

import csv
import re
from typing import Any

import pytest
from rich.console import Console

from prefect_tuner import Float, Int, InvalidConfiguration, StudyStarted, TuningObserver
from prefect_tuner.flows.commands.study_resumption import resumption_parameters
from prefect_tuner.flows.exports.study_export import export_text
from prefect_tuner.flows.ledger.ledger import read_state
from prefect_tuner.flows.ledger.stored_study import read_study
from prefect_tuner.flows.ledger.study_state import StudyState
from prefect_tuner.flows.reports.study_page import study_page
from prefect_tuner.flows.run.default_storage import storage_or_default
from prefect_tuner.flows.storage.storage_address import open_store
from prefect_tuner.goal import Goal
from prefect_tuner.strategies.credit import credits_of
from tests.flows.dependent_strategy import DependentSearch
from tests.flows.flow_runs import FlowRun, artifacts, log_lines, run_tune
from tests.flows.objectives import value
from tests.polling import eventually

pytestmark = pytest.mark.usefixtures("prefect_server")

X = {"x": Float(0.0, 1.0)}
PAIR = {"name": "portfolio", "strategies": [DependentSearch, "random"]}


def state_of(study: str) -> StudyState:
    found = read_state(open_store(storage_or_default(""), study))
    assert found is not None
    return found


def in_log(run: FlowRun, *sentences: str) -> None:
    """Wait until the log of a flow run has all of these lines."""

    def told() -> None:
        lines = [line for _, line in log_lines(run.id)]
        assert [sentence for sentence in sentences if sentence not in lines] == []

    eventually(told)


def test_the_log_says_what_auto_chose_and_why() -> None:
    run = run_tune(value, study="by-default", max_trials=5)
    assert [trial.proposer for trial in run.result.trials] == ["gp"] * 5
    assert state_of("by-default").definition.strategy == {"name": "auto"}
    in_log(
        run,
        "Strategy: auto chose gp, which needs the fewest trials where there are up to 200 "
        "parameters (here 1)",
    )


def test_auto_knows_the_budget() -> None:
    class Listener(TuningObserver):
        reason = ""

        def on_study_started(self, event: StudyStarted) -> None:
            self.reason = event.reason

    listener = Listener()
    space = {"x": Int(0, 2)}
    run = run_tune(value, space, max_trials=9, max_concurrency=2, observers=[listener])
    assert listener.reason is not None
    assert re.match(r"auto chose gp.*\b9 trials\b.*\b3$", listener.reason)
    assert sorted(trial.params["x"] for trial in run.result.trials) == [0, 1, 2]
    assert run.result.stop_reason == "exhausted"


def test_auto_gives_the_trials_to_another_strategy_where_many_run_at_a_time() -> None:
    run_tune(value, study="wide", max_trials=2, max_concurrency=4)
    wide = run_tune(value, study="wide", max_trials=4, max_concurrency=65).result
    assert [trial.proposer for trial in wide.trials] == ["gp", "gp", "tpe", "tpe"]


def test_a_study_by_auto_is_extended_and_is_then_the_one_with_the_larger_budget() -> None:
    run_tune(value, study="pieces", max_trials=5)
    pieces = run_tune(value, study="pieces", max_trials=8).result
    whole = run_tune(value, study="whole", max_trials=8).result
    assert pieces.digest == whole.digest
    assert [trial.proposer for trial in pieces.trials] == ["gp"] * 8


@pytest.mark.parametrize("reproducible", [False, True])
def test_a_portfolio_in_pieces_is_the_portfolio_in_one_piece(reproducible: bool) -> None:
    rules: dict[str, Any] = {"strategy": PAIR, "reproducible": reproducible}
    workers = 1
    if reproducible:
        workers, rules["lag"] = 3, 3
    for budget in (4, 12):
        run_tune(value, study="pieces", max_trials=budget, max_concurrency=workers, **rules)
    pieces = run_tune(value, study="pieces", max_trials=15, **rules).result
    whole = run_tune(value, study="whole", max_trials=15, **rules).result
    assert pieces.digest == whole.digest
    assert [t.proposer for t in pieces.trials] == [t.proposer for t in whole.trials]
    assert len({t.proposer for t in pieces.trials}) == 2


def test_it_is_shown_which_strategy_got_how_many_trials_and_what_they_brought() -> None:
    strategy = {"name": "portfolio", "strategies": ["random", "sobol"]}
    initial = [{"params": {"x": 0.5}}]
    run = run_tune(value, study="Pair", strategy=strategy, max_trials=9, initial_trials=initial)
    trials = run.result.trials
    assert [t.proposer for t in trials] == ["", *["random", "sobol"] * 4]
    credit = credits_of(trials, Goal("maximize"))
    in_log(
        run,
        "Strategy: random and sobol take turns, by the improvements that their trials bring",
        f"Credit by strategy: random: {credit['random']}; sobol: {credit['sobol']}",
    )
    (board,) = [d for key, d in artifacts(run.id).items() if key.endswith("-leaderboard")]
    assert {row["trial"]: row["proposer"] or "" for row in board} == {
        t.number: t.proposer for t in trials
    }
    study = read_study(storage_or_default(""), "Pair")
    assert study.state is not None
    rows = list(csv.DictReader(export_text(study, study.state, "csv").splitlines()))
    assert [row["proposer"] for row in rows] == [t.proposer for t in trials]
    console = Console(width=100)
    with console.capture() as capture:
        console.print(study_page(study, study.state, 100))
    assert "Credit by strategy" in capture.get()
    assert "│ random   │      4 │" in capture.get()


def test_a_portfolio_with_a_class_of_the_program_cannot_be_resumed_without_it() -> None:
    run_tune(value, study="own", strategy=PAIR, max_trials=2)
    with pytest.raises(InvalidConfiguration, match=r"strategy: 'tests\.flows\.dependent_strategy:"):
        resumption_parameters(state_of("own"), "")
