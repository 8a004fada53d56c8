"""A study whose trials hear before it does that somebody has cancelled its flow run."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Cancelling

from prefect_tuner import Outcome, StopReason, Study, TunerConfig, TuningCancelled
from prefect_tuner.flows.run.cancellation import flow_run_is_cancelled
from prefect_tuner.flows.run.trial_loop import TrialLoop
from prefect_tuner.strategies.strategy import Budget
from tests.flows.ledgers import SPACE, SimulatedRun, state_of
from tests.flows.simulated_engine import SimulatedEngine, train

TRIALS = 6


def run(folder: Path, engine: SimulatedEngine, *, is_cancelled: bool) -> StopReason:
    simulated = SimulatedRun(folder, Study(SPACE, "random", "minimize", seed=7), train)
    loop = TrialLoop(
        study=simulated.study,
        config=TunerConfig(max_trials=TRIALS),
        budget=Budget(max_trials=TRIALS),
        notify=lambda _: None,
        is_cancelled=lambda: is_cancelled,
    )
    with simulated.ledger:
        assert loop.resume() is None
        return loop.run(engine)


def test_it_stops_and_goes_on_with_the_trials_that_were_stopped(tmp_path: Path) -> None:
    with pytest.raises(TuningCancelled, match="its flow run was cancelled"):
        run(
            tmp_path, SimulatedEngine(Random(0), concurrency=2, cancelled=TRIALS), is_cancelled=True
        )
    ended = len(state_of(tmp_path).finished)
    assert TRIALS - 2 <= ended < TRIALS
    assert run(tmp_path, SimulatedEngine(Random(0)), is_cancelled=False) is StopReason.MAX_TRIALS
    outcomes = [trial.outcome for trial in state_of(tmp_path).trials]
    assert outcomes == [Outcome.COMPLETED] * TRIALS


def test_one_that_was_cancelled_alone_leaves_the_study_to_go_on(tmp_path: Path) -> None:
    engine = SimulatedEngine(Random(0), cancelled=3)
    assert run(tmp_path, engine, is_cancelled=False) is StopReason.MAX_TRIALS
    assert len(state_of(tmp_path).finished) == TRIALS - 1


@pytest.mark.usefixtures("prefect_server")
def test_a_flow_run_knows_when_somebody_has_cancelled_it() -> None:
    known = []

    @flow
    def cancelled_meanwhile() -> None:
        known.append(flow_run_is_cancelled())
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(flow_run.id, Cancelling())
        known.append(flow_run_is_cancelled())

    cancelled_meanwhile(return_state=True)
    assert known == [False, True]


def test_where_there_is_no_flow_run_nobody_has_cancelled_it() -> None:
    assert not flow_run_is_cancelled()
