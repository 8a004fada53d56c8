"""A study whose trials hear before it does that somebody has cancelled its flow run."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from prefect_tuner import Outcome, StopReason, Study, TunerConfig, TuningCancelled
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
